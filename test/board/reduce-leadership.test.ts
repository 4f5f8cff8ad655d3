import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { reduceLeadership } from '../../src/board/reduce-leadership.ts';
import type { LeadershipRecord } from '../../src/core/board.ts';
import type { RefreshEvent } from '../../src/core/events.ts';
import { NOON_MS, sampleEvents } from '../support/sample-events.ts';

const ACQUIRED: RefreshEvent = { event: 'leadership-acquired' };
const LOST: RefreshEvent = { event: 'leadership-lost' };
const OURS: RefreshEvent = { event: 'standing-by', leader: 'z', isOurs: true };
const STRANGER: RefreshEvent = { event: 'standing-by', leader: 'z', isOurs: false };
const VACANT: RefreshEvent = { event: 'nobody-leads', problem: 'held', sinceMs: 17_000 };
const FAILED: RefreshEvent = { event: 'coordination-failed', problem: 'status 500', isLeader: false };
const WRITE_FAILED: RefreshEvent = { ...FAILED, leader: 'z' };
const RECOVERED = sampleEvents['coordination-recovered'];

interface Row {
  readonly what: string;
  /** One a minute, the first at noon. */
  readonly events: readonly RefreshEvent[];
  readonly isLeader?: boolean;
  /** Minutes after noon. */
  readonly since?: number;
  /** Name, and minutes after noon since which a stranger leads. */
  readonly other?: string;
  /** Kind, and seconds after noon since which it cannot be seen who leads. */
  readonly trouble?: string;
}

/** A row that does not say so does not lead, since noon, sees nobody and has no trouble. */
const TABLE: readonly Row[] = [
  { what: 'nothing has happened', events: [] },
  { what: 'this replica leads', events: [OURS, ACQUIRED], isLeader: true, since: 1 },
  { what: 'it has led', events: [ACQUIRED, LOST], since: 1 },
  { what: 'another replica leads', events: [OURS], other: 'z' },
  { what: 'a stranger leads', events: [STRANGER], other: 'z, a stranger since 0' },
  {
    what: 'strangers follow each other',
    events: [STRANGER, { ...STRANGER, leader: 'y' }],
    other: 'y, a stranger since 0',
  },
  { what: 'a stranger follows one of ours', events: [OURS, STRANGER], other: 'z, a stranger since 1' },
  { what: 'nobody leads', events: [OURS, VACANT], trouble: 'vacant, blind since 43' },
  { what: 'somebody leads again', events: [VACANT, OURS], other: 'z' },
  { what: 'this one leads where nobody did', events: [VACANT, ACQUIRED], isLeader: true, since: 1 },
  { what: 'it fails to read', events: [OURS, FAILED], other: 'z', trouble: 'failed, blind since 60' },
  {
    what: 'it goes on failing, for another reason',
    events: [FAILED, { ...FAILED, problem: 'status 403' }],
    trouble: 'failed, blind since 0',
  },
  { what: 'it only fails to write', events: [OURS, WRITE_FAILED], other: 'z', trouble: 'failed' },
  {
    what: 'it fails to write where nobody led',
    events: [VACANT, WRITE_FAILED],
    trouble: 'failed, blind since -17',
  },
  { what: 'what failed has recovered', events: [OURS, FAILED, RECOVERED], other: 'z' },
  {
    what: 'it loses what it could not renew',
    events: [ACQUIRED, { ...FAILED, isLeader: true }, LOST],
    since: 2,
    trouble: 'failed, blind since 60',
  },
];

describe('reduceLeadership', () => {
  for (const { what, events, isLeader = false, since = 0, other, trouble } of TABLE) {
    it(`knows how things are when ${what}`, () => {
      const start: LeadershipRecord = {
        isLeader: false,
        sinceMs: NOON_MS,
        other: undefined,
        trouble: undefined,
      };
      const record = events.reduce(
        (former, event, minute) =>
          reduceLeadership(Object.freeze(former), event, {
            wallMs: NOON_MS + minute * 60_000,
            monotonicMs: minute * 60_000,
          }),
        start,
      );
      const { blindSinceMonotonicMs: blindMs } = record.trouble ?? {};
      assert.deepEqual(
        {
          isLeader: record.isLeader,
          since: (record.sinceMs - NOON_MS) / 60_000,
          other:
            record.other === undefined || record.other.isOurs
              ? record.other?.name
              : `${record.other.name}, a stranger since ${record.other.sinceMonotonicMs / 60_000}`,
          trouble:
            record.trouble === undefined || blindMs === undefined
              ? record.trouble?.kind
              : `${record.trouble.kind}, blind since ${blindMs / 1000}`,
        },
        { isLeader, since, other, trouble },
      );
    });
  }
});
