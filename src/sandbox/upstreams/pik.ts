/** PIK: `POST /auth/token` with `appId` and `appSecret` in the body; a JWT for 30 minutes. */
import { defineUpstream } from './define-upstream.ts';
import { createJwtMint } from './issued-text.ts';

export const PIK = defineUpstream({
  name: 'pik',
  credentials: { appId: 'app', appSecret: 'as' },
  lifetimeMs: 1_800_000,
  paths: ['/auth/token'],
  create: ({ reveal, random }) => {
    const mintJwt = createJwtMint(random);
    return {
      answer: ({ body, rejectsCredentials, grant, reply }) => {
        const { appId, appSecret } = body;
        const isKnown = appId === reveal('appId') && appSecret === reveal('appSecret');
        // Only 200 and 500 are documented; the envelope's `code` is 401 both times.
        if (!isKnown || rejectsCredentials)
          return reply(500, describeError(401, 'invalid appId or appSecret'));
        const { token, statedNowMs, statedLifetimeMs } = grant(appId, (claims) => mintJwt(appId, claims));
        const expireTime =
          statedLifetimeMs === undefined ? undefined : new Date(statedNowMs + statedLifetimeMs).toISOString();
        return reply(200, { code: 200, message: 'success', data: { token, expireTime } });
      },
      describeError: (status, { message = 'system error' } = {}) => describeError(status, message),
    };
  },
});

function describeError(code: number, message: string): string {
  return JSON.stringify({ code, message, data: null });
}
