/** A fault on demand: what goes wrong, where, and when. */
import type { StoreFault } from './secrets-manager/store-fault.ts';
import type { ExpiryDistortion } from './upstreams/upstream.ts';

/** How an answer asks for patience: a header with seconds, a header with a date, or a field of the body. */
export interface RetryAfter {
  readonly form: 'seconds' | 'date' | 'body';
  readonly seconds: number;
}

/** What can go wrong with a provider. */
export type ProviderFault =
  /** The provider's error envelope with this HTTP status. */
  | { readonly fault: 'status'; readonly status: number; readonly retryAfter: RetryAfter | undefined }
  /** The provider's error envelope for this status, with HTTP 200. */
  | { readonly fault: 'envelope-error'; readonly status: number }
  /** HTTP 400, with an envelope whose message quotes the request, credentials included. */
  | { readonly fault: 'echo' }
  /** The right answer, late. */
  | { readonly fault: 'latency'; readonly delayMs: number }
  /** JSON, but not the documented fields. */
  | { readonly fault: 'malformed' }
  /** An HTML page with HTTP 200. */
  | { readonly fault: 'not-json' }
  /** The right answer, of which half arrives before the connection ends. */
  | { readonly fault: 'truncated' }
  /** The right answer, followed by more than 1 MiB of blanks. */
  | { readonly fault: 'oversize' }
  /** A redirect to a port of 127.0.0.1; to the upstreams' own when undefined. */
  | { readonly fault: 'redirect'; readonly status: 302 | 307; readonly port: number | undefined }
  /** The request is read and never answered. */
  | { readonly fault: 'slow-headers' }
  /** Headers and half of the body arrive, the rest never does. */
  | { readonly fault: 'slow-body' }
  /** The connection is reset before the request is looked at. */
  | { readonly fault: 'reset' }
  /** A token is issued, then the connection is reset. */
  | { readonly fault: 'lost-answer' }
  | { readonly fault: 'wrong-credentials' }
  /** The token handed out last, again, while it is valid. */
  | { readonly fault: 'same-token' }
  /** Provider's clock minus the true one. */
  | { readonly fault: 'clock-skew'; readonly skewMs: number }
  /** Life of tokens issued from now on. */
  | { readonly fault: 'lifetime'; readonly lifetimeMs: number }
  | { readonly fault: 'expiry'; readonly expiry: ExpiryDistortion };

/** Where a fault strikes. `provider` is a provider's name, or `*` for all of them. */
export type FaultTarget =
  | { readonly target: 'provider'; readonly provider: string; readonly effect: ProviderFault }
  | { readonly target: 'store'; readonly effect: StoreFault };

/** A fault and its window, which begins `startMs` after it is put on the schedule; without `durationMs` it never ends. */
export type Fault = FaultTarget & {
  /** As it was written: `pivot:503@30s+90s`. */
  readonly text: string;
  readonly startMs: number;
  readonly durationMs: number | undefined;
};
