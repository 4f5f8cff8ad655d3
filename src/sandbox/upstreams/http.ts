/**
 * An API as many are that follow no standard: `GET /login` with a signature in the query (HMAC-SHA256 of partner, path and
 * time), the token deep in the JSON, and HTTP 200 for a refusal as well: a code says how it went.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { mintOpaqueText, toSeconds } from './issued-text.ts';
import { TokenLedger } from './token-ledger.ts';
import { answerJson } from './token-request.ts';
import type { ErrorDetail, Upstream, UpstreamContext } from './upstream.ts';

export const HTTP_LIFETIME_MS = 3_600_000;

const LOGIN_PATH = '/login';
const MAX_SKEW_MS = 300_000;

export interface HttpCredentials {
  readonly partnerId: string;
  readonly partnerKey: string;
}

export function createHttp(context: UpstreamContext, credentials: HttpCredentials): Upstream {
  const { partnerId, partnerKey } = credentials;
  const ledger = new TokenLedger();

  const isSigned = (query: URLSearchParams): boolean => {
    if (query.get('partner') !== partnerId) return false;
    const text = `${partnerId}${LOGIN_PATH}${query.get('ts') ?? ''}`;
    const expected = createHmac('sha256', partnerKey).update(text).digest();
    const given = Buffer.from(query.get('sign') ?? '', 'hex');
    return given.length === expected.length && timingSafeEqual(given, expected);
  };

  return {
    handle(request, distortion = {}) {
      const nowMs = context.clock.now();
      const statedNowMs = nowMs + (distortion.clockSkewMs ?? 0);
      if (request.path !== LOGIN_PATH) return answerJson(404, describeError(404), statedNowMs);
      if (request.method !== 'GET') return answerJson(405, describeError(405), statedNowMs, { allow: 'GET' });
      const query = new URLSearchParams(request.query);
      if (!isSigned(query) || distortion.rejectsCredentials)
        return answerJson(200, describeError(401), statedNowMs);
      if (!isTimely(query.get('ts') ?? '', statedNowMs)) return answerJson(200, WRONG_TIME, statedNowMs);
      const grant = ledger.grant(partnerId, nowMs, context.lifetimeMs, distortion, () =>
        mintOpaqueText(context.random, ''),
      );
      context.onSecretIssued?.(grant.token);
      const { statedLifetimeMs } = grant;
      const validFor = statedLifetimeMs === undefined ? {} : { validFor: toSeconds(statedLifetimeMs) };
      const session = { token: grant.token, ...validFor };
      return answerJson(200, { code: 'OK', data: { session } }, statedNowMs);
    },
    describeError,
    isValid: (token, nowMs) => ledger.isValid(token, nowMs),
  };
}

const WRONG_TIME = { code: 'ETIME', message: 'timestamp out of range' } as const;

function isTimely(seconds: string, statedNowMs: number): boolean {
  return Math.abs(Number(seconds) * 1000 - statedNowMs) <= MAX_SKEW_MS;
}

function describeError(status: number, { message, retryAfterSeconds }: ErrorDetail = {}): string {
  return JSON.stringify({
    code: `E${status}`,
    message: message ?? (status === 401 ? 'wrong signature' : 'error'),
    ...(retryAfterSeconds === undefined ? {} : { retryAfter: retryAfterSeconds }),
  });
}
