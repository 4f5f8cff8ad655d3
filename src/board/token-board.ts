/**
 * How everything is, from the stream of events: one record for each token and provider.
 *
 * Guarantee: an event costs the same however many tokens there are, but for a change of leadership or clock; nothing here waits.
 * The memory for a token is bounded, by the versions that its secret may get in a day.
 */
import type { Board, LeadershipRecord, MirrorRecord, ProviderRecord, TokenRecord } from '../core/board.ts';
import type { RefreshEvent } from '../core/events.ts';
import type { Clock } from '../core/ports.ts';
import { ClockJumps, type Moment } from '../core/schedule/moment.ts';
import type { TokenIdentity } from '../core/token/token.ts';
import { moveMirror, moveToken } from './follow-clock.ts';
import { reduceLeadership } from './reduce-leadership.ts';
import { reduceMirror } from './reduce-mirror.ts';
import { createProviderRecord, reduceProvider } from './reduce-provider.ts';
import { createTokenRecord, endEffort, reduceToken, type TokenEvent } from './reduce-token.ts';

export class TokenBoard implements Board {
  readonly #clock: Pick<Clock, 'now' | 'monotonicMs'>;
  readonly #jumps: ClockJumps;
  readonly #tokens = new Map<string, TokenRecord>();
  readonly #providers = new Map<string, ProviderRecord>();
  readonly #mirrors = new Map<string, MirrorRecord>();
  #leadership: LeadershipRecord;
  #revision = 0;

  constructor(clock: Pick<Clock, 'now' | 'monotonicMs'>) {
    this.#clock = clock;
    this.#jumps = new ClockJumps(clock);
    this.#leadership = { isLeader: false, sinceMs: clock.now(), other: undefined, trouble: undefined };
  }

  get revision(): number {
    return this.#revision;
  }

  get leadership(): LeadershipRecord {
    return this.#leadership;
  }

  tokens(): Iterable<TokenRecord> {
    return this.#tokens.values();
  }

  token(name: string): TokenRecord | undefined {
    return this.#tokens.get(name);
  }

  providers(): Iterable<ProviderRecord> {
    return this.#providers.values();
  }

  provider(name: string): ProviderRecord | undefined {
    return this.#providers.get(name);
  }

  mirrors(): Iterable<MirrorRecord> {
    return this.#mirrors.values();
  }

  /** Announces configured tokens, so that they are seen before anything has happened to them. */
  registerTokens(identities: readonly TokenIdentity[]): void {
    for (const identity of identities) this.#tokens.set(identity.token, this.#recordOf(identity));
  }

  /** Announces a provider, which may have no tokens yet. */
  registerProvider(name: string, kind: string): void {
    if (!this.#providers.has(name)) this.#providers.set(name, createProviderRecord(name, kind));
  }

  readonly onEvent = (event: RefreshEvent): void => {
    const now = { wallMs: this.#clock.now(), monotonicMs: this.#clock.monotonicMs() };
    this.#revision += 1;
    this.#followClock();
    if ('identity' in event) this.#onTokenEvent(event, now);
    else if ('provider' in event) this.#onProviderEvent(event.provider, event, now);
    else if ('place' in event)
      this.#mirrors.set(event.place, reduceMirror(this.#mirrors.get(event.place), event, now));
    else this.#onProgramEvent(event, now);
  };

  #onTokenEvent(event: TokenEvent, now: Moment): void {
    const { token, provider } = event.identity;
    const next = reduceToken(this.#recordOf(event.identity), event, now);
    if (next === undefined) this.#tokens.delete(token);
    else this.#tokens.set(token, next);
    this.#onProviderEvent(provider, event, now);
  }

  #onProviderEvent(name: string, event: RefreshEvent, now: Moment): void {
    const provider = this.#providers.get(name);
    if (provider !== undefined) this.#providers.set(name, reduceProvider(provider, event, now));
  }

  #onProgramEvent(event: RefreshEvent, now: Moment): void {
    this.#leadership = reduceLeadership(this.#leadership, event, now);
    // Of a former term: the next leader says again what fails, and a stand-by cannot know.
    if (event.event === 'leadership-acquired' || event.event === 'leadership-lost') this.#endTerm();
  }

  #endTerm(): void {
    this.#mirrors.clear();
    for (const [token, record] of this.#tokens) this.#tokens.set(token, endEffort(record));
  }

  #followClock(): void {
    const byMs = this.#jumps.take();
    if (byMs === 0) return;
    this.#leadership = { ...this.#leadership, sinceMs: this.#leadership.sinceMs + byMs };
    for (const [token, record] of this.#tokens) this.#tokens.set(token, moveToken(record, byMs));
    for (const [place, record] of this.#mirrors) this.#mirrors.set(place, moveMirror(record, byMs));
  }

  #recordOf(identity: TokenIdentity): TokenRecord {
    this.registerProvider(identity.provider, identity.kind);
    return this.#tokens.get(identity.token) ?? createTokenRecord(identity);
  }
}
