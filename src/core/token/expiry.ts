/**
 * When a token ends, from an answer that may say so in any of a dozen ways, and in several at once.
 *
 * Guarantee: the result lies at least {@link MIN_LIFETIME_MS} after the arrival of the answer and at most ten years after
 * the request, and it is the earliest plausible reading of everything the answer says: refreshing too early costs one
 * call, too late an outage. Only the token that readers see may have less left. A value that is present and cannot be
 * right is a failure, never a guess; a value in a form that nobody knows counts as missing, with a note.
 *
 * Non-guarantee: a provider that revokes a token before its stated end is not noticed here.
 */

import { type Failed, fail, type Result, succeed } from '../result.ts';
import type { SecretText } from '../secret-text.ts';
import { HOUR_MS } from '../wire/duration.ts';
import { formatSeconds } from '../wire/time-text.ts';
import { CLOCK_SKEW_NOISE_MS, describeSkew, isSuspectSkew } from './clock-skew.ts';
import { type ExpiryCandidate, MAX_LIFETIME_MS, MIN_LIFETIME_MS, parseExpiry } from './expiry-value.ts';
import { decodeJwtTimes, type JwtTimes } from './jwt.ts';

/** One field of an answer that says when the token ends. */
interface ExpiryStatement {
  /** Its name, for messages: `expiresIn`, `data.expireTime`. */
  readonly field: string;
  readonly value: unknown;
}

/** Everything that an answer says about the end of its token. */
export interface ExpiryEvidence extends ExpiryStatement {
  /** Where the answer came from, for messages: `POST https://api.example.com/auth/token`. */
  readonly endpoint: string;
  /** What else the answer says, beside the documented field. */
  readonly others: readonly ExpiryStatement[];
  readonly accessToken: SecretText;
  /** Of the token that readers see: the same token again is no fault, however little of its life is left. */
  readonly publishedFingerprint?: string | undefined;
  readonly documentedLifetimeSeconds: number;
  /** `lifetime` of the configuration. */
  readonly configuredLifetimeSeconds: number;
  /** True when answers are known to say nothing: then that is worth no note. */
  readonly isSilent?: boolean;
  /** Wall time just before the request was sent, in milliseconds. */
  readonly sentAtMs: number;
  /** Wall time when the answer arrived, in milliseconds: a token that ends before is of no use. */
  readonly receivedAtMs: number;
  /** Provider's clock minus ours, in milliseconds. */
  readonly clockSkewMs: number | undefined;
  /** How long ago the answer was made, when a cache had it (`Age`); what is stated as a duration counts from then. */
  readonly ageMs: number;
}

interface Expiry {
  /** Wall time on our clock, in milliseconds. */
  readonly expiresAtMs: number;
  /** Its life in whole seconds, as stated. */
  readonly expiresInSeconds: number;
  readonly notes: readonly string[];
}

/** How much earlier a token's own `exp` may be than the stated expiry before a human should know. */
const NOTEWORTHY_GAP_MS = 5_000;
/** A token whose `iat` is this close to the provider's clock was made for this very request. */
const FRESH_WITHIN_MS = 5_000;
/** A token that becomes valid within this time may be due to a clock; later, it is of no use yet. */
const MAX_NOT_BEFORE_MS = 60_000;

const OWN_EXP = "the token's own exp";

/**
 * Decides the expiry of a fetched token. What is missing or cannot be read falls back to the token's own `exp` when it
 * is a JWT, then to the smaller of documented and configured lifetime, with a note.
 *
 * Fails with `response-malformed` naming the field for zero, negative or absurd values, for a token that is over by its
 * own `exp`, not valid yet by its own `nbf`, or over within {@link MIN_LIFETIME_MS}; with `clock-skewed` for a token that
 * seems to have expired already while the clocks are more than 60 s apart.
 */
export function decideExpiry(evidence: ExpiryEvidence): Result<Expiry> {
  const { sentAtMs, receivedAtMs } = evidence;
  const readings = [evidence, ...evidence.others].map((one) => readStatement(one, evidence));
  const jwt = decodeJwtTimes(evidence.accessToken);
  const stating = readings.find((one) => one.fault !== undefined);
  const fault = stating?.fault ?? findJwtFault(jwt, evidence);
  if (fault !== undefined) return fault;

  const own = jwtEnds(jwt, evidence).filter((end) => isPlausible(end, evidence));
  const stated = readings.flatMap(({ ends }) => ends);
  const notes = readings.flatMap((one) => one.notes);
  const expiry = decideFrom(evidence, stated, own, notes);
  const isPublished = evidence.accessToken.fingerprint() === evidence.publishedFingerprint;
  return !isPublished && expiry.expiresAtMs - Math.max(sentAtMs, receivedAtMs) < MIN_LIFETIME_MS
    ? tooShort(evidence, expiry)
    : succeed(expiry);
}

