import type { ProviderFault, RetryAfter } from '../fault.ts';
import { answerJson } from './token-request.ts';
import type { Distortion, Upstream, UpstreamRequest, UpstreamResponse } from './upstream.ts';

/** What the server does with one request. */
export type Delivery =
  | { readonly deliver: 'answer'; readonly response: UpstreamResponse }
  /** Half of the body, then the connection ends (`truncated`) or nothing more happens (`stalled`). */
  | { readonly deliver: 'truncated' | 'stalled'; readonly response: UpstreamResponse }
  | { readonly deliver: 'nothing' | 'reset' };

export interface FaultContext {
  readonly upstream: Upstream;
  readonly request: UpstreamRequest;
  /** Answers the request as the upstream would without the fault. */
  readonly handle: () => UpstreamResponse;
  /** The provider's (perhaps skewed) wall time in milliseconds. */
  readonly statedNowMs: number;
  /** Where a redirect without a port leads to. */
  readonly ownPort: number;
}

const MEBIBYTE = 1024 * 1024;

/** Delay before the answer in milliseconds: all latencies together. */
export function findLatency(faults: readonly ProviderFault[]): number {
  return faults.reduce((delayMs, fault) => delayMs + (fault.fault === 'latency' ? fault.delayMs : 0), 0);
}

/** The part of the faults that the upstream itself has to play. */
export function distort(faults: readonly ProviderFault[]): Distortion {
  return Object.assign({}, ...faults.map(distortOnce));
}

function distortOnce(fault: ProviderFault): Distortion {
  switch (fault.fault) {
    case 'clock-skew':
      return { clockSkewMs: fault.skewMs };
    case 'lifetime':
      return { lifetimeMs: fault.lifetimeMs };
    case 'wrong-credentials':
      return { rejectsCredentials: true };
    case 'same-token':
      return { repeatsToken: true };
    case 'expiry':
      return { expiry: fault.expiry };
    default:
      return {};
  }
}

/** Plays the first fault that replaces or breaks the answer; without one the answer is the upstream's own. */
export function deliver(faults: readonly ProviderFault[], context: FaultContext): Delivery {
  for (const fault of faults) {
    const delivery = breakAnswer(fault, context);
    if (delivery !== undefined) return delivery;
  }
  return { deliver: 'answer', response: context.handle() };
}

function breakAnswer(fault: ProviderFault, context: FaultContext): Delivery | undefined {
  const { upstream, request, handle, statedNowMs } = context;
  const answer = (
    status: number,
    body: string,
    headers: Readonly<Record<string, string>> = {},
  ): Delivery => ({
    deliver: 'answer',
    response: answerJson(status, body, statedNowMs, headers),
  });
  switch (fault.fault) {
    case 'status': {
      const { retryAfter } = fault;
      const inBody = retryAfter?.form === 'body' ? { retryAfterSeconds: retryAfter.seconds } : {};
      return answer(
        fault.status,
        upstream.describeError(fault.status, inBody),
        retryAfterHeader(retryAfter, statedNowMs),
      );
    }
    case 'envelope-error':
      return answer(200, upstream.describeError(fault.status));
    case 'echo':
      return answer(400, upstream.describeError(400, { message: quoteRequest(request) }));
    case 'malformed':
      return answer(200, '{"status":"ok"}');
    case 'not-json':
      return answer(200, '<!doctype html><title>Welcome</title><p>It works!</p>', {
        'content-type': 'text/html',
      });
    case 'oversize': {
      const response = handle();
      return { deliver: 'answer', response: { ...response, body: response.body + ' '.repeat(MEBIBYTE) } };
    }
    case 'redirect':
      return answer(fault.status, '', {
        location: `http://127.0.0.1:${fault.port ?? context.ownPort}/_sandbox/redirected`,
      });
    case 'truncated':
      return { deliver: 'truncated', response: handle() };
    case 'slow-body':
      return { deliver: 'stalled', response: handle() };
    case 'slow-headers':
      return { deliver: 'nothing' };
    case 'reset':
      return { deliver: 'reset' };
    case 'lost-answer':
      handle();
      return { deliver: 'reset' };
    case 'latency':
    case 'clock-skew':
    case 'lifetime':
    case 'wrong-credentials':
    case 'same-token':
    case 'expiry':
      return undefined;
  }
}

function quoteRequest({ query = '', headers, body }: UpstreamRequest): string {
  return `bad request: ${query} ${JSON.stringify(Object.fromEntries(headers))} ${body}`;
}

function retryAfterHeader(retryAfter: RetryAfter | undefined, statedNowMs: number): Record<string, string> {
  switch (retryAfter?.form) {
    case 'seconds':
      return { 'retry-after': String(retryAfter.seconds) };
    case 'date':
      return { 'retry-after': new Date(statedNowMs + retryAfter.seconds * 1000).toUTCString() };
    case 'body':
    case undefined:
      return {};
  }
}
