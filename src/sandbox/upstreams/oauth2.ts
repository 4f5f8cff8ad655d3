/**
 * An authorization server as RFC 6749 has it: `POST /token` with form fields, clients that sign (`private_key_jwt`, RFC
 * 7523), and refresh tokens that rotate. `POST /consent` stands for the user who agrees in a browser: it answers with the
 * refresh token of a new consent.
 */
import { AssertionVerifier } from './assertion-verifier.ts';
import { defineUpstream, type Exchange, PRIVATE_KEY } from './define-upstream.ts';
import { mintOpaqueText, statedSeconds, toSeconds } from './issued-text.ts';
import { RefreshGrants } from './refresh-grants.ts';
import type { ErrorDetail, UpstreamRequest } from './upstream.ts';

const TOKEN_PATH = '/token';
const CONSENT_PATH = '/consent';

/** RFC 6749, 5.2. */
interface Refusal {
  readonly error: string;
  readonly error_description?: string;
}

/** Who the token is for: a client, or a consent, whose next refresh token comes with it. */
interface Permission {
  readonly owner: string;
  readonly refreshToken?: string;
}

/** RFC 6749, 5.1. */
const NO_STORE = { 'cache-control': 'no-store' } as const;

export const OAUTH2 = defineUpstream({
  name: 'oauth2',
  // Messages leave out words that a credential holds, and those of OAuth are about clients. The refresh token is that of a
  // consent that somebody has given before the sandbox began.
  credentials: { clientId: 'shop', privateKey: PRIVATE_KEY, refreshToken: 'rt_' },
  lifetimeMs: 3_600_000,
  refreshTokenLifetimeMs: 30 * 86_400_000,
  create: ({ clock, random, reveal, publicKey, refreshTokenLifetimeMs }) => {
    const clientId = reveal('clientId');
    const grants = new RefreshGrants(random, refreshTokenLifetimeMs);
    const verifier = new AssertionVerifier({ clientId, publicKey });
    grants.consent(clock.now(), reveal('refreshToken'));

    const permit = (parameters: URLSearchParams, { nowMs, revoke }: Exchange): Permission | Refusal => {
      switch (parameters.get('grant_type')) {
        case 'client_credentials':
          return { owner: clientId };
        case 'refresh_token': {
          const exchange = grants.exchange(parameters.get('refresh_token') ?? '', nowMs);
          if ('consent' in exchange) return { owner: exchange.consent, refreshToken: exchange.refreshToken };
          // Whatever came of the consent is worth nothing any more.
          if (exchange.endsConsent !== undefined) revoke(exchange.endsConsent);
          return { error: 'invalid_grant' };
        }
        case null:
          return { error: 'invalid_request', error_description: 'missing parameter: grant_type' };
        default:
          return { error: 'unsupported_grant_type' };
      }
    };

    return {
      answer: (exchange) => {
        const { request, nowMs, statedNowMs, rejectsCredentials, grant, issue, reply } = exchange;
        const status = findProblem(request);
        if (status !== undefined) return reply(status, describeError(status));
        if (request.path === CONSENT_PATH)
          return reply(200, issue(grants.consent(nowMs)), { 'content-type': 'text/plain; charset=utf-8' });
        const refuse = (refusal: Refusal) =>
          reply(refusal.error === 'invalid_client' ? 401 : 400, { ...refusal }, NO_STORE);
        const parameters = new URLSearchParams(request.body);
        if (new Set(parameters.keys()).size !== parameters.size)
          return refuse({ error: 'invalid_request', error_description: 'duplicate parameter' });
        const problem = rejectsCredentials ? 'unknown client' : verifier.findProblem(parameters, statedNowMs);
        if (problem !== undefined) return refuse({ error: 'invalid_client', error_description: problem });
        const permission = permit(parameters, exchange);
        if ('error' in permission) return refuse(permission);
        const { owner, refreshToken } = permission;
        const granted = grant(owner, () => mintOpaqueText(random, 'at_'));
        const renewal =
          refreshToken === undefined
            ? {}
            : {
                refresh_token: issue(refreshToken),
                refresh_token_expires_in: toSeconds(refreshTokenLifetimeMs),
              };
        const body = {
          access_token: granted.token,
          token_type: 'Bearer',
          expires_in: statedSeconds(granted),
        };
        return reply(200, { ...body, ...renewal }, NO_STORE);
      },
      describeError,
    };
  },
});

function findProblem({ method, path, headers }: UpstreamRequest): number | undefined {
  if (path !== TOKEN_PATH && path !== CONSENT_PATH) return 404;
  if (method !== 'POST') return 405;
  const type = headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
  return path === CONSENT_PATH || type === 'application/x-www-form-urlencoded' ? undefined : 415;
}

function describeError(status: number, { message }: ErrorDetail = {}): string {
  return JSON.stringify({
    error: errorFor(status),
    ...(message === undefined ? {} : { error_description: message }),
  });
}

/** RFC 6749 names none for 429; servers say this. */
function errorFor(status: number): string {
  if (status === 401) return 'invalid_client';
  if (status === 403) return 'access_denied';
  if (status === 429) return 'too_many_requests';
  if (status === 503) return 'temporarily_unavailable';
  return status < 500 ? 'invalid_request' : 'server_error';
}
