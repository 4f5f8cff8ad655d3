/**
 * Nobody is locked out, and a refused token is replaced: what follows from readers' reports.
 *
 * The rules: no token is fetched for a report within 30 s of its issue, nor of the last fetch of the same process, nor more
 * than 4 times by one process; a report that was answered with 202 while nothing was disturbed is followed by another token
 * within seconds.
 */
import { UNDER_WAY_MS } from './chaos-timing.ts';
import { type Disturbance, findCalm, isDisturbed } from './disturbance.ts';
import { earliestAtMs } from './fetch-reason.ts';
import { type Verdict, VerdictBuilder } from './finding.ts';
import { findPublications, momentIn, type Observation } from './observation.ts';
import { isAbout } from './token-report.ts';

const FLOOR_MS = 30_000;
/** Documents state whole seconds. */
const ROUNDING_MS = 1500;
/** Within an hour, which no run is longer than by much. */
const MOST_FETCHES = 4;
/** Fetching and publishing on a busy machine. */
const REPLACED_MS = 7000;
/** Retries of what went wrong before may still be waited for. */
const AFTERMATH_MS = 15_000;

export function checkReportFetches(observed: Observation): Verdict {
  const { calls, writes, reports, history, disturbances } = observed;
  const verdict = new VerdictBuilder();
  const publications = findPublications(writes);
  const counts = new Map<string, number>();
  const successes = calls
    .filter(({ issued }) => issued !== undefined)
    .toSorted((a, b) => a.sentAtMs - b.sentAtMs);
  for (const [index, call] of successes.entries()) {
    const { token, process, sentAtMs } = call;
    const seen = publications.get(`sandbox/${token}`)?.findLast(({ atMs }) => atMs <= sentAtMs);
    if (seen === undefined || sentAtMs >= earliestAtMs(seen)) continue;
    if (!reports.some((report) => isAbout(report, seen) && report.sentAtMs <= sentAtMs)) continue;
    const former = successes
      .slice(0, index)
      .findLast((each) => each.token === token && each.process === process && each.isDelivered);
    const formerMs = Math.max(momentIn(seen.text, 'issued_at'), former?.sentAtMs ?? 0);
    const ageMs = sentAtMs - formerMs;
    // The last fetch was sent before it was read here.
    const wasReadLate = { fromMs: formerMs - UNDER_WAY_MS, toMs: formerMs };
    // What it had decided before it stood still is done afterwards.
    const excuse = history.wasStopped(process, sentAtMs, sentAtMs)
      ? 'its process woke up'
      : ageMs >= FLOOR_MS - ROUNDING_MS - UNDER_WAY_MS && isDisturbed(disturbances, 'machine', wasReadLate)
        ? 'the machine stood still'
        : undefined;
    if (ageMs < FLOOR_MS - ROUNDING_MS)
      verdict.add(
        sentAtMs,
        `${process} fetched ${token} for a report ${ageMs} ms after the last fetch`,
        excuse,
      );
    const count = (counts.get(`${process} ${token}`) ?? 0) + 1;
    counts.set(`${process} ${token}`, count);
    if (count > MOST_FETCHES)
      verdict.add(sentAtMs, `${process} fetched ${token} for reports ${count} times`, undefined);
  }
  return verdict;
}

export function checkRefusedTokens(
  { writes, reports, disturbances }: Pick<Observation, 'writes' | 'reports' | 'disturbances'>,
  endMs: number,
): Verdict {
  const verdict = new VerdictBuilder();
  const publications = findPublications(writes);
  for (const report of reports) {
    const { token, answeredAtMs, status } = report;
    if (status !== 202 || answeredAtMs + REPLACED_MS > endMs) continue;
    const published = publications.get(`sandbox/${token}`) ?? [];
    const index = published.findLastIndex((each) => isAbout(report, each));
    const next = published[index + 1];
    if (index === -1 || (next !== undefined && next.atMs <= answeredAtMs + REPLACED_MS)) continue;
    const excuse = isCalm(disturbances, token, answeredAtMs) ? undefined : 'in a disturbance, or right after';
    verdict.add(answeredAtMs, `${token} was not replaced within ${REPLACED_MS} ms of a report`, excuse);
  }
  return verdict;
}

function isCalm(disturbances: readonly Disturbance[], token: string, atMs: number): boolean {
  const around = { fromMs: atMs - AFTERMATH_MS, toMs: atMs + REPLACED_MS };
  const [calm] = findCalm(disturbances, token.split('/')[0] ?? '', around);
  return calm !== undefined && calm.fromMs === around.fromMs && calm.toMs === around.toMs;
}
