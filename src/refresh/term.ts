import type { Failure } from '../core/failure.ts';

/** A stretch of time in which this process may refresh. */
export interface Term {
  /** For waiting: aborted when leadership is gone or the drain is over, maybe late in a process that was paused. */
  readonly signal: AbortSignal;
  /** The look right before each call of provider or store: true when nothing may reach them any more, never late. */
  hasEnded(): boolean;
  /** Aborted when the program is asked to stop: nothing new is begun, what is in flight may finish. */
  readonly stopping: AbortSignal;
}

/** Why a refresh ends with its term. */
export function describeEnd(term: Term): Failure {
  return term.hasEnded() && !term.stopping.aborted
    ? { code: 'leadership-lost', retry: 'soon', message: 'leadership was lost: another replica goes on' }
    : { code: 'aborted', retry: 'soon', message: 'the program stops' };
}
