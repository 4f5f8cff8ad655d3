/**
 * One at a time: no token is fetched while the published one is fresh, nor twice because the first was not published.
 *
 * What is excused, each by its cause: readers had reported the published token as refused; the answer of the first was lost, or its process was killed, stopped or lost its
 * leadership (the API server was made to fail) before it could publish.
 */
import { decideCadence } from '../../src/core/schedule/cadence.ts';
import { LEASE, REFRESH_AFTER_SHARE, UNDER_WAY_MS } from './chaos-timing.ts';
import { isDisturbed } from './disturbance.ts';
import { type Verdict, VerdictBuilder } from './finding.ts';
import { findNewestTerm, findOwnTerm } from './lease-terms.ts';
import {
  findMissedAt,
  findPublications,
  momentIn,
  type Observation,
  type Publication,
} from './observation.ts';
import type { TokenCall } from './token-call.ts';
import { isAbout } from './token-report.ts';

/** Two clocks, and a tick that is nearer than the next. */
const EARLY_MS = 500;

export function checkFetchReasons(observed: Observation): Verdict {
  const verdict = new VerdictBuilder();
  const publications = findPublications(observed.writes);
  const successes = observed.calls
    .filter(({ issued }) => issued !== undefined)
    .toSorted((a, b) => a.sentAtMs - b.sentAtMs);
  const byToken = Map.groupBy(successes, ({ token }) => token);
  for (const [token, calls] of byToken) {
    const published = publications.get(`sandbox/${token}`) ?? [];
    for (const [index, call] of calls.entries()) {
      const seen = published.findLast(({ atMs }) => atMs <= call.sentAtMs);
      const former = calls[index - 1];
      if (seen !== undefined && call.sentAtMs < earliestAtMs(seen)) {
        const hadStoodStill = observed.history.wasStopped(call.process, call.sentAtMs, call.sentAtMs);
        const wasReported = observed.reports.some(
          (report) => isAbout(report, seen) && report.sentAtMs <= call.sentAtMs,
        );
        const excuse = hadStoodStill
          ? 'its process woke up'
          : wasReported
            ? 'readers had reported that it is refused'
            : isNews(observed, seen, call)
              ? 'it had been published by an earlier leader, late'
              : undefined;
        verdict.add(
          call.sentAtMs,
          `${call.process} fetched ${token} while a fresh one was published`,
          excuse,
        );
      } else if (former !== undefined && isSoonAfter(former, call) && !isPublished(former, published, call)) {
        const what = `${call.process} fetched ${token} again, before what ${former.process} fetched was published`;
        verdict.add(call.sentAtMs, what, findCause(observed, former, call));
      }
    }
  }
  return verdict;
}

/** True for what an earlier leader's write has made current since the one that leads has looked, in its own term. */
function isNews(observed: Observation, { write }: Publication, call: TokenCall): boolean {
  const own = findOwnTerm(observed.terms, call.process, call.sentAtMs);
  if (own === undefined || own !== findNewestTerm(observed.terms, call.sentAtMs)) return false;
  return (findMissedAt(observed, call, write) ?? 0) >= own.sinceMs;
}

/** When a tick may take a published token for due. */
export function earliestAtMs({ text }: Publication): number {
  const refreshAtMs = momentIn(text, 'refresh_at');
  return refreshAtMs - tickOf(text) / 2 - EARLY_MS;
}

function tickOf(text: string): number {
  const lifetimeMs = momentIn(text, 'expires_at') - momentIn(text, 'issued_at');
  const refreshAfter = { kind: 'fraction', fraction: REFRESH_AFTER_SHARE } as const;
  return decideCadence(lifetimeMs, { refreshAfter, stalenessMs: 0, minIntervalMs: 0 }).tickMs;
}

/** Too early for a token that was fetched and could not be written to have become due itself. */
function isSoonAfter(former: TokenCall, { sentAtMs }: TokenCall): boolean {
  return sentAtMs - former.sentAtMs < SOON_MS;
}

/** A token off schedule is due at half of the usual time; 55 % of 30 s are the shortest there is. */
const SOON_MS = (30_000 * REFRESH_AFTER_SHARE) / 2 - 2000;

function isPublished(call: TokenCall, published: readonly Publication[], before: TokenCall): boolean {
  const token = call.issued?.accessToken ?? '';
  return published.some(({ atMs, text }) => atMs <= before.sentAtMs && text.includes(token));
}

/** Why a process could not make anything of an answer, before another call was sent; `undefined`: for no known reason. */
export function findCause(
  { history, disturbances }: Observation,
  former: TokenCall,
  later: TokenCall,
): string | undefined {
  const { process, sentAtMs: fromMs } = former;
  const toMs = later.sentAtMs;
  if (history.wasKilled(process, toMs)) return 'its process was killed';
  if (history.wasStopped(process, fromMs, toMs)) return 'its process stood still';
  if (!former.isDelivered) return 'its answer was lost';
  const during = { fromMs, toMs };
  // The leader stops up to a renew deadline after the last renewal that was answered.
  const lately = { fromMs: fromMs - LEASE.renewDeadlineMs, toMs };
  if (process !== later.process && isDisturbed(disturbances, 'API server', lately)) return 'leadership moved';
  const wasAsked = history.wasAskedToEnd(process, toMs);
  if (wasAsked && isDisturbed(disturbances, 'store', during))
    return 'its process ended while the store failed';
  // It is read a moment after it was sent: what happened to its process since then may be noted before it.
  const sinceMs = fromMs - UNDER_WAY_MS;
  if (isDisturbed(disturbances, 'machine', { fromMs: sinceMs, toMs })) return 'the machine stood still';
  // One that has stood still is also slow at times when it does not: what a process was late with, it says itself.
  const isBusy = disturbances.some(({ source }) => source === 'machine');
  return isBusy && history.wasLate(process, sinceMs, toMs)
    ? 'its process was late on a busy machine'
    : undefined;
}
