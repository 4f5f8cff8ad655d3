/**
 * When a token ends, from an answer that may say so in any of a dozen ways.
 *
 * Guarantee: the result lies after the arrival of the answer and at most ten years after the request, and it is the
 * earliest plausible reading of everything the answer says: refreshing too early costs one call, too late an outage.
 * A value that is present and cannot be right is a failure, never a guess.
 *
 * Non-guarantee: a provider that revokes a token before its stated end is not noticed here.
 */
import { CLOCK_SKEW_NOISE_MS, describeSkew, isSuspectSkew } from './clock-skew.ts';
import { type ExpiryCandidate, MAX_LIFETIME_MS, parseExpiry } from './expiry-value.ts';
import { decodeJwtTimes, type JwtTimes } from './jwt.ts';
import { fail, type Result, succeed } from './result.ts';
import type { SecretText } from './secret-text.ts';

/** Everything that an answer says about the end of its token. */
export interface ExpiryEvidence {
  /** Where the answer came from, for messages: `POST https://api.example.com/auth/token`. */
  readonly endpoint: string;
  /** The field that should hold the expiry, for messages: `expiresIn`, `data.expireTime`. */
  readonly field: string;
  readonly value: unknown;
  readonly accessToken: SecretText;
  readonly documentedLifetimeSeconds: number;
  /** Wall time just before the request was sent, in milliseconds. */
  readonly sentAtMs: number;
  /** Wall time when the answer arrived, in milliseconds: a token that ends before is of no use. */
  readonly receivedAtMs: number;
  /** Provider's clock minus ours, in milliseconds. */
  readonly clockSkewMs: number | undefined;
}

