/**
 * What is wrong right now, from the stream of events and the time that passes.
 *
 * Guarantee: an event costs the same however many tokens there are; nothing here waits, so a refresh is never delayed.
 * A condition about tokens is only stated by the replica that leads, because only its events are complete; with one
 * exception: while another installation leads, a stand-by states which of its own tokens nobody refreshes. `NoLeader` is
 * only stated by one that does not lead: for {@link NO_LEADER_AFTER_MS} it could neither lead nor see who does.
 * Non-guarantee: a stand-by that is cut off alone states `NoLeader` although another replica leads well. It cannot know
 * better, and it could not take over either.
 */
import type { AlertName } from '../core/alert.ts';
import type { RefreshEvent, SecretTarget } from '../core/events.ts';
import type { Failure, FailureCode } from '../core/failure.ts';
import type { Clock } from '../core/ports.ts';
import { describeSkew, isSuspectSkew } from '../core/token/clock-skew.ts';
import type { TokenIdentity } from '../core/token/token.ts';

/** One alert about one provider (or the program), with everything that it holds for. */
export interface Condition {
  readonly alert: AlertName;
  /** `undefined`: the program as a whole. */
  readonly provider: string | undefined;
  /** Never empty. */
  readonly members: readonly ConditionMember[];
}

export interface ConditionMember {
  /** `undefined`: the provider or the program as a whole. */
  readonly token: string | undefined;
  readonly code: FailureCode | undefined;
  /** What is known beyond the alert's own meaning; `undefined` for nothing. Holds no secret. */
  readonly detail: string | undefined;
  /** Expiry of what readers see, where that matters; wall time in milliseconds. */
  readonly expiresAtMs: number | undefined;
}

/** Two lease durations: a leader that is cut off has stopped by then, and another would have taken over. */
export const NO_LEADER_AFTER_MS = 30_000;
/** An expired token whose refresh does not fail either: something stands still. */
const STALL_AFTER_EXPIRY_MS = 30_000;

/**
 * What a leader of ours would need at most to get a new token published, while a rollout goes on.
 * An expired one waits longer: a stand-by reads again what it found expired only after five minutes.
 */
const UNCARED_ABSENT_MS = 120_000;
const UNCARED_EXPIRED_MS = 360_000;

/** What readers see of a token; `unknown` until the store has said so. */
type Life =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'absent' }
  | { readonly kind: 'known'; readonly expiresAtMs: number; readonly refreshAtMs: number };

interface TokenFacts {
  readonly identity: TokenIdentity;
  life: Life;
  failure: Failure | undefined;
  /** Secrets of the token that are short of versions, and what was said about them. */
  readonly short: Map<SecretTarget, string>;
}

export class AlertBoard {
  readonly #clock: Pick<Clock, 'now' | 'monotonicMs'>;
  readonly #tokens = new Map<string, TokenFacts>();
  /** Life left when a refresh is due, by provider, in milliseconds. */
  readonly #margins = new Map<string, number>();
  /** Provider's clock minus ours, where they differ too much, by provider. */
  readonly #skews = new Map<string, number>();
  #isLeader = false;
  /** Who leads in this one's place, and of which installation nothing is known or that it is another. */
  #stranger: { readonly sinceMonotonicMs: number; readonly leader: string } | undefined;
  #isolation:
    | { readonly sinceMonotonicMs: number; readonly problem: string; readonly endsWithTerm: boolean }
    | undefined;

  constructor(clock: Pick<Clock, 'now' | 'monotonicMs'>) {
    this.#clock = clock;
  }

  get isLeader(): boolean {
    return this.#isLeader;
  }

  onEvent(event: RefreshEvent): void {
    if ('identity' in event) this.#onTokenEvent(event, this.#factsOf(event.identity));
    else this.#onProgramEvent(event);
  }

  /** Everything that is wrong now; in no particular order. */
  conditions(): readonly Condition[] {
    return this.#isLeader ? this.#tokenConditions() : [...this.#noLeader(), ...this.#uncaredTokens()];
  }

