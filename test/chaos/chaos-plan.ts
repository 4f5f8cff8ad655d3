/** What will go wrong when, drawn from one seed: the same seed yields the same plan on every machine. */
import type { Random } from '../../src/core/ports.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { LIFETIMES_MS, SHORTEST_MARGIN_MS } from './chaos-timing.ts';

/** Every kind of action, by what it strikes. One strikes at a time; different ones overlap as they come. */
export const CHAOS_KINDS = {
  processes: [
    'kill-leader',
    'stop-leader',
    'roll-leader',
    'stop-leader-briefly',
    'kill-stand-by',
    'roll-all',
  ],
  'API server': ['api-hang', 'api-500', 'api-reset', 'api-hang-briefly'],
  store: ['store-outage', 'store-throttle', 'store-lost-answer', 'store-late'],
  providers: ['provider-503', 'provider-lost-answer', 'provider-late'],
  mirror: ['mirror-outage', 'mirror-503', 'mirror-lost-answer', 'mirror-late'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type Track = keyof typeof CHAOS_KINDS;
export type ChaosKind = (typeof CHAOS_KINDS)[Track][number] | 'long-store-outage' | 'long-provider-outage';

/**
 * When a leader is struck: right away, or as soon as it has sent something that is still under way: a call to a provider,
 * the value of a secret, or the move of AWSCURRENT to it.
 */
export const AIMS = ['now', 'fetch', 'put', 'move'] as const;

export interface ChaosAction {
  readonly track: Track;
  readonly kind: ChaosKind;
  /** From the start of the plan. It begins later when the one before on its track is not over. */
  readonly atMs: number;
  /** How long it lasts; for kills and rollouts: until the process is started again. */
  readonly durationMs: number;
  /** For faults of one provider. */
  readonly provider: string;
  /** For kill and stop of the leader. */
  readonly aim: (typeof AIMS)[number];
  /** Which stand-by, when there are several: in [0, 1). */
  readonly draw: number;
}

export interface PlanOptions {
  readonly seed: number;
  readonly durationMs: number;
}

/** Rest after an action, from and to, by track. */
const RESTS_MS: Readonly<Record<Track, readonly [number, number]>> = {
  processes: [1500, 7000],
  'API server': [8000, 20_000],
  store: [5000, 14_000],
  providers: [2000, 7000],
  mirror: [3000, 9000],
};

const DURATIONS_MS: Readonly<Record<ChaosKind, readonly [number, number]>> = {
  'kill-leader': [500, 5000],
  'kill-stand-by': [500, 3000],
  'stop-leader': [4000, 8000],
  'stop-leader-briefly': [300, 1800],
  'roll-leader': [200, 2000],
  'roll-all': [200, 1000],
  'api-hang': [2500, 6000],
  'api-hang-briefly': [300, 900],
  'api-500': [500, 5000],
  'api-reset': [500, 5000],
  'store-outage': [500, 5000],
  'store-throttle': [500, 4000],
  'store-lost-answer': [1000, 5000],
  'store-late': [1000, 5000],
  'provider-503': [1000, 5000],
  'provider-lost-answer': [1000, 5000],
  'provider-late': [2000, 8000],
  'mirror-outage': [1000, 12_000],
  'mirror-503': [1000, 6000],
  'mirror-lost-answer': [1000, 6000],
  'mirror-late': [2000, 12_000],
  'long-store-outage': [SHORTEST_MARGIN_MS + 4000, SHORTEST_MARGIN_MS + 8000],
  'long-provider-outage': [SHORTEST_MARGIN_MS + 4000, SHORTEST_MARGIN_MS + 8000],
};

/** A run that is shorter has no time for an outage that is longer than the margin, and for what follows from it. */
const LEAST_FOR_LONG_OUTAGES_MS = 150_000;
const LONG_OUTAGES_AT = [0.35, 0.7] as const;

/** @returns actions by time; each kind of a track comes up before any comes up again */
export function planChaos({ seed, durationMs }: PlanOptions): readonly ChaosAction[] {
  const tracks: readonly Track[] = ['processes', 'API server', 'store', 'providers', 'mirror'];
  const hasLongOutages = durationMs >= LEAST_FOR_LONG_OUTAGES_MS;
  return tracks
    .flatMap((track, index) =>
      planTrack(track, createSeededRandom(seed * 16 + index), durationMs, hasLongOutages),
    )
    .toSorted((a, b) => a.atMs - b.atMs);
}

function planTrack(
  track: Track,
  random: Random,
  durationMs: number,
  hasLongOutages: boolean,
): readonly ChaosAction[] {
  const actions: ChaosAction[] = [];
  const providers = Object.keys(LIFETIMES_MS);
  const long = hasLongOutages ? longOutageOf(track) : undefined;
  let bag: ChaosKind[] = [];
  let atMs = between(random, track === 'processes' ? [0, 1000] : RESTS_MS[track]) / 2;
  while (atMs < durationMs) {
    const isLong =
      long !== undefined &&
      atMs >= long.share * durationMs &&
      !actions.some(({ kind }) => kind === long.kind);
    if (bag.length === 0) bag = shuffle(random, CHAOS_KINDS[track]);
    const kind = isLong ? long.kind : bag.shift();
    if (kind === undefined) throw new Error(`no kinds for ${track}`);
    const lastsMs = Math.round(between(random, DURATIONS_MS[kind]));
    const provider = providers[Math.floor(random.next() * providers.length)] ?? '';
    const aim = AIMS[Math.floor(random.next() * AIMS.length)] ?? 'now';
    const draw = random.next();
    actions.push({ track, kind, atMs: Math.round(atMs), durationMs: lastsMs, provider, aim, draw });
    atMs += lastsMs + between(random, RESTS_MS[track]);
  }
  return actions;
}

function longOutageOf(track: Track): { readonly kind: ChaosKind; readonly share: number } | undefined {
  if (track === 'store') return { kind: 'long-store-outage', share: LONG_OUTAGES_AT[0] };
  return track === 'providers' ? { kind: 'long-provider-outage', share: LONG_OUTAGES_AT[1] } : undefined;
}

function between(random: Random, [from, to]: readonly [number, number]): number {
  return from + random.next() * (to - from);
}

function shuffle<T>(random: Random, items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, order: random.next() }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ item }) => item);
}
