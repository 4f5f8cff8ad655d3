/** What an event makes of who leads. */
import type { LeadershipRecord } from '../core/board.ts';
import type { RefreshEvent } from '../core/events.ts';
import type { Moment } from '../core/schedule/moment.ts';

/** @returns the same record when the event says nothing about it */
export function reduceLeadership(
  record: LeadershipRecord,
  event: RefreshEvent,
  { wallMs, monotonicMs }: Moment,
): LeadershipRecord {
  const { other, trouble } = record;
  switch (event.event) {
    case 'leadership-acquired':
      // That nobody leads is over with it. What failed is over when an event says that it has recovered.
      return {
        isLeader: true,
        sinceMs: wallMs,
        other: undefined,
        trouble: trouble?.kind === 'failed' ? trouble : undefined,
      };
    case 'leadership-lost':
      return { isLeader: false, sinceMs: wallMs, other: undefined, trouble };
    case 'standing-by': {
      const isOurs = event.isOurs === true;
      const isStillStrange = !isOurs && other?.isOurs === false;
      const sinceMonotonicMs = isStillStrange ? other.sinceMonotonicMs : monotonicMs;
      const { leader: name, reach, rejectionsAt } = event;
      return {
        ...record,
        other: { name, reach, rejectionsAt, isOurs, sinceMonotonicMs },
        trouble: undefined,
      };
    }
    case 'nobody-leads': {
      const blindSinceMonotonicMs = monotonicMs - event.sinceMs;
      return {
        ...record,
        other: undefined,
        trouble: { kind: 'vacant', problem: event.problem, blindSinceMonotonicMs },
      };
    }
    case 'coordination-failed': {
      // Where another leads, this replica could not take over if it had to, and need not.
      const blindSinceMonotonicMs =
        trouble?.blindSinceMonotonicMs ?? (event.leader === undefined ? monotonicMs : undefined);
      return { ...record, trouble: { kind: 'failed', problem: event.problem, blindSinceMonotonicMs } };
    }
    case 'coordination-recovered':
      return { ...record, trouble: undefined };
    default:
      return record;
  }
}
