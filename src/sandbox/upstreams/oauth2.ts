/**
 * An authorization server as RFC 6749 has it: `POST /token` with form fields, clients that sign (`private_key_jwt`, RFC
 * 7523), and refresh tokens that rotate. `POST /consent` stands for the user who agrees in a browser: it answers with the
 * refresh token of a new consent.
 */
import { AssertionVerifier, type OAuth2Client } from './assertion-verifier.ts';
import { mintOpaqueText, toSeconds } from './issued-text.ts';
import { RefreshGrants } from './refresh-grants.ts';
import { TokenLedger } from './token-ledger.ts';
import { answerJson } from './token-request.ts';
import type { ErrorDetail, Upstream, UpstreamContext, UpstreamRequest } from './upstream.ts';

export const OAUTH2_LIFETIME_MS = 3_600_000;
export const OAUTH2_REFRESH_TOKEN_LIFETIME_MS = 30 * 86_400_000;

const TOKEN_PATH = '/token';
const CONSENT_PATH = '/consent';

export interface OAuth2Options {
  readonly client: OAuth2Client;
  /** Of a consent that somebody has given before the sandbox began. */
  readonly refreshToken: string;
  readonly refreshTokenLifetimeMs: number;
}

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

export function createOAuth2(context: UpstreamContext, options: OAuth2Options): Upstream {
  const { client, refreshTokenLifetimeMs } = options;
  const { clock, random } = context;
  const ledger = new TokenLedger();
  const grants = new RefreshGrants(random, refreshTokenLifetimeMs);
  const verifier = new AssertionVerifier(client);
  grants.consent(clock.now(), options.refreshToken);

  const permit = (parameters: URLSearchParams, nowMs: number): Permission | Refusal => {
    switch (parameters.get('grant_type')) {
      case 'client_credentials':
        return { owner: client.clientId };
      case 'refresh_token': {
        const exchange = grants.exchange(parameters.get('refresh_token') ?? '', nowMs);
        if ('consent' in exchange) return { owner: exchange.consent, refreshToken: exchange.refreshToken };
        // Whatever came of the consent is worth nothing any more.
        if (exchange.endsConsent !== undefined) ledger.revoke(exchange.endsConsent);
        return { error: 'invalid_grant' };
      }
      case null:
        return { error: 'invalid_request', error_description: 'missing parameter: grant_type' };
      default:
        return { error: 'unsupported_grant_type' };
    }
  };

  return {
    handle(request, distortion = {}) {
      const nowMs = clock.now();
      const statedNowMs = nowMs + (distortion.clockSkewMs ?? 0);
      const status = findProblem(request);
      if (status !== undefined) return answerJson(status, describeError(status), statedNowMs);
      if (request.path === CONSENT_PATH) {
        const refreshToken = grants.consent(nowMs);
        context.onSecretIssued?.(refreshToken);
        return answerJson(200, refreshToken, statedNowMs, { 'content-type': 'text/plain; charset=utf-8' });
      }
      const refuse = (refusal: Refusal) =>
        answerJson(refusal.error === 'invalid_client' ? 401 : 400, { ...refusal }, statedNowMs, NO_STORE);
      const parameters = new URLSearchParams(request.body);
      if (new Set(parameters.keys()).size !== parameters.size)
        return refuse({ error: 'invalid_request', error_description: 'duplicate parameter' });
      const problem = distortion.rejectsCredentials
        ? 'unknown client'
        : verifier.findProblem(parameters, statedNowMs);
      if (problem !== undefined) return refuse({ error: 'invalid_client', error_description: problem });
      const permission = permit(parameters, nowMs);
      if ('error' in permission) return refuse(permission);
      const { owner, refreshToken } = permission;
      const grant = ledger.grant(owner, nowMs, context.lifetimeMs, distortion, () =>
        mintOpaqueText(random, 'at_'),
      );
      context.onSecretIssued?.(grant.token);
      if (refreshToken !== undefined) context.onSecretIssued?.(refreshToken);
      const { statedLifetimeMs } = grant;
      const body = {
        access_token: grant.token,
        token_type: 'Bearer',
        ...(statedLifetimeMs === undefined ? {} : { expires_in: toSeconds(statedLifetimeMs) }),
        ...(refreshToken === undefined
          ? {}
          : { refresh_token: refreshToken, refresh_token_expires_in: toSeconds(refreshTokenLifetimeMs) }),
      };
      return answerJson(200, body, statedNowMs, NO_STORE);
    },
    describeError,
    isValid: (token, nowMs) => ledger.isValid(token, nowMs),
  };
}

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
