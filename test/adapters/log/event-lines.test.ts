import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { createEventLog } from '../../../src/adapters/log/event-log.ts';
import type { RefreshEvent } from '../../../src/core/events.ts';
import { captureLog } from '../../support/captured-log.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { allSampleEvents, buildFailure, NOON_MS, sampleEvents } from '../../support/sample-events.ts';

const failure = buildFailure();
const humanFailure = buildFailure({ code: 'store-denied', retry: 'needs-human', message: 'grant it' });

/** What the samples leave out: every other level, field and sentence that an event can have. */
const variants: readonly RefreshEvent[] = [
  {
    ...sampleEvents['token-fetched'],
    durationMs: 1.6,
    clockSkewMs: -75_000.25,
    notes: ['a\u0007note', 'another'],
  },
  { ...sampleEvents['token-fetched'], clockSkewMs: 75_000, notes: ['a\u0007note', 'another'] },
  { ...sampleEvents['token-fetched'], clockSkewMs: 0, failure, notes: ['not told'] },
  { ...sampleEvents['token-fetched'], clockSkewMs: 75_000, notes: [] },
  { ...sampleEvents['token-fetched'], clockSkewMs: undefined, notes: ['a\u0007note'] },
  { ...sampleEvents['secret-written'], target: 'state', failure, durationMs: 40.4 },
  { ...sampleEvents['secret-versions-counted'], target: 'state', agesMs: [], failure },
  { ...sampleEvents['secret-versions-counted'], failure },
  { ...sampleEvents['secret-versions-counted'], failure: humanFailure },
  { ...sampleEvents['version-budget-low'], target: 'state' },
  { ...sampleEvents['version-budget-exhausted'], target: 'state', versions: 100 },
  { ...sampleEvents['version-budget-exhausted'], heldForMs: 720_000.5 },
  { ...sampleEvents['version-budget-recovered'], target: 'state' },
  { ...sampleEvents['fetch-budget-exhausted'], limit: { calls: 5, window: 'minute' }, roomInMs: 11_999.7 },
  { ...sampleEvents['provider-outage-began'], failure: humanFailure },
  { ...sampleEvents['provider-outage-ended'], failedForMs: 95_000.5 },
  { ...sampleEvents['token-refreshed'], durationMs: 180.5, reason: 'explicit' },
  { ...sampleEvents['refresh-failed'], failure: humanFailure, nextAttemptAtMs: NOON_MS + 900_000 },
  { ...sampleEvents['refresh-failed'], failure: buildFailure({ code: 'store-quota' }) },
  { ...sampleEvents['refresh-failed'], attempt: 2, repeated: true },
  { ...sampleEvents['refresh-failed'], expiresAtMs: undefined },
  { ...sampleEvents['refresh-failed'], attempt: 3, repeated: true, expiresAtMs: NOON_MS - 61_000 },
  { ...sampleEvents['refresh-failed'], attempt: 4, repeated: true, expiresAtMs: NOON_MS - 61_000 },
  { ...sampleEvents['refresh-failed'], expiresAtMs: Number.NaN, nextAttemptAtMs: Number.POSITIVE_INFINITY },
  { ...sampleEvents['refresh-recovered'], failures: 1, failedForMs: 999.5 },
  { ...sampleEvents['discovery-failed'], failure: humanFailure },
  {
    ...sampleEvents['schedule-derived'],
    lifetimeMs: 100_000,
    refreshEveryMs: 93_333.5,
    formerLifetimeMs: 1_800_000,
  },
  { ...sampleEvents['clock-jumped'], byMs: 3_600_000.6 },
  { ...sampleEvents['coordination-failed'], isLeader: true, leader: 'x_1' },
  { ...sampleEvents['standing-by'], isOurs: false },
  { event: 'standing-by', leader: 'x_1' },
  { ...sampleEvents['nobody-leads'], sinceMs: 17_000.5 },
  { ...sampleEvents['alert-sent'], failure, alert: 'Heartbeat' },
  { ...sampleEvents['alert-sent'], failure, repeated: true },
  { ...sampleEvents['alert-sink-recovered'], failures: 1 },
  sampleEvents['token-removed'],
];

const eventOf = (line: string): string | undefined => /"event":"([^"]+)"/.exec(line)?.[1];

it('writes exactly these lines', () => {
  const clock = new FakeClock(NOON_MS);
  const captured = captureLog(clock);
  const onEvent = createEventLog(captured.log, clock);
  for (const event of [...allSampleEvents, ...variants]) onEvent(event);

  const pinned = readFileSync(new URL('event-lines.ndjson', import.meta.url), 'utf8')
    .trimEnd()
    .split('\n');
  const names = new Set(pinned.map(eventOf));
  const written = captured.text().trimEnd().split('\n');
  assert.deepEqual(
    written.filter((line) => names.has(eventOf(line))),
    pinned,
  );
});
