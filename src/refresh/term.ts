import type { Failure } from '../core/failure.ts';

/** A stretch of time in which this process may refresh. */
export interface Term {
  /** Aborted when leadership is gone or the drain is over: nothing may reach provider or store any more. */
  readonly signal: AbortSignal;
  /** Aborted when the program is asked to stop: nothing new is begun, what is in flight may finish. */
  readonly stopping: AbortSignal;
}

/** Why a refresh ends with its term. */
export function describeEnd(term: Term): Failure {
  return term.signal.aborted && !term.stopping.aborted
    ? { code: 'leadership-lost', retry: 'soon', message: 'leadership was lost: another replica goes on' }
    : { code: 'aborted', retry: 'soon', message: 'the program stops' };
}
