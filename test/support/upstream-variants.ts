/** What is undocumented of the simulated APIs, or only met now and then: more than the sandbox shows. */
import { isJsonObject, parseJson } from '../../src/core/wire/json.ts';
import { answerJson } from '../../src/sandbox/upstreams/token-request.ts';
import type { Upstream, UpstreamResponse } from '../../src/sandbox/upstreams/upstream.ts';
import type { Upstreams } from '../../src/sandbox/upstreams/upstreams.ts';
import { FixedWindowLimit } from './fixed-window-limit.ts';

/** PIK's `expireTime` is documented as "string" and no more, so all of these may be met. */
export const EXPIRE_TIME_FORMATS = ['iso', 'epoch-seconds', 'epoch-ms', 'seconds'] as const;

export interface UpstreamVariants {
  readonly pik?: {
    /** `iso` by default. */
    readonly expireTimeFormat?: (typeof EXPIRE_TIME_FORMATS)[number];
    /** HTTP status of an answer to wrong credentials; 500 by default. */
    readonly rejectionStatus?: 200 | 500;
  };
  /** APIMW enforces its free plan's 10 requests a minute, 100 an hour and 1000 a day. */
  readonly hasApimwRateLimit?: boolean;
}

export function withVariants(
  upstreams: Upstreams,
  { pik = {}, hasApimwRateLimit = false }: UpstreamVariants,
  now: () => number,
): Upstreams {
  return {
    ...upstreams,
    pik: {
      ...upstreams.pik,
      handle: (request, distortion) => {
        const response = upstreams.pik.handle(request, distortion);
        const isRejection = response.status === 500 && response.body.includes('appSecret');
        if (isRejection) return { ...response, status: pik.rejectionStatus ?? 500 };
        return withExpireTime(response, pik.expireTimeFormat ?? 'iso');
      },
    },
    apimw: hasApimwRateLimit ? withRateLimit(upstreams.apimw, now) : upstreams.apimw,
  };
}

function withExpireTime(
  response: UpstreamResponse,
  format: (typeof EXPIRE_TIME_FORMATS)[number],
): UpstreamResponse {
  const body = parseJson(response.body);
  if (!isJsonObject(body) || !isJsonObject(body['data'])) return response;
  const { expireTime } = body['data'];
  if (typeof expireTime !== 'string') return response;
  const expiresAtMs = Date.parse(expireTime);
  const statedNowMs = Date.parse(response.headers['date'] ?? '');
  const texts = {
    iso: expireTime,
    'epoch-seconds': String(Math.floor(expiresAtMs / 1000)),
    'epoch-ms': String(expiresAtMs),
    seconds: String(Math.floor((expiresAtMs - statedNowMs) / 1000)),
  };
  const data = { ...body['data'], expireTime: texts[format] };
  return { ...response, body: JSON.stringify({ ...body, data }) };
}

function withRateLimit(upstream: Upstream, now: () => number): Upstream {
  const limit = new FixedWindowLimit();
  return {
    ...upstream,
    handle: (request, distortion = {}) => {
      const waitMs = limit.take(now());
      if (waitMs === 0) return upstream.handle(request, distortion);
      const statedNowMs = now() + (distortion.clockSkewMs ?? 0);
      const retryAfterSeconds = Math.ceil(waitMs / 1000);
      const reset = String(Math.floor(statedNowMs / 1000) + retryAfterSeconds);
      const body = upstream.describeError(429, { retryAfterSeconds });
      return answerJson(429, body, statedNowMs, { 'x-ratelimit-reset': reset });
    },
  };
}
