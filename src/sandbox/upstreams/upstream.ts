/**
 * The contract of a simulated provider API: a request goes in, the documented answer comes out.
 *
 * Guarantee: an upstream does no I/O and never waits; time and chance come from ports. Everything that a network can do
 * to an answer (latency, resets, cut bodies) is added by the server around it.
 */

export interface UpstreamRequest {
  readonly method: string;
  /** Without the provider's prefix and without the query: `/auth/token`. */
  readonly path: string;
  /** What follows the question mark; empty without one. */
  readonly query?: string;
  /** Names in lower case, values exactly as received (one character a byte). */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

export interface UpstreamResponse {
  readonly status: number;
  /** Names in lower case; always with `date` and `content-type`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export const EXPIRY_DISTORTIONS = ['missing', 'zero', 'negative', 'absurd'] as const;

/** What the answer says about expiry instead of the truth; the token itself lives as long as ever. */
export type ExpiryDistortion = (typeof EXPIRY_DISTORTIONS)[number];

/** How a fault bends an otherwise correct upstream for one request. */
export interface Distortion {
  /** Provider's clock minus the true one; shows in `Date`, in timestamps it checks and in times it states. */
  readonly clockSkewMs?: number;
  /** Life of a token issued now, instead of the configured one. */
  readonly lifetimeMs?: number;
  /** Treats right credentials as wrong ones. */
  readonly rejectsCredentials?: boolean;
  /** Hands out the newest token again, with the life it has left, while it is valid. */
  readonly repeatsToken?: boolean;
  readonly expiry?: ExpiryDistortion;
}

export interface ErrorDetail {
  /** What the envelope says, instead of the usual. */
  readonly message?: string;
  /** A wait for the body, at providers that have a field for it. */
  readonly retryAfterSeconds?: number;
}

export interface Upstream {
  handle(request: UpstreamRequest, distortion?: Distortion): UpstreamResponse;
  /** The provider's error envelope for a status, as it would send it. */
  describeError(status: number, detail?: ErrorDetail): string;
  /** True for an access token that this upstream issued and that is neither expired nor revoked at `nowMs`. */
  isValid(token: string, nowMs: number): boolean;
}
