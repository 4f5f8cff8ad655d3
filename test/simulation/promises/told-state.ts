import type { RefreshEvent } from '../../../src/core/events.ts';
import { isSuspectSkew } from '../../../src/core/token/clock-skew.ts';
import type { VirtualTime } from '../virtual-time.ts';

/** What one process has said of itself: whether it leads, and what is wrong with which provider. */
export class ToldState {
  /** True time; `undefined` while it does not lead. */
  leadsSinceMs: number | undefined;
  /** It can neither lead nor see who does. */
  isIsolated = false;
  readonly #time: VirtualTime;
  /** Provider by token. */
  readonly #failing = new Map<string, string>();
  readonly #short = new Map<string, string>();
  readonly #skewed = new Set<string>();
  /** Names of mirrors. */
  readonly #behind = new Set<string>();
  /** Tokens of which it has told that no other is fetched for reports. */
  readonly #refused = new Map<string, string>();
  /** Of what readers see, by token. */
  readonly #generations = new Map<string, number>();

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  isConcerned(provider: string): boolean {
    const isAmong = (concerned: Iterable<string>): boolean => [...concerned].includes(provider);
    return (
      isAmong(this.#failing.values()) ||
      isAmong(this.#short.values()) ||
      this.#skewed.has(provider) ||
      this.#behind.has(provider) ||
      isAmong(this.#refused.values())
    );
  }

  note(event: RefreshEvent): void {
    switch (event.event) {
      case 'leadership-acquired':
        this.leadsSinceMs = this.#time.nowMs;
        // What fails is told anew in each term; a token that is refused stays so until readers see another.
        this.#failing.clear();
        this.#behind.clear();
        return;
      case 'mirror-failed':
        this.#behind.add(event.place);
        return;
      case 'mirror-caught-up':
        this.#behind.delete(event.place);
        return;
      case 'token-rejected':
        if (event.outcome === 'capped') this.#refused.set(event.identity.token, event.identity.provider);
        return;
      case 'leadership-lost':
        this.leadsSinceMs = undefined;
        return;
      case 'coordination-failed':
        this.isIsolated = true;
        return;
      case 'coordination-recovered':
        this.isIsolated = false;
        return;
      case 'refresh-failed':
        this.#failing.set(event.identity.token, event.identity.provider);
        return;
      case 'token-refreshed':
      case 'token-restored':
        if (this.#generations.get(event.identity.token) !== event.generation)
          this.#refused.delete(event.identity.token);
        this.#generations.set(event.identity.token, event.generation);
        this.#failing.delete(event.identity.token);
        return;
      case 'token-absent':
        this.#refused.delete(event.identity.token);
        return;
      case 'refresh-recovered':
      case 'token-unchanged':
        this.#failing.delete(event.identity.token);
        return;
      case 'version-budget-low':
      case 'version-budget-exhausted':
        this.#short.set(`${event.identity.token}/${event.target}`, event.identity.provider);
        return;
      case 'token-removed':
        this.#refused.delete(event.identity.token);
        this.#failing.delete(event.identity.token);
        for (const target of ['document', 'state']) this.#short.delete(`${event.identity.token}/${target}`);
        return;
      case 'version-budget-recovered':
        this.#short.delete(`${event.identity.token}/${event.target}`);
        return;
      case 'token-fetched':
        if (event.clockSkewMs === undefined) return;
        if (isSuspectSkew(event.clockSkewMs)) this.#skewed.add(event.identity.provider);
        else this.#skewed.delete(event.identity.provider);
        return;
      default:
        return;
    }
  }
}
