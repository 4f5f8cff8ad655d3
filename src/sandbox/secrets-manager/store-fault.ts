/** What can be made to go wrong with the sandbox's Secrets Manager. */
import type { OperationName } from './operation.ts';

type FaultEffect =
  /** HTTP 400 `ThrottlingException`. */
  | { readonly kind: 'throttle' }
  /** HTTP 400 `AccessDeniedException` that names the action and the resource. */
  | { readonly kind: 'denied' }
  /** The connection is reset; nothing is carried out. */
  | { readonly kind: 'outage' }
  /** HTTP 503 `ServiceUnavailable`; nothing is carried out. */
  | { readonly kind: 'unavailable' }
  /** Every answer waits, whatever it is. */
  | { readonly kind: 'latency'; readonly delayMs: number }
  /** KMS refuses: `EncryptionFailure` for writes of values, `DecryptionFailure` for reads; all else works. */
  | { readonly kind: 'kms' }
  /** The operation is carried out, then the connection is reset instead of the answer. */
  | { readonly kind: 'lost-answer' };

export type StoreFault = FaultEffect & {
  /** The operations that are hit; all of them by default. */
  readonly operations?: readonly OperationName[] | undefined;
  /** How many requests are hit before the fault is over; without it, until the faults are set again. */
  readonly times?: number | undefined;
};
