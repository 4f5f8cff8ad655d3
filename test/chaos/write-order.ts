/**
 * Never worse: the writes of two leaders do not interleave.
 *
 * The rule, for each secret: once a term has moved AWSCURRENT, no earlier term moves it again. And whoever writes after
 * another term has begun is a process that had stood still; a process that runs stops by itself before that.
 */
import { LEASE, UNDER_WAY_MS } from './chaos-timing.ts';
import { isDisturbed } from './disturbance.ts';
import { type Finding, type Verdict, VerdictBuilder } from './finding.ts';
import { findNewestTerm, findOwnTerm } from './lease-terms.ts';
import type { Observation } from './observation.ts';

export interface WriteOrder {
  /** Moves of AWSCURRENT by a term that another one had followed on the same secret. */
  readonly interleaved: readonly Finding[];
  /** Writes that were sent when another term had begun; the excused ones are of processes that had stood still. */
  readonly late: Verdict;
  /** Writes that arrived when another term had begun and moved AWSCURRENT, where nobody else had written yet. */
  readonly lateMoves: number;
  /** The same, refused by the store. */
  readonly lateRefusals: number;
}

export function checkWriteOrder({ writes, terms, history, disturbances }: Observation): WriteOrder {
  const interleaved: Finding[] = [];
  const late = new VerdictBuilder();
  let lateMoves = 0;
  let lateRefusals = 0;
  const lastTerms = new Map<string, number>();
  for (const write of writes.toSorted((a, b) => (a.doneAtMs ?? a.sentAtMs) - (b.doneAtMs ?? b.sentAtMs))) {
    const { process, secret, sentAtMs, operation } = write;
    const own = findOwnTerm(terms, process, sentAtMs);
    const what = `${process} in term ${own?.number ?? 'none'} sent ${operation} for ${secret}`;
    if (write.movesCurrent) {
      const last = lastTerms.get(secret) ?? 0;
      const number = own?.number ?? 0;
      if (number < last) {
        interleaved.push({
          atMs: sentAtMs,
          what: `${what}, which was done after term ${last} had written it`,
        });
      }
      lastTerms.set(secret, Math.max(last, number));
    }
    const arrivedIn = findNewestTerm(terms, write.doneAtMs ?? sentAtMs);
    const isLate = (arrivedIn?.number ?? 0) > (own?.number ?? 0);
    if (isLate && write.movesCurrent) lateMoves += 1;
    if (isLate && write.refusal !== undefined) lateRefusals += 1;
    const newest = findNewestTerm(terms, sentAtMs - UNDER_WAY_MS);
    if (newest === undefined || newest.number <= (own?.number ?? 0)) continue;
    const since = { fromMs: newest.sinceMs - LEASE.leaseDurationMs, toMs: sentAtMs };
    const stoodStill = history.wasStopped(process, since.fromMs, since.toMs);
    const excuse = stoodStill
      ? 'had stood still'
      : isDisturbed(disturbances, 'machine', since)
        ? 'the machine stood still'
        : undefined;
    late.add(sentAtMs, `${what}, but term ${newest.number} (${newest.process}) had begun`, excuse);
  }
  return { interleaved, late, lateMoves, lateRefusals };
}
