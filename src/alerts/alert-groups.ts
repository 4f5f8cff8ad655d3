/**
 * When people are told: conditions as they come and go become one message per transition.
 *
 * Guarantees
 * - One group per provider and alert: 214 tokens that fail within {@link GROUP_WINDOW_MS} are one message. What has come
 *   and gone within that window was a blip that a retry has cured, and is not told.
 * - A group is told when it begins, when it has doubled, or has grown at all for five minutes, at each reminder, and when
 *   it is over. One that comes back within an hour has to stay away longer each time before it counts as over, up to
 *   15 minutes, so that flapping makes a handful of messages and not one per flap.
 * - The number of groups is bounded by providers times alerts, and so is the number of messages.
 */
import { ALERT_NAMES, type AlertName, type Occasion } from '../core/alert.ts';
import type { Clock } from '../core/ports.ts';
import { ClockJumps } from '../core/schedule/moment.ts';
import { type Condition, type ConditionMember, keyOf } from './alert-conditions.ts';

export const GROUP_WINDOW_MS = 5_000;
/** How long a group has to be quiet before it is over: the first time, the second time within an hour, … */
export const QUIET_MS = [5_000, 60_000, 300_000, 900_000] as const;
const FLAP_MEMORY_MS = 3_600_000;
/** What has joined a group since it was told about waits no longer than this. */
export const GROWTH_MS = 300_000;
/** For receivers that forget: Alertmanager after five minutes. */
export const KEEP_EVERY_MS = 60_000;
/** After so long a new leader has looked at every token, as a rule: a call ends within its deadline of seconds. */
export const FIRST_LOOK_MS = 60_000;

export interface AlertGroupsOptions {
  readonly clock: Pick<Clock, 'now' | 'monotonicMs'>;
  readonly remindEveryMs: number;
  /** Names of all providers: what a former leader may have raised follows from them. */
  readonly providers: readonly string[];
  /** The same of all mirrors. */
  readonly mirrors?: readonly string[];
}

/** Something to tell. */
export interface Transition {
  readonly occasion: Exclude<Occasion, 'test'>;
  readonly alert: AlertName;
  readonly provider: string | undefined;
  /**
   * When recovered: all that it was told for and nothing else is told about now. When superseded: what it held for last.
   * Empty for what may have been inherited.
   */
  readonly members: readonly ConditionMember[];
  /** Wall time in milliseconds. */
  readonly startedAtMs: number;
  readonly lastedMs: number;
}

interface Group extends Pick<Transition, 'alert' | 'provider'> {
  startedAtMs: number;
  readonly startedMonotonicMs: number;
  members: readonly ConditionMember[];
  /** All that it has held for since it was told, by token. */
  readonly heldFor: Map<string | undefined, ConditionMember>;
  /** Set from the first message on. */
  told: { readonly atMs: number; readonly count: number } | undefined;
  /** Monotonic time of the latest message or repetition. */
  keptAtMs: number;
  /** Monotonic time since which the condition does not hold any more. */
  quietSinceMs: number | undefined;
}

/** Alerts about a provider or its tokens. */
const PROVIDER_ALERTS = ALERT_NAMES.filter((alert) => alert !== 'NoLeader' && alert !== 'MirrorFailing');

const CAUSES = [
  'RefreshFailing',
  'CredentialsRejected',
  'ChainBroken',
  'StoreWriteFailing',
  'ClockSkew',
] as const satisfies readonly AlertName[];
const AFTER_CAUSE: readonly AlertName[] = [...CAUSES, 'TokenExpiring', 'TokenExpired'];

/** What may take the place of an alert about the same tokens: a more exact cause, or what is worse and says the cause too. */
const SUCCESSORS: Readonly<Partial<Record<AlertName, readonly AlertName[]>>> = {
  ...Object.fromEntries(CAUSES.map((cause) => [cause, AFTER_CAUSE])),
  TokenExpiring: ['TokenExpired'],
  // A token that was never published has one alert: its cause.
  TokenExpired: ['CredentialsRejected', 'ChainBroken'],
};

export class AlertGroups {
  readonly #options: AlertGroupsOptions;
  readonly #jumps: ClockJumps;
  readonly #groups = new Map<string, Group>();
  /** Monotonic times at which a group was told to have begun, within the last hour. */
  readonly #fires = new Map<string, number[]>();
  #firstLookAtMs: number | undefined;

  constructor(options: AlertGroupsOptions) {
    this.#options = options;
    this.#jumps = new ClockJumps(options.clock);
  }

  /** A term of leadership begins: what a former leader has raised is to be looked after. */
  beginTerm(): void {
    this.#firstLookAtMs = this.#nowMs() + FIRST_LOOK_MS;
  }

  /** Another replica goes on with what was raised about tokens. */
  endTerm(): void {
    this.#firstLookAtMs = undefined;
    for (const [key, { provider }] of this.#groups) if (provider !== undefined) this.#groups.delete(key);
  }

  /** What is to be told now, given everything that is wrong now. */
  decide(conditions: readonly Condition[]): readonly Transition[] {
    this.#followClock();
    const nowMs = this.#nowMs();
    const active = new Set<string>();
    for (const condition of conditions) {
      const key = keyOf(condition);
      active.add(key);
      this.#note(key, condition, nowMs);
    }
    // All of them first: what ends now as well is no successor.
    for (const [key, group] of this.#groups) if (!active.has(key)) group.quietSinceMs ??= nowMs;
    const transitions = [...this.#groups].flatMap(([key, group]) => {
      const occasion = this.#decideOccasion(key, group, nowMs);
      return occasion === undefined ? [] : [this.#transition(group, occasion, nowMs)];
    });
    return [...transitions, ...this.#lookAfterFormerLeader(nowMs)];
  }

  /** A start that lay ahead of the clock, or ahead of its end, would be refused by a receiver. */
  #followClock(): void {
    const byMs = this.#jumps.take();
    for (const group of this.#groups.values()) group.startedAtMs += byMs;
  }

  #note(key: string, { alert, provider, members }: Condition, nowMs: number): void {
    const group = this.#groups.get(key);
    if (group !== undefined) {
      group.members = members;
      if (group.told !== undefined) holdFor(group, members);
      group.quietSinceMs = undefined;
      return;
    }
    this.#groups.set(key, {
      alert,
      provider,
      members,
      heldFor: new Map(),
      startedAtMs: this.#options.clock.now(),
      startedMonotonicMs: nowMs,
      told: undefined,
      keptAtMs: nowMs,
      quietSinceMs: undefined,
    });
  }

