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

/** Failures with no success between them. `needed` above: tokens that have to begin to fail until the others wait. */
interface Streak {
  readonly latest: CallFailure;
  /** Tokens that have begun to fail. */
  readonly begun: number;
  /** Tokens that have failed, as many as it takes to hold them back together. */
  readonly tokens: readonly string[];
  /** Failed probes. */
  readonly probes: number;
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
  const { begun = 0, tokens = [], probes = 0, demandedUntilMs = atMs } = former ?? {};
  const streak: Streak = {
    latest,
    begun: begun + (latest.isFirst ? 1 : 0),
    tokens: tokens.length >= MANY_FAILING || tokens.includes(token) ? tokens : [...tokens, token],
    probes: probes + (latest.isProbe ? 1 : 0),
    demandedUntilMs: Math.max(demandedUntilMs, atMs + (failure.retryAfterMs ?? 0)),
  };
  if (circuit.kind === 'open') return { ...circuit, streak };
  const { needed } = circuit;
  if (streak.begun < needed) return { kind: 'doubtful', needed, streak };
  return { kind: 'open', needed, streak: { ...streak, probes: 0 }, sinceMs: atMs };
}

/** Whether tokens of this kind ask one at a time. @param hasFailed the kind: those whose last call has failed */
export function isHeld(circuit: Circuit, hasFailed: boolean): circuit is Failing {
  if (circuit.kind === 'closed') return false;
  return circuit.kind === 'open' || (hasFailed && circuit.streak.tokens.length >= MANY_FAILING);
}

/** Milliseconds until the next of a kind that is held may ask; 0 when it may. */
export function probeInMs(circuit: Failing, hasFailed: boolean, nowMs: number): number {
  const { latest, begun, probes, demandedUntilMs } = circuit.streak;
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