  #onTokenEvent(event: Extract<RefreshEvent, { identity: TokenIdentity }>, facts: TokenFacts): void {
    switch (event.event) {
      case 'token-restored':
      case 'token-refreshed':
      case 'token-unchanged': {
        const { expiresAtMs, refreshAtMs } = event;
        facts.life = { kind: 'known', expiresAtMs, refreshAtMs };
        facts.failure = undefined;
        return;
      }
      case 'token-absent':
        facts.life = { kind: 'absent' };
        return;
      case 'refresh-recovered':
        facts.failure = undefined;
        return;
      case 'refresh-failed':
        facts.failure = event.failure;
        return;
      case 'token-fetched':
        if (event.clockSkewMs === undefined) return;
        if (isSuspectSkew(event.clockSkewMs)) this.#skews.set(event.identity.provider, event.clockSkewMs);
        else this.#skews.delete(event.identity.provider);
        return;
      case 'version-budget-low':
      case 'version-budget-exhausted':
        facts.short.set(event.target, `${event.versions} of ${event.versionBudget} versions`);
        return;
      case 'version-budget-recovered':
        facts.short.delete(event.target);
        return;
      case 'token-removed':
        this.#tokens.delete(event.identity.token);
        return;
      default:
        return;
    }
  }

  #onProgramEvent(event: Exclude<RefreshEvent, { identity: TokenIdentity }>): void {
    switch (event.event) {
      case 'schedule-derived':
        this.#margins.set(event.provider, event.lifetimeMs - event.refreshEveryMs);
        return;
      case 'leadership-acquired':
        this.#isLeader = true;
        this.#stranger = undefined;
        // What failed, on the other hand, is over when it is said to have recovered.
        if (this.#isolation?.endsWithTerm === true) this.#isolation = undefined;
        // Of a former term: the keepers tell anew what fails.
        for (const facts of this.#tokens.values()) facts.failure = undefined;
        return;
      case 'leadership-lost':
        this.#isLeader = false;
        return;
      case 'standing-by':
        this.#isolation = undefined;
        this.#stranger =
          event.isOurs === true
            ? undefined
            : {
                sinceMonotonicMs: this.#stranger?.sinceMonotonicMs ?? this.#clock.monotonicMs(),
                leader: event.leader,
              };
        return;
      case 'nobody-leads':
        this.#stranger = undefined;
        this.#isolation = {
          sinceMonotonicMs: this.#clock.monotonicMs() - event.sinceMs,
          problem: event.problem,
          endsWithTerm: true,
        };
        return;
      case 'coordination-failed':
        // It could not take over if it had to, and need not.
        if (event.leader !== undefined) return;
        this.#isolation = {
          sinceMonotonicMs: this.#isolation?.sinceMonotonicMs ?? this.#clock.monotonicMs(),
          problem: event.problem,
          endsWithTerm: false,
        };
        return;
      case 'coordination-recovered':
        this.#isolation = undefined;
        return;
      default:
        return;
    }
  }

  #noLeader(): readonly Condition[] {
    const isolation = this.#isolation;
    if (isolation === undefined) return [];
    if (this.#clock.monotonicMs() - isolation.sinceMonotonicMs < NO_LEADER_AFTER_MS) return [];
    const member = {
      token: undefined,
      code: undefined,
      detail: isolation.problem,
      expiresAtMs: undefined,
    };
    return [{ alert: 'NoLeader', provider: undefined, members: [member] }];
  }

  /** Of a stand-by: tokens that its leader does not refresh, because it keeps others. */
  #uncaredTokens(): readonly Condition[] {
    const stranger = this.#stranger;
    if (stranger === undefined) return [];
    const nowMs = this.#clock.now();
    const ledForMs = this.#clock.monotonicMs() - stranger.sinceMonotonicMs;
    const detail =
      `${stranger.leader} leads, which does not refresh it: it may be of another installation, ` +
      'give each a coordination.leaseName of its own';
    const { add, conditions } = collectConditions();
    for (const { identity, life } of this.#tokens.values()) {
      const expiresAtMs = life.kind === 'known' ? life.expiresAtMs : undefined;
      const isUncared =
        life.kind === 'absent'
          ? ledForMs >= UNCARED_ABSENT_MS
          : expiresAtMs !== undefined && Math.min(ledForMs, nowMs - expiresAtMs) >= UNCARED_EXPIRED_MS;
      if (isUncared)
        add('TokenExpired', identity.provider, {
          token: identity.token,
          code: undefined,
          detail,
          expiresAtMs,
        });
    }
    return conditions();
  }

  #tokenConditions(): readonly Condition[] {
    const nowMs = this.#clock.now();
    const { add, conditions } = collectConditions();
    for (const facts of this.#tokens.values()) {
      const { identity, life, failure, short } = facts;
      const { provider, token } = identity;
      const expiresAtMs = life.kind === 'known' ? life.expiresAtMs : undefined;
      const member = { token, code: failure?.code, detail: failure?.message, expiresAtMs };
      if (failure !== undefined) add(causeOf(failure), provider, member);
      const urgency = decideUrgency(facts, this.#margins.get(provider), nowMs);
      if (urgency !== undefined) add(urgency, provider, member);
      const [shortage] = short.values();
      if (shortage !== undefined)
        add('VersionBudgetLow', provider, { ...member, code: undefined, detail: shortage });
    }
    for (const [provider, skewMs] of this.#skews) {
      const detail = describeSkew(skewMs);
      add('ClockSkew', provider, { token: undefined, code: undefined, detail, expiresAtMs: undefined });
    }
    return conditions();
  }

  #factsOf(identity: TokenIdentity): TokenFacts {
    const known = this.#tokens.get(identity.token);
    if (known !== undefined) return known;
    const facts: TokenFacts = { identity, life: { kind: 'unknown' }, failure: undefined, short: new Map() };
    this.#tokens.set(identity.token, facts);
    return facts;
  }
}

