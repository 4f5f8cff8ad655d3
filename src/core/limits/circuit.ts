/**
 * What the failures of one provider say about all of its tokens: the circuit of its breaker. Pure; all times monotonic.
 *
 * `closed`: nothing has failed since the last success. `doubtful`: too few tokens to say anything about the others.
 * `open`: so many that it is the provider.
 */
import type { Failure } from '../failure.ts';
import { decideHumanWait } from '../schedule/backoff.ts';

export type Circuit =
  | { readonly kind: 'closed'; readonly needed: number }
  | { readonly kind: 'doubtful'; readonly needed: number; readonly streak: Streak }
  | { readonly kind: 'open'; readonly needed: number; readonly streak: Streak; readonly sinceMs: number };

type Failing = Exclude<Circuit, { kind: 'closed' }>;

/**
 * What a token has to lose. `live`: it has not failed, and its readers have a token that still lives, so its credentials
 * have worked lately. `untried`: it has not failed either. `failed`: its last call has.
 */
export type Standing = 'live' | 'untried' | 'failed';

/** What the circuit has seen of some tokens. */
interface Tally {
  /** Tokens that have begun to fail: one that keeps failing on its own (a rejected binding) counts once. */
  readonly begun: number;
  /** Failed probes. */
  readonly probes: number;
}

/** Failures with no success between them. `needed` above: tokens that have to begin to fail until the others wait. */
interface Streak {
  readonly latest: CallFailure;
  readonly all: Tally;
  /** Of live tokens alone: customers that have left, whose tokens are over, say nothing about those that are served. */
  readonly live: Tally;
  /** Tokens that have failed, as many as it takes to hold them back together. */
  readonly tokens: readonly string[];
  /** Until the wait is over that the provider demanded. */
  readonly demandedUntilMs: number;
}

export interface CallFailure {
  readonly token: string;
  readonly failure: Failure;
  readonly atMs: number;
  /** Uniform in [0, 1). */
  readonly draw: number;
  /** The token's former call has not failed. */
  readonly isFirst: boolean;
  readonly isProbe: boolean;
  /** Its readers had a live token when it asked. */
  readonly isLive: boolean;
}

/** Tokens that have begun to fail in a row, before the others wait. */
export const MANY_TOKENS = 3;
/** Four times as many each time that a token which others' failures had held back then had a success. */
const MAX_NEEDED = 48;
/** More of them for waits that a provider demands: a limit of a few customers must not hold the others for an hour. */
const MORE_WHEN_SURE = 7;
/** Tokens that fail again in a row, before they are held back together: each has its own back-off until then. */
const MANY_FAILING = 10;

const BASE_MS = 1000;
/** While there are readers whose token is still good, and when most tokens have expired. */
const MAX_GAP_MS = 20_000;
const MAX_LATER_GAP_MS = 60_000;
const LATER_AFTER_MS = 15 * 60_000;
/** Rejected credentials: the others may have good ones, so a few ask soon; an account may be locked, so only a few. */
const REJECTED_BASE_MS = 5000;
const REJECTED_GROWTH = 4;
const MAX_REJECTED_GAP_MS = 15 * 60_000;

const NONE: Tally = { begun: 0, probes: 0 };
export const CLOSED: Circuit = { kind: 'closed', needed: MANY_TOKENS };

/** @param concernsAll the token had failed with the others, or none fails any more */
export function afterSuccess(circuit: Circuit, concernsAll: boolean, isProbe: boolean): Circuit {
  if (concernsAll) return CLOSED;
  const { kind, needed } = circuit;
  // Not what was on its way when the outage began.
  const isOthers = kind === 'open' && isProbe;
  return { kind: 'closed', needed: isOthers ? Math.min(4 * needed, MAX_NEEDED) : needed };
}

export function afterFailure(circuit: Circuit, latest: CallFailure): Circuit {
  const { token, atMs, failure } = latest;
  const former = circuit.kind === 'closed' ? undefined : circuit.streak;
  const { all = NONE, live = NONE, tokens = [], demandedUntilMs = atMs } = former ?? {};
  const streak: Streak = {
    latest,
    all: count(all, latest),
    live: latest.isLive ? count(live, latest) : live,
    tokens: tokens.length >= MANY_FAILING || tokens.includes(token) ? tokens : [...tokens, token],
    demandedUntilMs: Math.max(demandedUntilMs, atMs + (failure.retryAfterMs ?? 0)),
  };
  if (circuit.kind === 'open') return { ...circuit, streak };
  const { needed } = circuit;
  if (streak.all.begun < needed) return { kind: 'doubtful', needed, streak };
  return { kind: 'open', needed, streak: { ...streak, ...unprobed(streak) }, sinceMs: atMs };
}

function count({ begun, probes }: Tally, { isFirst, isProbe }: CallFailure): Tally {
  return { begun: begun + (isFirst ? 1 : 0), probes: probes + (isProbe ? 1 : 0) };
}

function unprobed({ all, live }: Streak): Pick<Streak, 'all' | 'live'> {
  return { all: { ...all, probes: 0 }, live: { ...live, probes: 0 } };
}

/** Whether tokens of this standing ask one at a time. */
export function isHeld(circuit: Circuit, standing: Standing): circuit is Failing {
  if (circuit.kind === 'closed') return false;
  return circuit.kind === 'open' || (standing === 'failed' && circuit.streak.tokens.length >= MANY_FAILING);
}

/** Milliseconds until the next of a standing that is held may ask; 0 when it may. */
export function probeInMs(circuit: Failing, standing: Standing, nowMs: number): number {
  const { latest, all, live, demandedUntilMs } = circuit.streak;
  const { begun, probes } = standing === 'live' ? live : all;
  const hasFailed = standing === 'failed';
  const isLate = circuit.kind === 'open' && nowMs - circuit.sinceMs >= LATER_AFTER_MS;
  const nextAtMs = latest.atMs + gapMs(latest, probes, hasFailed, isLate ? MAX_LATER_GAP_MS : MAX_GAP_MS);
  const isSure = hasFailed || begun >= circuit.needed + MORE_WHEN_SURE;
  return Math.max(0, nextAtMs - nowMs, isSure ? demandedUntilMs - nowMs : 0);
}

/** Between the last failure and the next probe. */
function gapMs({ failure, draw }: CallFailure, probes: number, hasFailed: boolean, maxGapMs: number): number {
  if (failure.retry !== 'needs-human')
    return Math.round(Math.min(BASE_MS * 2 ** probes, maxGapMs) * (0.5 + draw / 2));
  return hasFailed
    ? decideHumanWait(probes + 1, true)
    : Math.min(REJECTED_BASE_MS * REJECTED_GROWTH ** probes, MAX_REJECTED_GAP_MS);
}
