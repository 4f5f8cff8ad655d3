/**
 * Brings the newest document of each token to one place beside the authority.
 *
 * Guarantee
 * - A copy is written by compare-and-swap and only by a later generation, so that a process whose term has ended, or two
 *   of them, leave the newest. Nothing is written once the term has ended.
 * - Nobody waits for it: a token is noted by name, and what the authority holds is read when its turn has come. However
 *   long the place was away, one write for each token brings it up to date.
 * - While the place does not answer at all, one token at a time asks it, up to 60 s apart. A token that fails by itself
 *   waits by itself. An authority that does not answer is left alone too.
 * Non-guarantee: a copy is late by what the reads and the write take, and by the back-off after a failure.
 */
import { DeadlineExceeded, withDeadline } from '../../core/deadline.ts';
import type { Failure } from '../../core/failure.ts';
import { forEachConcurrent } from '../../core/for-each-concurrent.ts';
import type { VersionBudget } from '../../core/limits/version-pace.ts';
import type { Clock, Random, RefreshEvents, StoredText, TokenStore } from '../../core/ports.ts';
import { fail, type Result } from '../../core/result.ts';
import { decideWait } from '../../core/schedule/backoff.ts';
import type { TokenIdentity } from '../../core/token/token.ts';
import { formatDuration, formatRounded } from '../../core/wire/duration.ts';
import { mayHaveMadeVersion } from '../limits/write-history.ts';
import type { WriteRateLimiter } from '../limits/write-rate-limiter.ts';
import type { Term } from '../term.ts';
import { untilAborted } from '../until-aborted.ts';
import { decideMirrorWrite, type MirrorStep } from './decide-mirror-write.ts';
import { MirrorQueue, type Pending } from './mirror-queue.ts';
import { MirrorVersions } from './mirror-versions.ts';
import { Outage } from './outage.ts';

export interface MirrorDeps {
  /** The place's name. */
  readonly place: string;
  readonly store: TokenStore;
  /** What the place calls a token's secret. */
  readonly nameOf: (identity: TokenIdentity) => string;
  /** Where the token of an identity is published. */
  readonly authorityOf: (identity: TokenIdentity) => Pick<TokenStore, 'readMany'>;
  /** Of each secret in the place: refreshes are not put off for a mirror, so it gets the newest when there is room. */
  readonly versionBudget: VersionBudget;
  /** Shared by all that write in the place. */
  readonly rateLimiter: WriteRateLimiter;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: RefreshEvents;
}

/** Tokens that are read together. Their texts are in memory at once. */
const BATCH = 20;
/** Batches at one time, so that a call that hangs leaves way for others. */
const LANES = 2;
const WRITES_AT_ONCE = 4;
/** Last resort: the store has deadlines of its own. */
const CALL_LIMIT_MS = 60_000;
/** A read of the authority may be a moment behind its write; twice as long each time. */
const READ_AGAIN_MS = 1_000;
const MAX_READ_AGAIN_MS = 60_000;
/** With nothing to do, the lane looks again now and then, whatever has woken it. */
const IDLE_MS = 3_600_000;
const QUIET_CONFLICTS = 3;
const NO_ANSWER: Failure = {
  code: 'store-unavailable',
  retry: 'backoff',
  message: `the store did not answer within ${formatDuration(CALL_LIMIT_MS)}`,
};

/** Between two terms. */
const NO_TERM: Term = { signal: AbortSignal.abort(), stopping: AbortSignal.abort(), hasEnded: () => true };

type Authority = ReturnType<MirrorDeps['authorityOf']>;

export class Mirror {
  readonly #deps: MirrorDeps;
  readonly #queue: MirrorQueue;
  /** Of the place as a whole. */
  readonly #outage = new Outage();
  readonly #versions: MirrorVersions;
  readonly #authorityOutages = new Map<Authority, Outage>();
  /** What has failed and is not over: monotonic times of the first failure and of the last one, codes reported. */
  #failing:
    | { readonly sinceMs: number; readonly lastAtMs: number; readonly codes: ReadonlySet<string> }
    | undefined;
  /** Its `signal` is also aborted when the program stops: a mirror has nothing to finish. */
  #term = NO_TERM;
  #wakeUp = new AbortController();

  constructor(deps: MirrorDeps) {
    this.#deps = deps;
    this.#versions = new MirrorVersions(deps.versionBudget);
    this.#queue = new MirrorQueue(deps.clock, (identity) => this.#outageOf(identity).untilMs);
  }

