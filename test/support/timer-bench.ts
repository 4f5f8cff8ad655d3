import { install } from '@sinonjs/fake-timers';
import { createSystemClock } from '../../src/adapters/system/clock.ts';
import type { Clock } from '../../src/core/ports.ts';
import { rememberDateParts } from './date-parts.ts';
import { NOON_MS } from './sample-events.ts';

/** Faked global timers and clocks, for code that brings its own timers: node-cron. */
export interface TimerBench {
  /** The machine's clock, on the faked globals. */
  readonly clock: Clock;
  /** Moves on, timer by timer, letting everything run that each of them sets off. */
  advance(byMs: number): Promise<void>;
  /** Moves wall time alone, as an operator or NTP does. */
  jumpWallTime(byMs: number): void;
  /** Nothing runs for so long; timers that were due meanwhile fire late. */
  blockEventLoop(forMs: number): Promise<void>;
  /** Calls `look` every `everyMs` from now on. */
  watch(everyMs: number, look: () => void): void;
  restore(): void;
}

/** Fakes the globals until `restore` is called. `setImmediate` stays real: it lets a turn of the event loop pass. */
export function fakeTimers(startMs: number = NOON_MS): TimerBench {
  const timers = install({
    now: startMs,
    toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'],
  });
  const forgetDateParts = rememberDateParts();
  return {
    clock: createSystemClock(),
    advance: async (byMs) => {
      await passTurn();
      const end = new AbortController();
      setTimeout(() => end.abort(), byMs);
      while (!end.signal.aborted) {
        timers.next();
        await passTurn();
      }
    },
    jumpWallTime: (byMs) => {
      timers.setSystemTime(Date.now() + byMs);
    },
    blockEventLoop: async (forMs) => {
      await passTurn();
      timers.jump(forMs);
      await passTurn();
    },
    watch: (everyMs, look) => {
      const again = (): void => {
        look();
        setTimeout(again, everyMs);
      };
      setTimeout(again, everyMs);
    },
    restore: () => {
      forgetDateParts();
      timers.uninstall();
    },
  };
}

function passTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
