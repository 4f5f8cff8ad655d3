/**
 * How everything is, from the stream of events: what the status page shows.
 *
 * Guarantee: an event costs the same however many tokens there are, nothing here waits, and nothing here is secret. The
 * memory per token is bounded: a record, and {@link RefreshStrip} once a refresh has ended.
 * Non-guarantee: a stand-by shows what it has read from the store last; how refreshes go, only the leader sees.
 */
import type { RefreshEvent } from '../core/events.ts';
import type { Clock } from '../core/ports.ts';
import type { TokenIdentity } from '../core/token/token.ts';
import { createProviderRecord, noteCall, type ProviderRecord } from './provider-record.ts';
import { RefreshStrip } from './refresh-strip.ts';
import { createTokenRecord, type TokenRecord } from './token-record.ts';

type TokenEvent = Extract<RefreshEvent, { identity: TokenIdentity }>;

export interface LeadershipRecord {
  readonly isLeader: boolean;
  /** Wall time in milliseconds of the last change; the start of the program at first. */
  readonly sinceMs: number;
  /** Why the replicas cannot agree; `undefined` when they can. */
  readonly problem: string | undefined;
}

export class StatusBoard {
  readonly #clock: Pick<Clock, 'now' | 'monotonicMs'>;
  readonly #tokens = new Map<string, TokenRecord>();
  readonly #providers = new Map<string, ProviderRecord>();
  #leadership: LeadershipRecord;
  #leader: string | undefined;
  #revision = 0;

  constructor(clock: Pick<Clock, 'now' | 'monotonicMs'>) {
    this.#clock = clock;
    this.#leadership = { isLeader: false, sinceMs: clock.now(), problem: undefined };
  }

  /** Another number whenever something may have changed. */
  get revision(): number {
    return this.#revision;
  }

  get leadership(): LeadershipRecord {
    return this.#leadership;
  }

  /** Which other replica leads, as far as has been seen; `undefined`: this one, or nobody that is known. */
  get leader(): string | undefined {
    return this.#leader;
  }

  /** In no particular order. */
  tokens(): Iterable<Readonly<TokenRecord>> {
    return this.#tokens.values();
  }

  /** In the order in which they were first heard of. */
  providers(): Iterable<Readonly<ProviderRecord>> {
    return this.#providers.values();
  }

  provider(name: string): Readonly<ProviderRecord> | undefined {
    return this.#providers.get(name);
  }

  /** Announces configured tokens, so that they are seen before anything has happened to them. */
  registerTokens(identities: readonly TokenIdentity[]): void {
    for (const identity of identities) this.#recordOf(identity);
  }