  /** @param generation that the authority has just got; `undefined`: the copy is to be compared with what it has */
  offer(identity: TokenIdentity, generation: number | undefined): void {
    if (this.#term.hasEnded()) return;
    this.#queue.offer(identity, generation);
    this.#wakeUp.abort();
  }

  /** It is not mirrored any more; its copy stays. */
  drop(token: string): void {
    this.#queue.drop(token);
    this.#versions.forget(token);
    this.#tellWhenCaughtUp();
  }

  /**
   * Mirrors until the term ends or the program stops, and ends at once with it: whoever leads next compares all copies.
   * @param identities all tokens that are mirrored here
   */
  async run(term: Term, identities: Iterable<TokenIdentity>): Promise<void> {
    const signal = AbortSignal.any([term.signal, term.stopping]);
    const hasEnded = (): boolean => signal.aborted || term.hasEnded();
    this.#term = { signal, stopping: term.stopping, hasEnded };
    for (const identity of identities) this.offer(identity, undefined);
    try {
      await Promise.all(Array.from({ length: LANES }, () => this.#work()));
    } finally {
      this.#term = NO_TERM;
      // Others may write the copies from now on.
      this.#queue.clear();
      this.#failing = undefined;
      this.#outage.end();
      this.#authorityOutages.clear();
    }
  }

  async #work(): Promise<void> {
    while (!this.#term.hasEnded()) {
      const batch = this.#take();
      if (batch.length === 0) await this.#waitForWork();
      else await this.#bring(batch);
    }
  }

  /** Those whose time has come; one alone while the place is away. */
  #take(): readonly Pending[] {
    if (!this.#outage.isOn) return this.#queue.take(BATCH);
    const isTooEarly = this.#deps.clock.monotonicMs() < this.#outage.untilMs;
    return this.#queue.isBusy || isTooEarly ? [] : this.#queue.takeProbe();
  }

  /** Until something is offered, or the first wait is over. */
  async #waitForWork(): Promise<void> {
    const { clock } = this.#deps;
    if (this.#wakeUp.signal.aborted) this.#wakeUp = new AbortController();
    const isProbed = this.#outage.isOn && this.#queue.isBusy;
    const waitMs = isProbed ? undefined : this.#queue.nextInMs;
    const outageMs = this.#outage.isOn ? this.#outage.untilMs - clock.monotonicMs() : 0;
    const signal = AbortSignal.any([this.#term.signal, this.#wakeUp.signal]);
    const delayMs = waitMs === undefined ? IDLE_MS : Math.max(1, waitMs, outageMs);
    await untilAborted(clock.sleep(delayMs, signal), signal);
  }

  async #bring(batch: readonly Pending[]): Promise<void> {
    const { store, nameOf, authorityOf } = this.#deps;
    try {
      // First the place that may be away: the authority is not asked in vain.
      const copies = await this.#read(store, batch, nameOf);
      const answered = batch.filter(({ identity }) => {
        const copy = copies.get(identity.token);
        if (copy?.ok !== false) return true;
        this.#fail(identity, copy.failure);
        return false;
      });
      if (this.#term.hasEnded()) return;
      const byAuthority = Map.groupBy(answered, ({ identity }) => authorityOf(identity));
      await Promise.all(
        [...byAuthority].map(async ([authority, pending]) => {
          const sources = await this.#read(authority, pending, ({ secret }) => secret);
          await forEachConcurrent(pending, WRITES_AT_ONCE, async (each) => {
            const { token } = each.identity;
            await this.#compare(each, copies.get(token), sources.get(token));
          });
        }),
      );
    } finally {
      this.#queue.giveBack(batch);
      this.#wakeUp.abort();
      this.#tellWhenCaughtUp();
    }
  }

  async #compare(
    pending: Pending,
    copy: Result<StoredText | undefined> | undefined,
    source: Result<StoredText | undefined> | undefined,
  ): Promise<void> {
    const { identity, wantedGeneration } = pending;
    const { clock, random } = this.#deps;
    if (copy?.ok !== true || source === undefined || this.#term.hasEnded()) return;
    if (source.ok) {
      this.#outageOf(identity).end();
      const facts = { authority: source.value, mirror: copy.value, identity, wantedGeneration };
      await this.#carryOut(pending, decideMirrorWrite(facts, clock.now()));
      return;
    }
    // What the authority suffers from is told where tokens are refreshed.
    if (source.failure.code === 'store-unavailable')
      this.#outageOf(identity).note(source.failure, clock.monotonicMs(), random.next());
    this.#readAgain(pending);
  }

  async #read(
    store: Pick<TokenStore, 'readMany'>,
    batch: readonly Pending[],
    secretOf: (identity: TokenIdentity) => string,
  ): Promise<ReadonlyMap<string, Result<StoredText | undefined>>> {
    const names = batch.map(({ identity }) => secretOf(identity));
    const texts = await this.#within((signal) => store.readMany(names, signal));
    return new Map(
      batch.map(({ identity }) => {
        return [identity.token, texts?.get(secretOf(identity)) ?? fail(NO_ANSWER)];
      }),
    );
  }

  async #carryOut(pending: Pending, step: MirrorStep): Promise<void> {
    const { identity } = pending;
    switch (step.kind) {
      case 'write':
        await this.#write(identity, step);
        break;
      case 'leave':
        this.#succeed(identity, step.generation, step.expiresAtMs);
        break;
      case 'read-again':
        this.#readAgain(pending);
        break;
      case 'keep-until': {
        const leftMs = step.expiresAtMs - this.#deps.clock.now();
        this.#queue.putOff(pending, Math.max(READ_AGAIN_MS, leftMs), step.expiresAtMs);
        break;
      }
      case 'foreign': {
        const secret = this.#deps.nameOf(identity);
        const message = `secret ${secret} holds a token of ${step.owner}: name another secret, or remove that one`;
        this.#fail(identity, { code: 'store-not-ours', retry: 'needs-human', message });
      }
    }
  }

  async #write(
    identity: TokenIdentity,
    { source, generation, expiresAtMs, expectedVersion }: Extract<MirrorStep, { kind: 'write' }>,
  ): Promise<void> {
    const { store, nameOf, rateLimiter, random, clock, events, place, versionBudget } = this.#deps;
    const { token } = identity;
    const write = {
      secretName: nameOf(identity),
      text: source.text,
      requestToken: random.uuid(),
      expectedVersion,
    };
    const roomInMs = this.#versions.roomInMs(token, clock.monotonicMs());
    if (roomInMs > 0) {
      const message =
        `secret ${write.secretName} has got ${versionBudget} versions within 24 hours, as many as versionBudget allows; ` +
        `there is room again in ${formatRounded(roomInMs)}`;
      this.#fail(identity, { code: 'store-quota', retry: 'backoff', message, retryAfterMs: roomInMs });
      return;
    }
    // By the end of the new token, so that whatever is behind lets the authority's own tokens in this place go first.
    const { signal } = this.#term;
    await untilAborted(rateLimiter.enter(expiresAtMs, signal), signal);
    if (this.#term.hasEnded()) return;
    const startedMs = clock.monotonicMs();
    const written = (await this.#within((limited) => store.publish(write, limited))) ?? fail(NO_ANSWER);
    if (written.ok || mayHaveMadeVersion(written.failure.code))
      this.#versions.count(token, clock.monotonicMs());
    if (!written.ok) {
      rateLimiter.onThrottled(written.failure);
      // Somebody else has written, maybe a former leader: it is looked at again.
      this.#fail(identity, written.failure);
      return;
    }
    this.#succeed(identity, generation, expiresAtMs);
    const durationMs = clock.monotonicMs() - startedMs;
    events({ event: 'mirror-written', place, token, generation, durationMs, ...this.#queue.describe() });
  }

  /** `undefined`: there was no answer in time, or the term has ended. */
  async #within<Value>(work: (signal: AbortSignal) => Promise<Value>): Promise<Value | undefined> {
    const { signal } = this.#term;
    try {
      return await withDeadline(this.#deps.clock, CALL_LIMIT_MS, signal, work);
    } catch (error) {
      if (error instanceof DeadlineExceeded || signal.aborted) return undefined;
      throw error;
    }
  }

  #succeed({ token }: TokenIdentity, generation: number, expiresAtMs: number | undefined): void {
    this.#outage.end();
    this.#queue.settle(token, generation, expiresAtMs);
  }

  #readAgain(pending: Pending): void {
    this.#queue.putOff(pending, Math.min(MAX_READ_AGAIN_MS, READ_AGAIN_MS * 2 ** pending.attempts));
  }

  #outageOf(identity: TokenIdentity): Outage {
    const authority = this.#deps.authorityOf(identity);
    const known = this.#authorityOutages.get(authority);
    if (known !== undefined) return known;
    const outage = new Outage();
    this.#authorityOutages.set(authority, outage);
    return outage;
  }

  #fail({ token }: TokenIdentity, failure: Failure): void {
    const { clock, random, place, events } = this.#deps;
    const pending = this.#queue.find(token);
    // Whatever fails once the term is gone fails because it is gone.
    if (pending === undefined || this.#term.hasEnded()) return;
    const nowMs = clock.monotonicMs();
    const attempt = pending.attempts + 1;
    const draw = random.next();
    const waitMs = decideWait({ failure, attempt, remainingMs: undefined }, draw);
    this.#queue.fail(token, waitMs, failure);
    if (failure.code === 'store-unavailable') this.#outage.note(failure, nowMs, draw);
    else this.#outage.end();
    // A lost race is no failure: the next look shows who has won.
    if (failure.code === 'store-conflict' && attempt <= QUIET_CONFLICTS) return;
    const { sinceMs = nowMs, codes = new Set<string>() } = this.#failing ?? {};
    const repeated = codes.has(failure.code);
    this.#failing = { sinceMs, lastAtMs: nowMs, codes: codes.union(new Set([failure.code])) };
    const nextAttemptAtMs = clock.now() + Math.max(waitMs, this.#outage.untilMs - nowMs);
    const backlog = this.#queue.describe();
    events({ event: 'mirror-failed', place, token, failure, repeated, ...backlog, nextAttemptAtMs });
  }

  /** What is behind since then is not up to date for its failure, but on its way. */
  #tellWhenCaughtUp(): void {
    const { clock, place, events } = this.#deps;
    if (this.#failing === undefined || this.#term.hasEnded() || this.#outage.isOn) return;
    const { sinceMs, lastAtMs } = this.#failing;
    if (this.#queue.isBehindSince(lastAtMs)) return;
    this.#failing = undefined;
    events({ event: 'mirror-caught-up', place, failedForMs: clock.monotonicMs() - sinceMs });
  }
}
