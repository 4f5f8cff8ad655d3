/**
 * An API as many are that follow no standard: `GET /login` with a signature in the query (HMAC-SHA256 of partner, path and
 * time), the token deep in the JSON, and HTTP 200 for a refusal as well: a code says how it went.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { defineUpstream } from './define-upstream.ts';
import { mintOpaqueText, statedSeconds } from './issued-text.ts';
import type { ErrorDetail } from './upstream.ts';

const LOGIN_PATH = '/login';
const MAX_SKEW_MS = 300_000;

export const HTTP = defineUpstream({
  name: 'http',
  credentials: { partnerId: 'partner', partnerKey: 'pk' },
  lifetimeMs: 3_600_000,
  create: ({ reveal, random }) => {
    const partnerId = reveal('partnerId');

    const isSigned = (query: URLSearchParams): boolean => {
      if (query.get('partner') !== partnerId) return false;
      const text = `${partnerId}${LOGIN_PATH}${query.get('ts') ?? ''}`;
      const expected = createHmac('sha256', reveal('partnerKey')).update(text).digest();
      const given = Buffer.from(query.get('sign') ?? '', 'hex');
      return given.length === expected.length && timingSafeEqual(given, expected);
    };

    return {
      answer: ({ request, statedNowMs, rejectsCredentials, grant, reply }) => {
        if (request.path !== LOGIN_PATH) return reply(404, describeError(404));
        if (request.method !== 'GET') return reply(405, describeError(405), { allow: 'GET' });
        const query = new URLSearchParams(request.query);
        if (!isSigned(query) || rejectsCredentials) return reply(200, describeError(401));
        if (!isTimely(query.get('ts') ?? '', statedNowMs)) return reply(200, WRONG_TIME);
        const granted = grant(partnerId, () => mintOpaqueText(random, ''));
        const session = { token: granted.token, validFor: statedSeconds(granted) };
        return reply(200, { code: 'OK', data: { session } });
      },
      describeError,
    };
  },
});

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