  /** Announces a provider, which may have no tokens yet. */
  registerProvider(name: string, kind: string): void {
    if (!this.#providers.has(name)) this.#providers.set(name, createProviderRecord(name, kind));
  }

  readonly onEvent = (event: RefreshEvent): void => {
    this.#revision += 1;
    if ('identity' in event) this.#onTokenEvent(event, this.#recordOf(event.identity));
    else this.#onProgramEvent(event);
  };

  #onTokenEvent(event: TokenEvent, record: TokenRecord): void {
    const provider = this.#providers.get(event.identity.provider);
    switch (event.event) {
      case 'token-restored':
        keepLife(record, event);
        record.issuedAtMs = event.issuedAtMs;
        record.generation = event.generation;
        return;
      case 'token-refreshed':
        this.#stripOf(record).addSuccess(this.#clock.monotonicMs(), record.failure !== undefined);
        keepLife(record, event);
        record.issuedAtMs = event.issuedAtMs;
        record.generation = event.generation;
        return;
      case 'token-unchanged':
        keepLife(record, event);
        return;
      case 'token-absent':
        record.isKnown = true;
        record.issuedAtMs = undefined;
        record.expiresAtMs = undefined;
        record.refreshAtMs = undefined;
        record.nextAttemptAtMs = undefined;
        return;
      case 'refresh-started':
        record.isRefreshing = true;
        return;
      case 'refresh-postponed':
        record.refreshAtMs = event.refreshAtMs;
        record.nextAttemptAtMs = event.refreshAtMs;
        record.isRefreshing = false;
        return;
      case 'refresh-failed':
        this.#stripOf(record).addFailure(this.#clock.monotonicMs());
        keepFailure(record, event, this.#clock.now());
        return;
      case 'refresh-recovered':
        record.failure = undefined;
        return;
      case 'refresh-abandoned':
        record.isRefreshing = false;
        return;
      case 'token-fetched':
        if (provider === undefined) return;
        noteCall(provider, { durationMs: event.durationMs, hasFailed: event.failure !== undefined });
        provider.clockSkewMs = event.clockSkewMs ?? provider.clockSkewMs;
        return;
      case 'secret-versions-counted':
      case 'version-budget-low':
      case 'version-budget-exhausted':
      case 'version-budget-recovered':
        if (provider !== undefined) provider.versionBudget = event.versionBudget;
        return;
      case 'token-removed':
        this.#tokens.delete(event.identity.token);
        return;
      case 'token-added':
      case 'secret-written':
      case 'chain-recovered':
        return;
      default:
        event satisfies never;
    }
  }

  #onProgramEvent(event: Exclude<RefreshEvent, TokenEvent>): void {
    switch (event.event) {
      case 'leadership-acquired':
      case 'leadership-lost':
        this.#changeLeadership(event.event === 'leadership-acquired');
        return;
      case 'standing-by':
        this.#leader = event.leader;
        this.#leadership = { ...this.#leadership, problem: undefined };
        return;
      case 'nobody-leads':
        this.#leader = undefined;
        this.#leadership = { ...this.#leadership, problem: event.problem };
        return;
      case 'coordination-failed':
        this.#leader = event.leader;
        this.#leadership = { ...this.#leadership, problem: event.problem };
        return;
      case 'coordination-recovered':
        this.#leadership = { ...this.#leadership, problem: undefined };
        return;
      case 'schedule-derived':
        this.#change(event.provider, { schedule: event });
        return;
      case 'fetch-budget-low':
        this.#change(event.provider, { fetchBudget: 'low' });
        return;
      case 'fetch-budget-exhausted':
        this.#change(event.provider, { fetchBudget: 'exhausted' });
        return;
      case 'fetch-budget-recovered':
        this.#change(event.provider, { fetchBudget: 'ok' });
        return;
      case 'bindings-counted':
        this.#change(event.provider, { discovery: event });
        return;
      default:
        return;
    }
  }

  #changeLeadership(isLeader: boolean): void {
    this.#leader = undefined;
    this.#leadership = {
      isLeader,
      sinceMs: this.#clock.now(),
      problem: isLeader ? undefined : this.#leadership.problem,
    };
    for (const record of this.#tokens.values()) {
      // Of a former term: whoever leads tells anew what fails, and a stand-by cannot know.
      record.failure = undefined;
      record.isRefreshing = false;
    }
  }

  #change(name: string, changes: Partial<ProviderRecord>): void {
    const provider = this.#providers.get(name);
    if (provider !== undefined) Object.assign(provider, changes);
  }

  #stripOf(record: TokenRecord): RefreshStrip {
    record.strip ??= new RefreshStrip(this.#clock.monotonicMs());
    return record.strip;
  }

  #recordOf(identity: TokenIdentity): TokenRecord {
    const known = this.#tokens.get(identity.token);
    if (known !== undefined) return known;
    this.registerProvider(identity.provider, identity.kind);
    const record = createTokenRecord(identity);
    this.#tokens.set(identity.token, record);
    return record;
  }
}

function keepLife(
  record: TokenRecord,
  { expiresAtMs, refreshAtMs }: { readonly expiresAtMs: number; readonly refreshAtMs: number },
): void {
  record.isKnown = true;
  record.expiresAtMs = expiresAtMs;
  record.refreshAtMs = refreshAtMs;
  record.nextAttemptAtMs = refreshAtMs;
  record.isRefreshing = false;
  record.failure = undefined;
}

function keepFailure(
  record: TokenRecord,
  { failure, nextAttemptAtMs, expiresAtMs }: Extract<RefreshEvent, { event: 'refresh-failed' }>,
  nowMs: number,
): void {
  record.isKnown = true;
  record.expiresAtMs = expiresAtMs;
  record.nextAttemptAtMs = nextAttemptAtMs;
  record.failure = {
    code: failure.code,
    message: failure.message,
    sinceMs: record.failure?.sinceMs ?? nowMs,
    attempts: (record.failure?.attempts ?? 0) + 1,
  };
}