function collectConditions() {
  const found = new Map<string, { alert: AlertName; provider: string; members: ConditionMember[] }>();
  return {
    add: (alert: AlertName, provider: string, member: ConditionMember): void => {
      const key = `${provider}/${alert}`;
      const condition = found.get(key);
      if (condition === undefined) found.set(key, { alert, provider, members: [member] });
      else condition.members.push(member);
    },
    conditions: (): readonly Condition[] => [...found.values()],
  };
}

/** Which alert says best why a refresh fails: one for each failure. */
export function causeOf({ code, retry }: Pick<Failure, 'code' | 'retry'>): AlertName {
  switch (code) {
    case 'credentials-rejected':
      return 'CredentialsRejected';
    case 'chain-broken':
      // A chain that can start again by itself is not broken for good.
      return retry === 'needs-human' ? 'ChainBroken' : 'RefreshFailing';
    case 'clock-skewed':
      return 'ClockSkew';
    case 'store-denied':
    case 'store-missing':
    case 'store-not-ours':
    case 'store-deleting':
    case 'store-quota':
    case 'store-conflict':
    case 'store-unavailable':
      return 'StoreWriteFailing';
    case 'request-rejected':
    case 'rate-limited':
    case 'provider-unavailable':
    case 'response-malformed':
    case 'token-unchanged':
    case 'leadership-lost':
    case 'aborted':
      return 'RefreshFailing';
  }
}

/** What the time that is left makes of it. A token that was never seen may well be fine. */
function decideUrgency(
  { life, failure }: Pick<TokenFacts, 'life' | 'failure'>,
  marginMs: number | undefined,
  nowMs: number,
): 'TokenExpiring' | 'TokenExpired' | undefined {
  if (life.kind === 'unknown') return undefined;
  if (life.kind === 'absent') return failure === undefined ? undefined : 'TokenExpired';
  const leftMs = life.expiresAtMs - nowMs;
  if (failure === undefined) return leftMs <= -STALL_AFTER_EXPIRY_MS ? 'TokenExpired' : undefined;
  if (leftMs <= 0) return 'TokenExpired';
  const plannedMs = life.expiresAtMs - life.refreshAtMs;
  // One that is refreshed early, to spread a provider's tokens, has more time than its margin; one that the provider
  // would not replace is asked for at its very end.
  const fullMs = plannedMs > 0 ? Math.min(plannedMs, marginMs ?? plannedMs) : (marginMs ?? 0);
  return leftMs < fullMs / 2 ? 'TokenExpiring' : undefined;
}