/** What a statement says. */
interface StatementReading {
  /** The moments on our clock that it may mean; empty when it says nothing. */
  readonly ends: readonly number[];
  readonly notes: readonly string[];
  /** The token cannot be used: what is stated is absurd, or clearly over. */
  readonly fault?: Failed;
}

function readStatement(statement: ExpiryStatement, evidence: ExpiryEvidence): StatementReading {
  const { field, value } = statement;
  // Not by its name: of an answer that documents none, another field may be called the same.
  const isDocumented = statement === evidence;
  const parsed = parseExpiry(value, expectedSeconds(evidence));
  switch (parsed.state) {
    case 'missing':
      return { ends: [], notes: isDocumented && evidence.isSilent !== true ? [`${field} missing`] : [] };
    case 'unknown':
    case 'absurd':
      return isDocumented && parsed.state === 'absurd'
        ? unusable(malformed(evidence, `${field} ${parsed.why}`))
        : { ends: [], notes: [`${field} ${parsed.why} and is ignored`] };
    case 'readable':
      return parsed.candidates.some(({ base }) => base === 'unknown-zone')
        ? readNaive(field, parsed.candidates, evidence)
        : readClear(field, parsed.candidates, evidence);
  }
}

function unusable(fault: Failed): StatementReading {
  return { ends: [], notes: [], fault };
}

function readClear(
  field: string,
  candidates: readonly ExpiryCandidate[],
  evidence: ExpiryEvidence,
): StatementReading {
  const ends = candidates
    .flatMap((one) => candidateEnds(one, evidence))
    .filter((end) => isPlausible(end, evidence));
  const absolute = candidates.find((one) => one.base === 'epoch');
  if (absolute !== undefined) {
    const isPast = absolute.atMs <= evidence.receivedAtMs;
    if (ends.length === 0 || (isPast && isSuspectSkew(evidence.clockSkewMs)))
      return unusable(expiredOnArrival(evidence, field, absolute.atMs));
    const isMoved = evidence.clockSkewMs !== undefined && Math.min(...ends) !== absolute.atMs;
    return { ends, notes: isMoved ? [`${field} corrected: ${describeSkew(evidence.clockSkewMs)}`] : [] };
  }
  if (ends.length === 0)
    return unusable(malformed(evidence, `${field} was over when the answer arrived${whyOld(evidence)}`));
  const isInMilliseconds = candidates.some((one) => one.base === 'sent' && one.unit === 'milliseconds');
  return { ends, notes: isInMilliseconds ? [`${field} read as milliseconds`] : [] };
}

/** Hours that the zones of the world differ from UTC. */
const ZONES = Array.from({ length: 27 }, (_, index) => index - 12);

/**
 * A time without a zone: UTC where that agrees with the expected lifetime, else whichever zone makes it agree and end
 * soonest; in any case not beyond the assumed lifetime, because it is a guess.
 */
function readNaive(
  field: string,
  candidates: readonly ExpiryCandidate[],
  evidence: ExpiryEvidence,
): StatementReading {
  const { sentAtMs, receivedAtMs } = evidence;
  const longestMs = (expectedSeconds(evidence) ?? 0) * 2 * 1000;
  const agrees = (endMs: number): boolean =>
    endMs - Math.max(sentAtMs, receivedAtMs) >= MIN_LIFETIME_MS && endMs - sentAtMs <= longestMs;
  const inUtc = candidates.flatMap((one) => (one.base === 'unknown-zone' ? [one.atMs] : []));
  const utc = inUtc.filter(agrees);
  const assumedMs = sentAtMs + assumedSeconds(evidence) * 1000;
  if (utc.length > 0) {
    return { ends: [Math.min(...utc, assumedMs)], notes: [`${field} has no time zone, read as UTC`] };
  }
  const elsewhere = inUtc.flatMap((atMs) => ZONES.map((hours) => atMs - hours * HOUR_MS)).filter(agrees);
  if (elsewhere.length === 0) return { ends: [], notes: [`${field} has no time zone and is ignored`] };
  const ends = [Math.min(...elsewhere, assumedMs)];
  return { ends, notes: [`${field} has no time zone, read in the one that fits and ends soonest`] };
}

