/** PaySecurez: `POST /api/token` with `client_id` and `client_secret` in the body; a JWT for 30 minutes. */
import { defineUpstream } from './define-upstream.ts';
import { createJwtMint, statedSeconds } from './issued-text.ts';

export const PAYSECUREZ = defineUpstream({
  name: 'paysecurez',
  credentials: { clientId: 'client', clientSecret: 'cs' },
  lifetimeMs: 1_800_000,
  paths: ['/api/token'],
  create: ({ reveal, random }) => {
    const mintJwt = createJwtMint(random);
    return {
      answer: ({ body, rejectsCredentials, grant, reply }) => {
        const { client_id: clientId, client_secret: clientSecret } = body;
        const isKnown = clientId === reveal('clientId') && clientSecret === reveal('clientSecret');
        if (!isKnown || rejectsCredentials)
          return reply(401, describeError(401, 'Unauthorized', 'Invalid client credentials'));
        const granted = grant(clientId, (claims) => mintJwt(clientId, claims));
        const expiresIn = statedSeconds(granted);
        return reply(200, { access_token: granted.token, expires_in: expiresIn, token_type: 'Bearer' });
      },
      describeError: (status, { message = 'Error' } = {}) => describeError(status, message),
    };
  },
});

function describeError(statusCode: number, message: string, error: string = message): string {
  return JSON.stringify({ statusCode, message, error });
}
