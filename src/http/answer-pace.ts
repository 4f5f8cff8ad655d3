/**
 * Lets large answers go one after the other, no more than one in {@link EVERY_MS}.
 *
 * Guarantee: in the order of the requests; whoever asks when nobody else does waits for nothing. Sending a megabyte takes
 * some milliseconds, so callers that ask without pause would take all of the time. Their number is bounded by the server.
 */
import type { Clock } from '../core/ports.ts';

/** A scrape of 200 providers takes 1.5 ms to send: 3 % of a core, for 50 callers at once no more than 2.5 s of patience. */
const EVERY_MS = 50;

/** Resolves when the answer may be sent; never when the caller has gone away, who takes no turn. */
export type TakeTurn = (isGone: () => boolean) => Promise<void>;

export function createAnswerPace({
  clock,
  onFault,
}: {
  readonly clock: Clock;
  readonly onFault: (error: unknown) => void;
}): TakeTurn {
  let turns = Promise.resolve();
  let freeAtMs = 0;
  return (isGone) =>
    new Promise((go) => {
      turns = turns
        .then(async () => {
          const waitMs = freeAtMs - clock.monotonicMs();
          if (waitMs > 0 && !isGone()) await clock.sleep(waitMs);
          if (isGone()) return;
          freeAtMs = clock.monotonicMs() + EVERY_MS;
          go();
        })
        .catch(onFault);
    });
}
