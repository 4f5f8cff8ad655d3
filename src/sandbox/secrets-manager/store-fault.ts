/** What can be made to go wrong with the sandbox's Secrets Manager. */
import type { OperationName } from './operation.ts';

/** Every kind, in the order in which help texts list them. */
export const STORE_FAULT_KINDS = [
  'throttle',
  'denied',
  'outage',
  'unavailable',
  'latency',
  'kms',
  'lost-answer',
] as const;

interface FaultScope {
  /** The operations that are hit; all of them by default. */
  readonly operations?: readonly OperationName[] | undefined;
  /** How many requests are hit before the fault is over; without it, until the faults are set again. */
  readonly times?: number | undefined;
}

/** HTTP 400 `ThrottlingException`. */
export interface ThrottleFault extends FaultScope {
  readonly kind: 'throttle';
}

/** HTTP 400 `AccessDeniedException` that names the action and the resource. */
export interface DeniedFault extends FaultScope {
  readonly kind: 'denied';
}

/** The connection is reset; nothing is carried out. */
export interface OutageFault extends FaultScope {
  readonly kind: 'outage';
}

/** HTTP 503 `ServiceUnavailable`; nothing is carried out. */
export interface UnavailableFault extends FaultScope {
  readonly kind: 'unavailable';
}

/** Every answer waits, whatever it is. */
export interface LatencyFault extends FaultScope {
  readonly kind: 'latency';
  readonly delayMs: number;
}

/** KMS refuses: `EncryptionFailure` for writes of values, `DecryptionFailure` for reads; all else works. */
export interface KmsFault extends FaultScope {
  readonly kind: 'kms';
}

/** The operation is carried out, then the connection is reset instead of the answer. */
export interface LostAnswerFault extends FaultScope {
  readonly kind: 'lost-answer';
}

export type StoreFault =
  | ThrottleFault
  | DeniedFault
  | OutageFault
  | UnavailableFault
  | LatencyFault
  | KmsFault
  | LostAnswerFault;
