/** Pivot's merchant login: `POST /v1/access-token` with id and secret in headers; an opaque token for 15 minutes. */
import { defineUpstream } from './define-upstream.ts';
import { mintOpaqueText, statedSeconds } from './issued-text.ts';

export const PIVOT = defineUpstream({
  name: 'pivot',
  credentials: { merchantId: 'merchant', merchantSecret: 'ms' },
  lifetimeMs: 900_000,
  paths: ['/v1/access-token'],
  create: ({ reveal, random }) => ({
    answer: ({ request: { headers }, body, rejectsCredentials, grant, reply }) => {
      const merchantId = reveal('merchantId');
      const isKnown =
        headers.get('x-merchant-id') === merchantId &&
        headers.get('x-merchant-secret') === reveal('merchantSecret');
      if (!isKnown || rejectsCredentials) return reply(401, describeError(401, 'Unauthorized'));
      if (body['grantType'] !== 'client_credentials')
        return reply(400, describeError(400, 'Invalid Field Format grantType'));
      const granted = grant(merchantId, () => mintOpaqueText(random, 'pivot'));
      const expiresIn = statedSeconds(granted)?.toString();
      const data = { accessToken: granted.token, expiresIn, tokenType: 'Bearer' };
      return reply(200, { code: '00', message: 'Successful', data });
    },
    describeError: (status, { message = 'General Error' } = {}) => describeError(status, message),
  }),
});

function describeError(status: number, message: string): string {
  return JSON.stringify({ code: String(status), message });
}
