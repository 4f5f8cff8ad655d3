/**
 * Promise 13: while a provider fails for all of its tokens, a process asks it a few times a minute, however many tokens
 * wait.
 *
 * Excused: explicit refreshes, and what follows a success, a new term or a changed credential. A token that failed before
 * those, too, says nothing new about its provider: it has its own back-off.
 */
import type { RefreshEvent } from '../../../src/core/events.ts';
import type { Fetch, Watcher } from '../observation.ts';
import type { VirtualProcess } from '../virtual-process.ts';
import { type CheckParts, findToken, isCommand } from './check.ts';

const PROMISE = '13 good neighbours';
const MINUTE_MS = 60_000;
/** Calls that were on their way, and those that had to fail before the others waited. */
const BEGINNING = 8;
/** Back-off from a second on makes nine in the first minute on average; a token whose draws are short makes more. */
const MOST_A_MINUTE = 20;

/** Calls of one process and provider that failed in a row. */
interface Streak {
  readonly visible: number;
  readonly tokens: Set<string>;
  /** Tokens that were failing when it began. */
  readonly former: ReadonlySet<string>;
  failures: number;
  readonly calls: { readonly atMs: number; readonly token: string }[];
}

export class GoodNeighbours implements Watcher {
  readonly #parts: CheckParts;
  readonly #streaks = new WeakMap<VirtualProcess, Map<string, Streak>>();

  constructor(parts: CheckParts) {
    this.#parts = parts;
  }

  eventSeen(process: VirtualProcess, { event }: RefreshEvent): void {
    if (event === 'leadership-acquired') this.#streaks.delete(process);
  }

  fetchIssued(fetch: Fetch): void {
    if (fetch.isExplicit || isCommand(fetch.process)) return;
    const { nowMs } = this.#parts.world.time;
    const streak = this.#streakOf(fetch);
    if (streak.former.has(fetch.token)) return;
    if (streak.tokens.size < 3 || streak.failures < BEGINNING) return;
    streak.calls.push({ atMs: nowMs, token: fetch.token });
    const recent = streak.calls.filter(({ atMs }) => nowMs - atMs < MINUTE_MS);
    // The back-off of a token or two is their own affair: at the end of their lives it is short.
    if (recent.length > MOST_A_MINUTE && new Set(recent.map(({ token }) => token)).size >= 3)
      this.#parts.world.breaks(
        PROMISE,
        fetch.token,
        `${fetch.process.name} makes ${recent.length} calls in a minute after ${streak.failures} failures of ${streak.tokens.size} tokens in a row`,
      );
  }

  fetchSettled(fetch: Fetch): void {
    const { failure, process, token } = fetch;
    const { provider } = findToken(this.#parts, token);
    if (failure?.code === 'aborted' || failure?.code === 'chain-broken') return;
    const streak = this.#streakOf(fetch);
    if (failure === undefined) {
      const former = failingOf(streak);
      former.delete(token);
      this.#streaks.get(process)?.set(provider.name, beginStreak(streak.visible, former));
      return;
    }
    if (streak.former.has(token)) return;
    streak.tokens.add(token);
    streak.failures += 1;
  }

  #streakOf({ process, token }: Fetch): Streak {
    const { provider } = findToken(this.#parts, token);
    const { visible } = this.#parts.world.weather.provider(provider.name);
    const streaks = this.#streaks.get(process) ?? new Map<string, Streak>();
    this.#streaks.set(process, streaks);
    const known = streaks.get(provider.name);
    if (known?.visible === visible) return known;
    const streak = beginStreak(visible, known === undefined ? new Set() : failingOf(known));
    streaks.set(provider.name, streak);
    return streak;
  }
}

function beginStreak(visible: number, former: ReadonlySet<string>): Streak {
  return { visible, tokens: new Set(), former, failures: 0, calls: [] };
}

function failingOf({ tokens, former }: Streak): Set<string> {
  return new Set([...tokens, ...former]);
}
