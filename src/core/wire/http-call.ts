/**
 * One HTTP call, as the rooms that need one see it; `adapters/net` makes it.
 *
 * Guarantee: no answer is taken from bytes that were there before the request was sent; `isSent` of a fault is exact:
 * when it is false, not a byte of the request has left, or the other side has refused our certificate, without which it
 * does not look at a request.
 */
import type { CallTls } from './call-tls.ts';

export interface HttpCall {
  readonly method: string;
  /** https, or http where the caller allows it. */
  readonly url: URL;
  /** May hold credentials. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | undefined;
  /** For https: certificates to trust, and one to show. Not for the way to a proxy. */
  readonly tls?: CallTls | undefined;
  /** Limit for the connection (name, TCP, TLS), in milliseconds; by default {@link CONNECT_LIMIT_MS}. */
  readonly connectLimitMs?: number;
  /** Limit from the moment the request is sent until the answer is complete; without it only `signal` ends the call. */
  readonly answerLimitMs?: number;
  /** Limit for both together, for a call that has to fit into what others have left. */
  readonly totalLimitMs?: number | undefined;
  /** By status: false ends the call when the headers have arrived, with an empty body. By default the body is read. */
  readonly wantsBody?: ((status: number) => boolean) | undefined;
  /** Asked right before the request is sent: connecting takes its time. When true, nothing is sent. */
  readonly isOver?: (() => boolean) | undefined;
}

/** Of which a name may take 5 s. */
export const CONNECT_LIMIT_MS = 8_000;

/** A longer body, before or after decoding, is not read on. */
export const MAX_BODY_BYTES = 1_048_576;

export interface HttpAnswer {
  readonly status: number;
  /** Names in lower case; values in the order in which they came. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly body: HttpBody;
  /** Wall time just before the request was sent, in milliseconds. */
  readonly sentAtMs: number;
  /** Monotonic time just before the request was sent, in milliseconds. */
  readonly sentAtMonotonicMs: number;
  /** Wall time when the headers arrived, in milliseconds. */
  readonly receivedAtMs: number;
}

/** Complete and decoded; or why not, as what continues "answered 200 with …". */
export type HttpBody = { readonly bytes: Uint8Array } | { readonly problem: string };

export interface HttpTransport {
  /**
   * Sends one request over a connection of its own. Follows no redirect.
   * @throws {HttpFault} for whatever a network or a server can do, and when `signal` or `isOver` ends the call;
   *   `TypeError` for a header that HTTP does not allow
   */
  send(call: HttpCall, signal: AbortSignal): Promise<HttpAnswer>;
}

/** Why there is no answer. The text never names the other side's host, which may be a secret, and quotes nothing of it. */
export class HttpFault extends Error {
  override readonly name = 'HttpFault';
  /** `ECONNREFUSED`, `CERT_HAS_EXPIRED`, `ETIMEDOUT`, …: ours where the system has none. */
  readonly code: string;
  /** Lower case, continues "failed: ". */
  readonly reason: string;
  /** What to check. */
  readonly advice: string;
  /** False when nothing of the request has been looked at; see the guarantee above. */
  readonly isSent: boolean;
  /** True when a client certificate is missing, refused or unusable: a credential has to change, asking again is no use. */
  readonly isCertificateRefused: boolean;

  constructor(
    code: string,
    reason: string,
    advice: string,
    {
      isSent,
      isCertificateRefused = false,
    }: { readonly isSent: boolean; readonly isCertificateRefused?: boolean },
  ) {
    super(`${reason}: ${advice}`);
    this.code = code;
    this.reason = reason;
    this.advice = advice;
    this.isSent = isSent;
    this.isCertificateRefused = isCertificateRefused;
  }
}
