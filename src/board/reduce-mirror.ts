/** What an event makes of the record of a mirror. */
import type { MirrorRecord } from '../core/board.ts';
import type { EventByName } from '../core/events.ts';
import type { Moment } from '../core/schedule/moment.ts';
import { countFailure } from './reduce-token.ts';

type MirrorEvent = EventByName['mirror-written' | 'mirror-failed' | 'mirror-caught-up'];

export function reduceMirror(
  record: MirrorRecord | undefined,
  event: MirrorEvent,
  now: Moment,
): MirrorRecord {
  const { place } = event;
  if (event.event === 'mirror-caught-up') return upToDate(place);
  const { behind, behindSinceMs, copiesUntilMs } = event;
  const backlog = { behind, behindSinceMs, copiesUntilMs };
  if (event.event === 'mirror-failed')
    return { place, failure: countFailure(record?.failure, event, now), ...backlog };
  return record?.failure === undefined ? upToDate(place) : { ...record, ...backlog };
}

function upToDate(place: string): MirrorRecord {
  return { place, failure: undefined, behind: 0, behindSinceMs: undefined, copiesUntilMs: undefined };
}