/**
 * Reads the expiry of a refresh token: the earliest plausible reading, or `undefined` when there is none.
 * Never a failure, because the answer that holds it also holds a refresh token that must not be lost.
 */
export function readRefreshTokenExpiry(evidence: MeasuredTimes & ExpiryStatement): {
  readonly expiresAtMs: number | undefined;
  readonly notes: readonly string[];
} {
  const parsed = parseExpiry(evidence.value, undefined);
  if (parsed.state === 'missing') return { expiresAtMs: undefined, notes: [] };
  const candidates = parsed.state === 'readable' ? parsed.candidates : [];
  const ends = candidates.flatMap((one) => candidateEnds(one, evidence));
  const plausible = ends.filter((end) => isPlausible(end, evidence));
  return plausible.length === 0
    ? { expiresAtMs: undefined, notes: [`${evidence.field} unusable, ignored`] }
    : { expiresAtMs: Math.min(...plausible), notes: [] };
}

type MeasuredTimes = Pick<ExpiryEvidence, 'sentAtMs' | 'receivedAtMs' | 'clockSkewMs' | 'ageMs'>;

/** The moments on our clock that a candidate may mean. */
function candidateEnds(candidate: ExpiryCandidate, context: MeasuredTimes): readonly number[] {
  switch (candidate.base) {
    case 'sent':
      return [context.sentAtMs + candidate.afterMs - context.ageMs];
    case 'epoch':
      return withSkew(candidate.atMs, context.clockSkewMs);
    case 'unknown-zone':
      return [];
  }
}

function jwtEnds(
  { expiresAtMs, issuedAtMs }: JwtTimes,
  { sentAtMs, clockSkewMs }: ExpiryEvidence,
): readonly number[] {
  if (expiresAtMs === undefined) return [];
  const absolute = withSkew(expiresAtMs, clockSkewMs);
  if (issuedAtMs === undefined || issuedAtMs >= expiresAtMs) return absolute;
  const fromNow = sentAtMs + (expiresAtMs - issuedAtMs);
  // Issued just now by the provider's clock: the skew is known, so exp can be put on our clock.
  if (clockSkewMs !== undefined && Math.abs(issuedAtMs - (sentAtMs + clockSkewMs)) <= FRESH_WITHIN_MS) {
    return [fromNow, expiresAtMs - clockSkewMs];
  }
  // Otherwise either a clock is wrong or the token was issued earlier: the earliest of both is safe.
  const disagrees = Math.abs(issuedAtMs - sentAtMs) > CLOCK_SKEW_NOISE_MS;
  return disagrees ? [...absolute, fromNow] : absolute;
}

/** A token that is over, or not valid yet, on our clock and on the provider's; a life from `iat` on says nothing of that. */
function findJwtFault({ expiresAtMs, notBeforeMs }: JwtTimes, evidence: ExpiryEvidence): Failed | undefined {
  const { receivedAtMs, clockSkewMs } = evidence;
  if (expiresAtMs !== undefined && withSkew(expiresAtMs, clockSkewMs).every((end) => end <= receivedAtMs))
    return expiredOnArrival(evidence, OWN_EXP, expiresAtMs);
  const latestMs = receivedAtMs + MAX_NOT_BEFORE_MS;
  if (notBeforeMs === undefined || withSkew(notBeforeMs, clockSkewMs).some((from) => from <= latestMs))
    return undefined;
  return unusableNow(
    evidence,
    `the token's own nbf lies ${formatSeconds(notBeforeMs - receivedAtMs)} in the future`,
  );
}

/** A moment on the provider's clock may be meant on ours when the two differ. */
function withSkew(atMs: number, clockSkewMs: number | undefined): readonly number[] {
  const isMeasured = clockSkewMs !== undefined && Math.abs(clockSkewMs) > CLOCK_SKEW_NOISE_MS;
  return isMeasured ? [atMs, atMs - clockSkewMs] : [atMs];
}

function isPlausible(endMs: number, { sentAtMs, receivedAtMs }: MeasuredTimes): boolean {
  return endMs > Math.max(sentAtMs, receivedAtMs) && endMs - sentAtMs <= MAX_LIFETIME_MS;
}

