/**
 * Readers whose calls are refused, and what they report: tokens that their provider has revoked, tokens that are replaced
 * by now, tokens that nobody has issued, and tokens that are fine while something else is wrong.
 */
import { createHash } from 'node:crypto';
import type { RejectionAnswer } from '../../src/core/rejection/rejection-reports.ts';
import type { Chance } from './chance.ts';
import type { Leaders } from './leaders.ts';
import type { SecretChange, Watcher } from './observation.ts';
import type { Pod } from './pod.ts';
import { readDocument } from './promises/check.ts';
import type { SimulatedToken } from './scenario.ts';
import type { SimulatedProviders } from './simulated-provider.ts';
import type { SimulatedStore } from './simulated-store.ts';
import type { World } from './world.ts';

export interface ReaderParts {
  readonly world: World;
  readonly store: SimulatedStore;
  readonly providers: SimulatedProviders;
  readonly leaders: Leaders;
  readonly pods: readonly Pod[];
}

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const INCIDENTS_PER_HOUR = 14;
/** Of refreshes after which somebody still reports the token before. */
const STALE_SHARE = 0.3;
/** A reader gives up after so many reports of one refusal. */
const MOST_REPORTS = 12;
/** As the server does, for a reader that waits for the outcome. */
const WAIT_MS = 5 * SECOND_MS;

