import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { FIRST_LOOK_MS } from '../../src/alerts/alert-groups.ts';
import { FLUSH_TIMEOUT_MS, Notifier } from '../../src/alerts/notifier.ts';
import { TokenBoard } from '../../src/board/token-board.ts';
import { OCCASIONS, type Occasion, type Severity } from '../../src/core/alert.ts';
import type { RefreshEvent } from '../../src/core/events.ts';
import { fail } from '../../src/core/result.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { MemorySink } from '../support/memory-sink.ts';
import { RecordedEvents } from '../support/recorded-events.ts';
import { buildFailure, buildIdentity, sampleEvents } from '../support/sample-events.ts';
import { createSeededRandom } from '../support/seeded-random.ts';

const LEADS: RefreshEvent = { event: 'leadership-acquired' };
const CUSTOMERS = Array.from({ length: 214 }, (_, index) => buildIdentity(`pivot-b2b2c/c${index}`));

function startNotifier(
  t: TestContext,
  leastSeverity: Severity = 'warning',
  occasions: readonly Occasion[] = ['fired', 'grew', 'reminder', 'recovered', 'superseded'],
) {
  const clock = new FakeClock();
  const events = new RecordedEvents();
  const sink = new MemorySink('memory', occasions);
  const faults: unknown[] = [];
  const board = new TokenBoard(clock);
  const notifier = new Notifier({
    board,
    targets: [{ sink, leastSeverity }],
    texts: {
      source: 'payments',
      runbookUrl: undefined,
      ownUrl: 'http://localhost:8080',
      ownUrlHint: undefined,
    },
    remindEveryMs: 3_600_000,
    providers: ['pivot-b2b2c', 'pik'],
    clock,
    random: createSeededRandom(1),
    events: events.record,
    onFault: (error) => void faults.push(error),
  });
  notifier.start();
  t.after(async () => {
    const stopped = notifier.stop();
    await clock.advance(FLUSH_TIMEOUT_MS);
    await stopped;
  });
  const tell = (event: RefreshEvent): void => {
    board.onEvent(event);
    notifier.onEvent(event);
  };
  return { clock, events, sink, notifier, tell, faults };
}

