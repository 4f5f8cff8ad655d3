import type { Failure } from '../core/failure.ts';

/** A stretch of time in which this process may refresh. */
export interface Term {
  /** For waiting: aborted when leadership is gone or the drain is over. */
  readonly signal: AbortSignal;
  /** Aborted when the program is asked to stop: nothing new is begun, what is in flight may finish. */
  readonly stopping: AbortSignal;
  /**
   * For the look right before each outside effect: nothing may reach provider or store once it is true. It compares the
   * clock, so that a process that was paused finds the term ended before any timer has fired.
   */
  hasEnded(): boolean;
}

/** Why a refresh ends with its term. */
export function describeEnd(term: Term): Failure {
  return term.hasEnded() && !term.stopping.aborted
    ? { code: 'leadership-lost', retry: 'soon', message: 'leadership was lost: another replica goes on' }
    : { code: 'aborted', retry: 'soon', message: 'the program stops' };
}