export class SimulatedReaders implements Watcher {
  readonly #parts: ReaderParts;
  readonly #chance: Chance;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
    this.#chance = parts.world.chance.fork('readers');
  }

  schedule(): void {
    const { world } = this.#parts;
    const { startMs, quietFromMs } = world.scenario;
    const spanMs = quietFromMs - startMs;
    const kinds = [
      { name: 'token revoked', begin: () => this.#revoke(this.#anyToken()) },
      { name: 'token revoked', begin: () => this.#revoke(this.#anyToken()) },
      { name: 'tokens refused for another reason', begin: () => this.#refuseAll() },
      { name: 'made-up report', begin: () => this.#makeUp() },
      { name: 'report of a good token', begin: () => this.#reportCurrent(this.#anyToken(), 1) },
    ];
    const count = Math.ceil((INCIDENTS_PER_HOUR * spanMs) / HOUR_MS);
    for (let nth = 0; nth < count; nth += 1) {
      const { name, begin } = this.#chance.pick(kinds);
      world.time.schedule(this.#chance.between(5 * SECOND_MS, spanMs - MINUTE_MS), undefined, () => {
        world.countFault(name);
        begin();
      });
    }
  }

  /** Requests that were sent with the former token are refused once it is replaced, and reported one after the other. */
  secretChanged({ secret, formerText, process }: SecretChange): void {
    const { world } = this.#parts;
    const token = world.scenario.tokens.find((each) => each.secret === secret);
    const former = readDocument(formerText);
    if (token === undefined || former === undefined || process === undefined || world.weather.isQuiet) return;
    if (!this.#chance.happens(STALE_SHARE)) return;
    world.countFault('reports of a replaced token');
    const readers = this.#chance.between(3, 20);
    for (let nth = 0; nth < readers; nth += 1)
      this.#in(1, 45 * SECOND_MS, () => this.#report(token, former.accessToken, 1));
  }

  /** What readers see is not accepted any more. */
  #revoke(token: SimulatedToken): void {
    const { world, store, providers } = this.#parts;
    const document = readDocument(store.currentText(token.secret));
    if (document === undefined) return;
    providers.revoked.add(document.accessToken);
    world.tell('provider', token.name, `revokes ${document.accessToken}`);
    this.#reportCurrent(token, this.#chance.pick([1, 3, 10, 30]));
  }

  /** The wrong environment, an address that is not allowed: every token is refused for a while. */
  #refuseAll(): void {
    const { world } = this.#parts;
    const token = this.#anyToken();
    const untilMs = world.time.nowMs + this.#chance.between(3, 25) * MINUTE_MS;
    world.tell('world', token.name, 'its readers are refused with every token');
    const again = (): void => {
      if (world.time.nowMs > untilMs) return;
      this.#reportCurrent(token, 1);
      this.#in(2 * SECOND_MS, 30 * SECOND_MS, again);
    };
    again();
  }

  #makeUp(): void {
    const token = this.#anyToken();
    for (let nth = 0; nth < 5; nth += 1)
      this.#in(1, 20 * SECOND_MS, () => this.#report(token, `made up ${nth}`, 1));
  }

  /** Readers find out one after the other. */
  #reportCurrent(token: SimulatedToken, readers: number): void {
    for (let nth = 0; nth < readers; nth += 1)
      this.#in(1, 8 * SECOND_MS, () => this.#reportWhatIsThere(token, 1));
  }

  #reportWhatIsThere(token: SimulatedToken, attempt: number): void {
    const document = readDocument(this.#parts.store.currentText(token.secret));
    if (document !== undefined) this.#report(token, document.accessToken, attempt);
  }

  /** To any replica; one that stands by passes it on. */
  #report(token: SimulatedToken, accessToken: string, attempt: number): void {
    this.#send(this.#chance.pick(this.#parts.pods), token, accessToken, attempt, false);
  }

  #send(pod: Pod, token: SimulatedToken, accessToken: string, attempt: number, isPassedOn: boolean): void {
    const { world, leaders, pods } = this.#parts;
    const { process } = pod;
    if (process === undefined) {
      this.#againLater(token, accessToken, attempt, 2 * SECOND_MS);
      return;
    }
    world.time.schedule(this.#chance.between(1, 60), process, () => {
      const fingerprint = createHash('sha256').update(accessToken).digest('base64url');
      const report = { token: token.name, fingerprint, status: 401, caller: 'reader' };
      const answer = pod.report(report);
      if (answer === undefined || process.isDead) return;
      world.tell(process.name, token.name, `is told that ${accessToken} is refused: ${describe(answer)}`);
      world.watch((watcher) => watcher.reported?.({ token: token.name, process, accessToken, answer }));
      if (answer.kind === 'standby' && !isPassedOn) {
        const leader = pods.find(({ name }) => name === leaders.podName());
        if (leader !== undefined) this.#send(leader, token, accessToken, attempt, true);
        return;
      }
      if (this.#chance.happens(0.2)) {
        const over = new AbortController();
        pod.settle(report, over.signal);
        world.time.schedule(WAIT_MS, process, () => over.abort());
      }
      const verdict = answer.kind === 'decided' ? answer.verdict : undefined;
      if (answer.kind === 'unknown' || verdict?.kind === 'replaced') return;
      const waitMs = verdict?.retryAfterMs ?? 2 * SECOND_MS;
      // Some do not wait as long as they are told to.
      this.#againLater(token, accessToken, attempt, this.#chance.happens(0.2) ? SECOND_MS : waitMs);
    });
  }

  /** Reads again, and reports what is there if that is refused as well. */
  #againLater(token: SimulatedToken, accessToken: string, attempt: number, waitMs: number): void {
    const { world, store, providers } = this.#parts;
    if (attempt >= MOST_REPORTS || !providers.revoked.has(accessToken)) return;
    world.time.schedule(waitMs + this.#chance.between(0, SECOND_MS), undefined, () => {
      const document = readDocument(store.currentText(token.secret));
      if (document !== undefined && providers.revoked.has(document.accessToken))
        this.#report(token, document.accessToken, attempt + 1);
    });
  }

  #anyToken(): SimulatedToken {
    return this.#chance.pick(this.#parts.world.scenario.tokens);
  }

  #in(leastMs: number, mostMs: number, run: () => void): void {
    this.#parts.world.time.schedule(this.#chance.between(leastMs, mostMs), undefined, run);
  }
}

function describe(answer: RejectionAnswer): string {
  if (answer.kind !== 'decided') return answer.kind;
  const { verdict } = answer;
  if (verdict.kind !== 'blocked') return verdict.kind;
  return 'cap' in verdict ? `${verdict.reason} ${verdict.cap}` : verdict.reason;
}