describe('Notifier', () => {
  it('Loud: makes one message of 214 customers that fail, and one of their recovery', async (t) => {
    const { clock, sink, tell } = startNotifier(t);
    tell(LEADS);
    for (const identity of CUSTOMERS) {
      tell({ ...sampleEvents['refresh-failed'], identity });
      await clock.advance(20);
    }
    await clock.advance(10_000);
    assert.deepEqual(
      sink.told.map(({ summary }) => summary),
      ['pivot-b2b2c: all 214 tokens: refreshes fail; all 214 tokens not read from the store yet'],
    );
    for (const identity of CUSTOMERS) tell({ ...sampleEvents['refresh-recovered'], identity });
    await clock.advance(3_600_000);
    assert.equal(sink.told.length, 2);
    const end = sink.told[1];
    assert.equal(end?.occasion, 'recovered');
    assert.ok((end?.lastedMs ?? 0) > 10_000 && (end?.lastedMs ?? 0) < 20_000);
  });

  it('tells as time passes: failing, expiring, expired, and over', async (t) => {
    const { clock, sink, tell } = startNotifier(t);
    tell(LEADS);
    tell(sampleEvents['token-restored']);
    await clock.advance(1_680_000);
    tell({ ...sampleEvents['refresh-failed'], expiresAtMs: clock.now() + 120_000 });
    await clock.advance(200_000);
    assert.deepEqual(sink.summary, [
      'fired pik/RefreshFailing',
      'fired pik/TokenExpiring',
      'superseded pik/RefreshFailing',
      'fired pik/TokenExpired',
      'superseded pik/TokenExpiring',
    ]);
    tell(sampleEvents['refresh-recovered']);
    const expiresAtMs = clock.now() + 1_800_000;
    tell({ ...sampleEvents['token-refreshed'], expiresAtMs, refreshAtMs: expiresAtMs - 120_000 });
    await clock.advance(60_000);
    assert.deepEqual(sink.summary.slice(5), ['recovered pik/TokenExpired']);
    assert.equal(
      sink.told.at(-1)?.summary,
      'recovered: pik: readers have a usable token again; token expires 13:01:20 UTC, in 29m 54s',
    );
  });

  it('keeps from a sink what is not severe enough for it', async (t) => {
    const { clock, sink, tell } = startNotifier(t, 'critical');
    tell(LEADS);
    tell(sampleEvents['token-absent']);
    tell({ ...sampleEvents['refresh-failed'], expiresAtMs: undefined });
    await clock.advance(60_000);
    assert.deepEqual(sink.summary, ['fired pik/TokenExpired']);
  });

  it('leaves telling to the replica that leads', async (t) => {
    const { clock, sink, tell } = startNotifier(t);
    tell(sampleEvents['refresh-failed']);
    await clock.advance(60_000);
    tell(LEADS);
    tell(sampleEvents['refresh-failed']);
    await clock.advance(10_000);
    tell({ event: 'leadership-lost' });
    await clock.advance(3_600_000);
    assert.deepEqual(sink.summary, ['fired pik/RefreshFailing']);
  });

  it('tells nothing any more of what a receiver has not taken when the term ends', async (t) => {
    const { clock, sink, tell } = startNotifier(t);
    sink.answers.push(fail(buildFailure({ retryAfterMs: 60_000 })));
    tell(LEADS);
    tell(sampleEvents['refresh-failed']);
    await clock.advance(10_000);
    tell({ event: 'leadership-lost' });
    await clock.advance(120_000);
    assert.deepEqual(sink.summary, ['fired pik/RefreshFailing'], 'tried once');
  });

  it('takes an event at once while a receiver does not answer, and stops within its time', async (t) => {
    const { clock, sink, notifier, tell } = startNotifier(t);
    sink.answers.push(new Promise(() => {}));
    tell(LEADS);
    tell(sampleEvents['refresh-failed']);
    await clock.advance(10_000);
    assert.equal(sink.told.length, 1);
    for (const identity of CUSTOMERS) tell({ ...sampleEvents['refresh-failed'], identity });
    assert.equal(notifier.isTurning, true);
  });

  it('hands a bug over and does not claim to turn any more', async (t) => {
    const { clock, notifier, sink, faults, tell } = startNotifier(t);
    sink.send = () => Promise.reject(new TypeError('a bug'));
    tell(LEADS);
    tell(sampleEvents['refresh-failed']);
    await clock.advance(10_000);
    await settle();
    assert.equal(faults.length, 1);
    assert.equal(notifier.isTurning, false);
  });

  it('ends as a new leader what another replica has raised, and goes on with what still holds', async (t) => {
    const former = startNotifier(t, 'warning', OCCASIONS);
    const next = startNotifier(t, 'warning', OCCASIONS);
    const failing = { ...sampleEvents['refresh-failed'], identity: buildIdentity('pivot-b2b2c/ayu') };
    former.tell(LEADS);
    former.tell(sampleEvents['refresh-failed']);
    former.tell(failing);
    await former.clock.advance(10_000);
    former.tell({ event: 'leadership-lost' });
    await former.clock.advance(60_000);
    next.tell(LEADS);
    next.tell(failing);
    await next.clock.advance(FIRST_LOOK_MS + 1_000);
    /** What a receiver has open that tells alerts apart by their key, as PagerDuty does. */
    const open = new Set<string>();
    for (const { status, key } of [...former.sink.told, ...next.sink.told]) {
      if (status === 'firing') open.add(key);
      else open.delete(key);
    }
    assert.equal(former.sink.told.filter(({ status }) => status === 'firing').length, 2);
    assert.deepEqual([...open], ['payments/pivot-b2b2c/RefreshFailing']);
  });
});