export interface Expiry {
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

/**
 * Decides the expiry of a fetched token. A missing value falls back to the token's own `exp` when it is a JWT, then to
 * the documented lifetime, with a note.
 *
 * Fails with `response-malformed` naming the field for zero, negative, absurd or unreadable values, and with
 * `clock-skewed` for a token that seems to have expired already while the clocks are more than 60 s apart.
 */
export function decideExpiry(evidence: ExpiryEvidence): Result<Expiry> {
  const { field, sentAtMs } = evidence;
  const parsed = parseExpiry(evidence.value, evidence.documentedLifetimeSeconds);
  if (parsed.state === 'unusable') return malformed(evidence, `${field} ${parsed.why}`);

  const jwt = decodeJwtTimes(evidence.accessToken);
  const ownEnds = jwt === undefined ? [] : jwtEnds(jwt, evidence).filter((end) => isPlausible(end, evidence));
  const candidates = parsed.state === 'missing' ? [] : parsed.candidates;

  const isNaive = candidates.some(({ base }) => base === 'unknown-zone');
  const stated = candidates.flatMap((candidate) => candidateEnds(candidate, evidence));
  const statedEnds = stated.filter((end) => isPlausible(end, evidence));
  const absolute = candidates.find((candidate) => candidate.base === 'epoch');
  if (
    absolute !== undefined &&
    absolute.atMs <= evidence.receivedAtMs &&
    isSuspectSkew(evidence.clockSkewMs)
  ) {
    return expiredOnArrival(evidence, field, absolute.atMs);
  }
  if (statedEnds.length > 0) return succeed(describe(evidence, candidates, statedEnds, ownEnds));
  if (absolute !== undefined) return expiredOnArrival(evidence, field, absolute.atMs);
  if (candidates.length > 0 && !isNaive)
    return malformed(evidence, `${field} was over when the answer arrived`);

  const why = isNaive ? `${field} has no time zone and is ignored` : `${field} missing`;
  if (ownEnds.length > 0) return succeed(decided(evidence, ownEnds, [`${why}, took the token's own exp`]));
  if (jwt !== undefined) return expiredOnArrival(evidence, "the token's own exp", jwt.expiresAtMs);
  const assumed = evidence.documentedLifetimeSeconds;
  return succeed(decided(evidence, [sentAtMs + assumed * 1000], [`${why}, assumed ${assumed} s`]));
}

/**
 * Reads the expiry of a refresh token: the earliest plausible reading, or `undefined` when there is none.
 * Never a failure, because the answer that holds it also holds a refresh token that must not be lost.
 */
export function readRefreshTokenExpiry(evidence: MeasuredTimes & Pick<ExpiryEvidence, 'field' | 'value'>): {
  readonly expiresAtMs: number | undefined;
  readonly notes: readonly string[];
} {
  const parsed = parseExpiry(evidence.value, undefined);
  if (parsed.state === 'missing') return { expiresAtMs: undefined, notes: [] };
  const ends =
    parsed.state === 'unusable' ? [] : parsed.candidates.flatMap((c) => candidateEnds(c, evidence));
  const plausible = ends.filter((end) => isPlausible(end, evidence));
  return plausible.length === 0
    ? { expiresAtMs: undefined, notes: [`${evidence.field} unusable, ignored`] }
    : { expiresAtMs: Math.min(...plausible), notes: [] };
}

type MeasuredTimes = Pick<ExpiryEvidence, 'sentAtMs' | 'receivedAtMs' | 'clockSkewMs'>;

type CandidateContext = MeasuredTimes & Partial<Pick<ExpiryEvidence, 'documentedLifetimeSeconds'>>;

/** The moments on our clock that a candidate may mean. */
function candidateEnds(candidate: ExpiryCandidate, context: CandidateContext): readonly number[] {
  switch (candidate.base) {
    case 'sent':
      return [context.sentAtMs + candidate.afterMs];
    case 'epoch':
      return withSkew(candidate.atMs, context.clockSkewMs);
    case 'unknown-zone': {
      // Read as UTC a foreign local time is off by hours: believe it only where it agrees with the documentation.
      const longestMs = (context.documentedLifetimeSeconds ?? 0) * 2 * 1000;
      return candidate.atMs - context.sentAtMs <= longestMs ? [candidate.atMs] : [];
    }
  }
}

function jwtEnds(jwt: JwtTimes, { sentAtMs, clockSkewMs }: ExpiryEvidence): readonly number[] {
  const absolute = withSkew(jwt.expiresAtMs, clockSkewMs);
  if (jwt.issuedAtMs === undefined || jwt.issuedAtMs >= jwt.expiresAtMs) return absolute;
  const fromNow = sentAtMs + (jwt.expiresAtMs - jwt.issuedAtMs);
  // Issued just now by the provider's clock: the skew is known, so exp can be put on our clock.
  if (clockSkewMs !== undefined && Math.abs(jwt.issuedAtMs - (sentAtMs + clockSkewMs)) <= FRESH_WITHIN_MS) {
    return [fromNow, jwt.expiresAtMs - clockSkewMs];
  }
  // Otherwise either a clock is wrong or the token was issued earlier: the earliest of both is safe.
  const disagrees = Math.abs(jwt.issuedAtMs - sentAtMs) > CLOCK_SKEW_NOISE_MS;
  return disagrees ? [...absolute, fromNow] : absolute;
}

/** A moment on the provider's clock may be meant on ours when the two differ. */
function withSkew(atMs: number, clockSkewMs: number | undefined): readonly number[] {
  const isMeasured = clockSkewMs !== undefined && Math.abs(clockSkewMs) > CLOCK_SKEW_NOISE_MS;
  return isMeasured ? [atMs, atMs - clockSkewMs] : [atMs];
}

function isPlausible(endMs: number, { sentAtMs, receivedAtMs }: MeasuredTimes): boolean {
  return endMs > Math.max(sentAtMs, receivedAtMs) && endMs - sentAtMs <= MAX_LIFETIME_MS;
}

function describe(
  evidence: ExpiryEvidence,
  candidates: readonly ExpiryCandidate[],
  statedEnds: readonly number[],
  ownEnds: readonly number[],
): Expiry {
  const statedMs = Math.min(...statedEnds);
  const notes: string[] = [];
  for (const candidate of candidates) {
    if (candidate.base === 'unknown-zone') notes.push(`${evidence.field} has no time zone, read as UTC`);
    if (candidate.base === 'sent' && candidate.unit === 'milliseconds') {
      notes.push(`${evidence.field} read as milliseconds`);
    }
    if (candidate.base === 'epoch' && statedMs !== candidate.atMs && evidence.clockSkewMs !== undefined) {
      notes.push(`${evidence.field} corrected: ${describeSkew(evidence.clockSkewMs)}`);
    }
  }
  const gapMs = statedMs - Math.min(...ownEnds, statedMs);
  if (gapMs > NOTEWORTHY_GAP_MS) {
    notes.push(`the token's own exp is ${Math.round(gapMs / 1000)} s before ${evidence.field}, took exp`);
  }
  const expiry = decided(evidence, [statedMs, ...ownEnds], notes);
  if (gapMs > NOTEWORTHY_GAP_MS) return expiry;
  // A second more or less in exp is rounding: the life is the stated one, and stays the same from fetch to fetch.
  return { ...expiry, expiresInSeconds: wholeSeconds(statedMs - evidence.sentAtMs) };
}

function decided(evidence: ExpiryEvidence, ends: readonly number[], notes: readonly string[]): Expiry {
  const expiresAtMs = Math.min(...ends);
  return { expiresAtMs, expiresInSeconds: wholeSeconds(expiresAtMs - evidence.sentAtMs), notes };
}

function wholeSeconds(lifetimeMs: number): number {
  return Math.max(1, Math.round(lifetimeMs / 1000));
}

function expiredOnArrival(evidence: ExpiryEvidence, subject: string, atMs: number): Result<never> {
  const { sentAtMs, receivedAtMs, clockSkewMs, endpoint } = evidence;
  if (atMs - sentAtMs > MAX_LIFETIME_MS) return malformed(evidence, `${subject} is more than 10 years away`);
  const past = `${subject} lies ${Math.round((receivedAtMs - atMs) / 1000)} s in the past`;
  if (!isSuspectSkew(clockSkewMs)) return malformed(evidence, past);
  return fail({
    code: 'clock-skewed',
    retry: 'backoff',
    message: `${endpoint}: ${past}, and ${describeSkew(clockSkewMs)}: check time synchronisation (NTP) on both sides`,
  });
}

function malformed(evidence: ExpiryEvidence, what: string): Result<never> {
  return fail({
    code: 'response-malformed',
    retry: 'backoff',
    message: `${evidence.endpoint}: ${what}: the token is not used; ask the provider what ${evidence.field} means`,
  });
}