  #decideOccasion(key: string, group: Group, nowMs: number): Transition['occasion'] | undefined {
    const { told, members, quietSinceMs } = group;
    if (told === undefined) {
      if (quietSinceMs !== undefined) this.#groups.delete(key);
      if (quietSinceMs !== undefined || nowMs - group.startedMonotonicMs < GROUP_WINDOW_MS) return undefined;
      this.#fires.set(key, [...this.#recentFires(key, nowMs), nowMs]);
      holdFor(group, members);
      return tell(group, 'fired', nowMs);
    }
    if (quietSinceMs !== undefined) {
      if (nowMs - quietSinceMs < this.#quietMs(key, nowMs)) return this.#keep(group, nowMs);
      const successor = this.#findSuccessor(group);
      // One that has not been told yet may still turn out to be a blip.
      if (successor !== undefined && successor.told === undefined) return this.#keep(group, nowMs);
      this.#groups.delete(key);
      return successor === undefined ? 'recovered' : 'superseded';
    }
    const hasGrown =
      members.length >= 2 * told.count || (members.length > told.count && nowMs - told.atMs >= GROWTH_MS);
    const isReminderDue = nowMs - told.atMs >= this.#options.remindEveryMs;
    if (!hasGrown && !isReminderDue) return this.#keep(group, nowMs);
    return tell(group, hasGrown ? 'grew' : 'reminder', nowMs);
  }

  #keep(group: Group, nowMs: number): 'kept' | undefined {
    if (nowMs - group.keptAtMs < KEEP_EVERY_MS) return undefined;
    group.keptAtMs = nowMs;
    return 'kept';
  }

  /** A worse or more exact alert about one of the same tokens, which will be over when this one really is. */
  #findSuccessor(group: Group): Group | undefined {
    const tokens = new Set(group.members.map(({ token }) => token));
    const holding = this.#successorsOf(group).filter(({ members }) =>
      members.some(({ token }) => tokens.has(token)),
    );
    return holding.find(({ told }) => told !== undefined) ?? holding[0];
  }

  /** Of whatever tokens. */
  #successorsOf({ alert, provider }: Group): readonly Group[] {
    return [...this.#groups.values()].filter(
      (other) =>
        other.provider === provider &&
        other.alert !== alert &&
        other.quietSinceMs === undefined &&
        SUCCESSORS[alert]?.includes(other.alert) === true,
    );
  }

  #findRecovered(group: Group): readonly ConditionMember[] {
    const others = new Set(
      this.#successorsOf(group).flatMap(({ members }) => members.map(({ token }) => token)),
    );
    return [...group.heldFor.values()].filter(({ token }) => !others.has(token));
  }

  #quietMs(key: string, nowMs: number): number {
    const fires = this.#recentFires(key, nowMs).length;
    return QUIET_MS[Math.min(Math.max(fires, 1), QUIET_MS.length) - 1] ?? QUIET_MS[0];
  }

  #recentFires(key: string, nowMs: number): readonly number[] {
    return (this.#fires.get(key) ?? []).filter((firedMs) => nowMs - firedMs < FLAP_MEMORY_MS);
  }

  /** Once a term: whatever does not hold may have been raised by a former leader, and is over now. */
  #lookAfterFormerLeader(nowMs: number): readonly Transition[] {
    if (this.#firstLookAtMs === undefined || nowMs < this.#firstLookAtMs) return [];
    this.#firstLookAtMs = undefined;
    const { providers, mirrors = [], clock } = this.#options;
    const startedAtMs = clock.now();
    const inheritable: readonly Pick<Transition, 'alert' | 'provider'>[] = [
      ...providers.flatMap((provider) => PROVIDER_ALERTS.map((alert) => ({ alert, provider }))),
      ...mirrors.map((place) => ({ alert: 'MirrorFailing', provider: place }) as const),
      { alert: 'NoLeader', provider: undefined },
    ];
    // One that is not told yet may go as a blip, which ends nothing.
    return inheritable
      .filter((each) => this.#groups.get(keyOf(each))?.told === undefined)
      .map((each) => ({ ...each, occasion: 'inherited', members: [], startedAtMs, lastedMs: 0 }));
  }

  #transition(group: Group, occasion: Transition['occasion'], nowMs: number): Transition {
    const { alert, provider, startedAtMs, startedMonotonicMs, quietSinceMs } = group;
    const members = occasion === 'recovered' ? this.#findRecovered(group) : group.members;
    const lastedMs = (quietSinceMs ?? nowMs) - startedMonotonicMs;
    return { occasion, alert, provider, members, startedAtMs, lastedMs };
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs();
  }
}

function tell<Told extends Occasion>(group: Group, occasion: Told, nowMs: number): Told {
  group.told = { atMs: nowMs, count: group.members.length };
  group.keptAtMs = nowMs;
  return occasion;
}

function holdFor({ heldFor }: Group, members: readonly ConditionMember[]): void {
  for (const member of members) heldFor.set(member.token, member);
}
