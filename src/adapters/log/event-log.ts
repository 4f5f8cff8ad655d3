/**
 * Turns the stream of events into log lines: at most one line per event.
 *
 * Levels: `info` what keeps tokens fresh, `warn` what went wrong while readers are still fine, `error` what they feel
 * or what waits for a human, `debug` the rest. A failure is a line when it starts and when its code changes; its
 * repetitions are `debug`. When the published token's expiry passes meanwhile, that is one `token-expired` line more.
 */
import type { RefreshEvent } from '../../core/events.ts';
import type { Failure, FailureCode } from '../../core/failure.ts';
import type { Clock, RefreshEvents } from '../../core/ports.ts';
import type { TokenIdentity } from '../../core/token/token.ts';
import { formatRoughly, formatUtc, formatUtcSeconds } from '../../core/wire/time-text.ts';
import type { Log, LogLevel } from './log.ts';
import { writeProgramEvent } from './program-event-log.ts';

/** SNAP servers tolerate 2 to 5 minutes; a minute off is worth a line before they refuse. */
const NOTEWORTHY_SKEW_MS = 60_000;

type Of<Name extends RefreshEvent['event']> = Extract<RefreshEvent, { readonly event: Name }>;

export function createEventLog(log: Log, clock: Pick<Clock, 'now'>): RefreshEvents {
  /** Expiry of the token whose end has been reported, by token. */
  const reportedExpiries = new Map<string, number>();
  /** The notes last reported, by token, and the providers whose skew has been reported. */
  const reportedNotes = new Map<string, string>();
  const skewedProviders = new Set<string>();
  /** Why versions could not be counted, as far as that has been reported: it is the same for all tokens. */
  const reportedCountFailures = new Set<FailureCode>();

  return (event) => {
    if (!('identity' in event)) {
      writeProgramEvent(log, event);
      return;
    }
    switch (event.event) {
      case 'token-restored':
        log.write(
          'info',
          event.event,
          { ...namesOf(event.identity), ...lifeOf(event), generation: event.generation },
          `${event.identity.token}: the published token is still good, readers are fine until ` +
            `${until(event.expiresAtMs, clock)}; next refresh at ${formatUtcSeconds(event.refreshAtMs)}`,
        );
        return;
      case 'token-absent':
        log.write(
          'info',
          event.event,
          { ...namesOf(event.identity), why: event.why },
          `${event.identity.token}: nothing usable in secret ${event.identity.secret} (${event.why}); a refresh is due now`,
        );
        return;
      case 'refresh-started':
        log.write(
          'debug',
          event.event,
          { ...namesOf(event.identity), reason: event.reason },
          `${event.identity.token}: refresh started (${event.reason})`,
        );
        return;
      case 'token-fetched':
        writeFetched(event);
        return;
      case 'secret-written':
        log.write(
          'debug',
          event.event,
          {
            ...namesOf(event.identity),
            code: event.failure?.code,
            target: event.target,
            durationMs: Math.round(event.durationMs),
          },
          `${event.identity.token}: ${event.target} ${event.failure === undefined ? 'written' : `not written: ${event.failure.message}`}`,
        );
        return;
      case 'secret-versions-counted':
        writeCounted(event);
        return;
      case 'version-budget-low':
      case 'version-budget-exhausted':
      case 'version-budget-recovered':
        writeBudget(event);
        return;
      case 'refresh-postponed':
        log.write(
          'info',
          event.event,
          { ...namesOf(event.identity), refreshAt: formatUtc(event.refreshAtMs) },
          `${event.identity.token}: more versions were written than was known, the refresh is put off until ` +
            formatUtcSeconds(event.refreshAtMs),
        );
        return;
      case 'token-refreshed':
        reportedExpiries.delete(event.identity.token);
        log.write(
          'info',
          event.event,
          {
            ...namesOf(event.identity),
            reason: event.reason,
            durationMs: Math.round(event.durationMs),
            ...lifeOf(event),
            generation: event.generation,
          },
          `${event.identity.token}: a new token is published, readers are fine until ` +
            `${until(event.expiresAtMs, clock)}; next refresh at ${formatUtcSeconds(event.refreshAtMs)}`,
        );
        return;
      case 'token-unchanged':
        log.write(
          'debug',
          event.event,
          {
            ...namesOf(event.identity),
            expiresAt: formatUtc(event.expiresAtMs),
            refreshAt: formatUtc(event.refreshAtMs),
          },
          `${event.identity.token}: the provider handed out no newer token; asked again at ${formatUtcSeconds(event.refreshAtMs)}`,
        );
        return;
      case 'refresh-failed':
        writeFailed(event);
        return;
      case 'refresh-recovered':
        log.write(
          'info',
          event.event,
          {
            ...namesOf(event.identity),
            failures: event.failures,
            failedForMs: Math.round(event.failedForMs),
          },
          `${event.identity.token}: recovered after ${event.failures} failed ${event.failures === 1 ? 'attempt' : 'attempts'} ` +
            `in ${formatRoughly(event.failedForMs)}`,
        );
        return;
      case 'refresh-abandoned':
        log.write(
          'info',
          event.event,
          { ...namesOf(event.identity), code: event.failure.code },
          `${event.identity.token}: refresh given up: ${event.failure.message}`,
        );
        return;
      case 'token-added':
        log.write(
          'info',
          event.event,
          { ...namesOf(event.identity), bindingSecret: event.bindingSecret },
          `${event.identity.token}: the customer was found by its binding, secret ${event.bindingSecret}; its token is kept ` +
            `fresh in secret ${event.identity.secret}`,
        );
        return;
      case 'token-removed':
        reportedExpiries.delete(event.identity.token);
        reportedNotes.delete(event.identity.token);
        log.write(
          'warn',
          event.event,
          { ...namesOf(event.identity), why: event.why },
          `${event.identity.token}: no longer refreshed, because ${event.why}; secret ${event.identity.secret} stays as it is`,
        );
        return;
      case 'chain-recovered':
        log.write(
          'warn',
          event.event,
          { ...namesOf(event.identity), obtainedAt: formatUtc(event.obtainedAtMs) },
          `${event.identity.token}: the journal holds a refresh token of ${formatUtcSeconds(event.obtainedAtMs)} that the ` +
            'store does not have; it is saved before anything is fetched',
        );
        return;
      default:
        event satisfies never;
    }
  };

  function writeFetched(event: Of<'token-fetched'>): void {
    const remarks = [...newNotes(event), ...newSkew(event)];
    // A failed fetch is told by `refresh-failed`, which knows what it means for readers.
    const told = event.failure === undefined ? 'token fetched' : `fetch failed: ${event.failure.message}`;
    log.write(
      remarks.length > 0 ? 'warn' : 'debug',
      event.event,
      {
        ...namesOf(event.identity),
        code: event.failure?.code,
        durationMs: Math.round(event.durationMs),
        clockSkewMs: event.clockSkewMs,
        notes: event.notes.length > 0 ? event.notes : undefined,
      },
      `${event.identity.token}: ${[told, ...remarks].join('; ')}`,
    );
  }

  function newNotes({ identity, notes, failure }: Of<'token-fetched'>): readonly string[] {
    if (failure !== undefined) return [];
    const text = notes.join('; ');
    if (text === (reportedNotes.get(identity.token) ?? '')) return [];
    reportedNotes.set(identity.token, text);
    return notes;
  }

  function newSkew({ identity, clockSkewMs }: Of<'token-fetched'>): readonly string[] {
    if (clockSkewMs === undefined) return [];
    const wasSkewed = skewedProviders.has(identity.provider);
    if (Math.abs(clockSkewMs) < NOTEWORTHY_SKEW_MS) {
      skewedProviders.delete(identity.provider);
      return [];
    }
    skewedProviders.add(identity.provider);
    if (wasSkewed) return [];
    const direction = clockSkewMs < 0 ? 'behind' : 'ahead of';
    return [
      `the provider's clock is ${formatRoughly(Math.abs(clockSkewMs))} ${direction} ours, one of the two is wrong`,
    ];
  }

  function writeCounted({
    event,
    identity,
    target,
    versionBudget,
    agesMs,
    failure,
  }: Of<'secret-versions-counted'>): void {
    const isNews = failure !== undefined && !reportedCountFailures.has(failure.code);
    if (failure !== undefined) reportedCountFailures.add(failure.code);
    const versions = agesMs.length;
    const told =
      failure === undefined
        ? `${versions} versions in the last 24 hours, of ${versionBudget}`
        : `the versions of the last 24 hours could not be counted, so only those of this process are: ${failure.message}`;
    log.write(
      isNews ? 'warn' : 'debug',
      event,
      { ...namesOf(identity), code: failure?.code, target, versions, versionBudget },
      `${identity.token}: ${told}`,
    );
  }

  function writeBudget(
    budget: Of<'version-budget-low' | 'version-budget-exhausted' | 'version-budget-recovered'>,
  ): void {
    const { event, identity, target, versions, versionBudget } = budget;
    const heldForMs = budget.event === 'version-budget-exhausted' ? budget.heldForMs : undefined;
    const secret = target === 'document' ? `secret ${identity.secret}` : "the chain's state secret";
    log.write(
      LEVEL_OF_BUDGET[event],
      event,
      { ...namesOf(identity), target, versions, versionBudget },
      `${identity.token}: ${secret} got ${versions} versions in 24 hours, of ${versionBudget}; ` +
        (heldForMs === undefined
          ? describeBudget(event, versions < versionBudget)
          : `tokens live too short for that: the next one is fetched in ${formatRoughly(heldForMs)}, and readers have none ` +
            'meanwhile; ask the provider for tokens that live longer'),
    );
  }

  function writeFailed(event: Of<'refresh-failed'>): void {
    const { identity, failure, attempt, repeated, nextAttemptAtMs, expiresAtMs } = event;
    const nowMs = clock.now();
    const isExpired = expiresAtMs !== undefined && expiresAtMs <= nowMs;
    const isExpiryNews = isExpired && reportedExpiries.get(identity.token) !== expiresAtMs;
    if (isExpired) reportedExpiries.set(identity.token, expiresAtMs);

    log.write(
      levelOfFailure(failure, repeated && !isExpiryNews, isExpired || expiresAtMs === undefined),
      repeated && isExpiryNews ? 'token-expired' : event.event,
      {
        ...namesOf(identity),
        code: failure.code,
        retry: failure.retry,
        attempt,
        repeated,
        nextAttemptAt: formatUtc(nextAttemptAtMs),
        expiresAt: expiresAtMs === undefined ? undefined : formatUtc(expiresAtMs),
      },
      `${identity.token}: ${readersAre(expiresAtMs, nextAttemptAtMs, nowMs)}; refresh failed ` +
        `(${failure.code}, attempt ${attempt}): ${failure.message}; next attempt at ` +
        `${formatUtcSeconds(nextAttemptAtMs)} (in ${formatRoughly(nextAttemptAtMs - nowMs)})`,
    );
  }
}