/** The longest lifetime that anybody speaks of: what decides between two readings. */
function expectedSeconds({
  documentedLifetimeSeconds,
  configuredLifetimeSeconds,
}: ExpiryEvidence): number | undefined {
  const longest = Math.max(documentedLifetimeSeconds, configuredLifetimeSeconds);
  return longest > 0 ? longest : undefined;
}

/** The lifetime of a token about which nothing is known. */
function assumedSeconds({ documentedLifetimeSeconds, configuredLifetimeSeconds }: ExpiryEvidence): number {
  return Math.min(documentedLifetimeSeconds, configuredLifetimeSeconds);
}

function decideFrom(
  evidence: ExpiryEvidence,
  stated: readonly number[],
  own: readonly number[],
  notes: readonly string[],
): Expiry {
  const { sentAtMs, ageMs, field } = evidence;
  const aged = ageMs > 0 ? [`the answer is ${formatSeconds(ageMs)} old (Age)`] : [];
  if (stated.length === 0) {
    const because = (what: string): readonly string[] =>
      notes.length === 0 ? [] : [`${notes.join(', ')}, ${what}`];
    if (own.length > 0) return decided(evidence, Math.min(...own), because(`took ${OWN_EXP}`));
    const assumed = assumedSeconds(evidence);
    const assumedMs = sentAtMs + assumed * 1000 - ageMs;
    return decided(evidence, assumedMs, [...because(`assumed ${formatSeconds(assumed * 1000)}`), ...aged]);
  }
  const statedMs = Math.min(...stated);
  const expiresAtMs = Math.min(statedMs, ...own);
  const gapMs = statedMs - expiresAtMs;
  if (gapMs > NOTEWORTHY_GAP_MS) {
    const gap = `${OWN_EXP} is ${formatSeconds(gapMs)} before ${field}, took exp`;
    return decided(evidence, expiresAtMs, [...notes, ...aged, gap]);
  }
  // A second more or less in exp is rounding: the life is the stated one, and stays the same from fetch to fetch.
  return { ...decided(evidence, statedMs, [...notes, ...aged]), expiresAtMs };
}

function decided({ sentAtMs }: ExpiryEvidence, expiresAtMs: number, notes: readonly string[]): Expiry {
  const expiresInSeconds = Math.max(1, Math.round((expiresAtMs - sentAtMs) / 1000));
  return { expiresAtMs, expiresInSeconds, notes };
}

function expiredOnArrival(evidence: ExpiryEvidence, subject: string, atMs: number): Failed {
  const { sentAtMs, receivedAtMs } = evidence;
  if (atMs - sentAtMs > MAX_LIFETIME_MS) return malformed(evidence, `${subject} is more than 10 years away`);
  return unusableNow(evidence, `${subject} lies ${formatSeconds(receivedAtMs - atMs)} in the past`);
}

/** `clock-skewed` when the clocks explain it. */
function unusableNow(evidence: ExpiryEvidence, what: string): Failed {
  const { clockSkewMs, endpoint } = evidence;
  if (!isSuspectSkew(clockSkewMs)) return malformed(evidence, what, 'report it to the provider');
  return fail({
    code: 'clock-skewed',
    retry: 'backoff',
    message: `${endpoint}: ${what}, and ${describeSkew(clockSkewMs)}: check time synchronisation (NTP) on both sides`,
  });
}

function tooShort(evidence: ExpiryEvidence, { expiresAtMs }: Expiry): Failed {
  const left = formatSeconds(expiresAtMs - evidence.receivedAtMs);
  const what = `the token ends in ${left}${whyOld(evidence)}; less than ${formatSeconds(MIN_LIFETIME_MS)} is of no use`;
  return malformed(evidence, what, 'report it to the provider');
}

function whyOld({ ageMs }: ExpiryEvidence): string {
  return ageMs > 0 ? ` because the answer is ${formatSeconds(ageMs)} old (Age: a cache had it)` : '';
}

function malformed(
  { endpoint, field }: ExpiryEvidence,
  what: string,
  advice = `ask the provider what ${field} means`,
): Failed {
  return fail({
    code: 'response-malformed',
    retry: 'backoff',
    message: `${endpoint}: ${what}: the token is not used; ${advice}`,
  });
}
