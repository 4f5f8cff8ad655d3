/** What one run waits for beside its turn. Each wait also ends with the run, and leaves nothing behind. */

import type { Failure } from '../core/failure.ts';
import type { Priority } from './limits/priority-queue.ts';
import type { CallRefusal } from './limits/token-limits.ts';
import type { TokenFetchDeps } from './token-fetch.ts';
import { untilAborted } from './until-aborted.ts';

type RunWaitsDeps = Pick<TokenFetchDeps, 'source' | 'limits' | 'clock'>;

/** What is done to a run from outside. */
export interface Interruptible {
  /** Aborted when no further attempt must be begun. */
  readonly ended: AbortSignal;
  /** Ends the present wait, if there is one. */
  wakeUp: AbortController | undefined;
  /** A human waits for the next attempt. */
  isUrged: boolean;
  /** Monotonic time at which the present wait ends, or the last one has ended. */
  resumesAtMs: number;
}

/** Ends early when the provider is back, a human wants the next attempt, or new credentials can cure the failure. */
export async function waitAfterFailure(
  deps: RunWaitsDeps,
  run: Interruptible,
  { retry }: Failure,
  waitMs: number,
): Promise<void> {
  const { limits, clock } = deps;
  const isHumanNeeded = retry === 'needs-human';
  const stopListening = limits.onRecovery(() => run.wakeUp?.abort());
  await waitForFirst(deps, run, isHumanNeeded, (signal) => clock.sleep(waitMs, signal));
  stopListening();
  if (isHumanNeeded && !run.ended.aborted) limits.coolDown.forgetRejection();
}

/** Waits until it makes sense to ask the limits for a call again; ends early as the other one does. */
export async function waitForPermit(
  deps: RunWaitsDeps,
  run: Interruptible,
  refusal: CallRefusal,
  priority: Priority,
): Promise<void> {
  // Those that have not failed are called when one that has finds its credentials changed.
  const isCurable =
    refusal.refusal === 'held' && refusal.standing === 'failed' && refusal.failure.retry === 'needs-human';
  await waitForFirst(deps, run, isCurable, (signal) => deps.limits.wait(refusal, priority, signal));
}

/** @param isCurable new credentials end the wait too */
async function waitForFirst(
  deps: RunWaitsDeps,
  run: Interruptible,
  isCurable: boolean,
  begin: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const wakeUp = new AbortController();
  run.wakeUp = wakeUp;
  const signal = AbortSignal.any([wakeUp.signal, run.ended]);
  const waits = [begin(signal), ...(isCurable ? [watchCredentials(deps, signal)] : [])];
  try {
    await untilAborted(Promise.race(waits), signal);
  } finally {
    run.wakeUp = undefined;
    wakeUp.abort();
    await Promise.allSettled(waits);
  }
}

async function watchCredentials({ source, limits }: RunWaitsDeps, signal: AbortSignal): Promise<void> {
  await source.waitForCredentialChange(signal);
  limits.noteCredentialChange();
}