function levelOfFailure(failure: Failure, isRepetition: boolean, isFelt: boolean): LogLevel {
  if (isRepetition) return 'debug';
  // A full secret empties by itself, but for hours readers live from one version that ages out to the next.
  const needsAttention = failure.retry === 'needs-human' || failure.code === 'store-quota';
  return isFelt || needsAttention ? 'error' : 'warn';
}

const LEVEL_OF_BUDGET = {
  'version-budget-low': 'warn',
  'version-budget-exhausted': 'error',
  'version-budget-recovered': 'info',
} as const satisfies Readonly<Record<string, LogLevel>>;

function describeBudget(event: keyof typeof LEVEL_OF_BUDGET, isWithinBudget: boolean): string {
  switch (event) {
    case 'version-budget-low':
      return 'refreshes are put off as far as readers bear it; see who else writes to it, or which refreshes were explicit';
    case 'version-budget-exhausted':
      return isWithinBudget
        ? 'the store refuses more all the same: set versionBudget to what it bears; refreshes are put off for a day'
        : 'tokens are written all the same, because an expired one is worse, for as long as the store takes them';
    case 'version-budget-recovered':
      return 'there is room again';
  }
}

function readersAre(expiresAtMs: number | undefined, nextAttemptAtMs: number, nowMs: number): string {
  if (expiresAtMs === undefined) return 'readers have no usable token';
  const at = formatUtcSeconds(expiresAtMs);
  if (expiresAtMs <= nowMs) {
    return `readers now see an expired token, since ${at} (${formatRoughly(nowMs - expiresAtMs)})`;
  }
  const left = formatRoughly(expiresAtMs - nowMs);
  return expiresAtMs < nextAttemptAtMs
    ? `readers are fine only until ${at} (${left}), which is before the next attempt`
    : `readers are fine until ${at} (${left})`;
}

function until(expiresAtMs: number, clock: Pick<Clock, 'now'>): string {
  return `${formatUtcSeconds(expiresAtMs)} (${formatRoughly(expiresAtMs - clock.now())})`;
}

function namesOf({ token, provider, secret }: TokenIdentity) {
  return { token, provider, secret };
}

function lifeOf(life: {
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  readonly refreshAtMs: number;
}) {
  return {
    issuedAt: formatUtc(life.issuedAtMs),
    expiresAt: formatUtc(life.expiresAtMs),
    refreshAt: formatUtc(life.refreshAtMs),
  };
}
