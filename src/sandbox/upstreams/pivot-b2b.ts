/** Pivot's B2B token: `POST /open-api/v1/access-token/b2b` with SNAP headers; an opaque token for 15 minutes. */
import { defineUpstream } from './define-upstream.ts';
import { mintOpaqueText, statedSeconds } from './issued-text.ts';
import {
  badField,
  describeSnapErrors,
  describeSnapProblem,
  findSnapProblem,
  SNAP_CREDENTIALS,
} from './snap-verifier.ts';

export const PIVOT_B2B = defineUpstream({
  name: 'pivot-b2b',
  credentials: SNAP_CREDENTIALS,
  lifetimeMs: 900_000,
  paths: ['/open-api/v1/access-token/b2b'],
  create: ({ reveal, random, publicKey }) => ({
    answer: (exchange) => {
      const { body, grant, reply } = exchange;
      const clientId = reveal('clientId');
      const problem =
        findSnapProblem(exchange, { clientId, publicKey }) ??
        (body['grantType'] === 'client_credentials' ? undefined : badField('grantType'));
      if (problem !== undefined) return reply(problem.status, describeSnapProblem('73', problem));
      const granted = grant(clientId, () => mintOpaqueText(random, 'b2b'));
      return reply(200, {
        responseCode: '2007300',
        responseMessage: 'Successful',
        accessToken: granted.token,
        tokenType: 'Bearer',
        expiresIn: statedSeconds(granted)?.toString(),
      });
    },
    describeError: describeSnapErrors('73'),
  }),
});
