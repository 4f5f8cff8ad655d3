import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { MAX_QUEUED, SinkQueue } from '../../src/alerts/sink-queue.ts';
import type { Occasion } from '../../src/core/alert.ts';
import type { Failure } from '../../src/core/failure.ts';
import type { AlertSink } from '../../src/core/ports.ts';
import { fail, type Result, succeed } from '../../src/core/result.ts';
import { buildNotification, buildRecovery } from '../support/alert-notification.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { MemorySink } from '../support/memory-sink.ts';
import { RecordedEvents } from '../support/recorded-events.ts';
import { buildFailure } from '../support/sample-events.ts';

function startQueue(t: TestContext, occasions?: readonly Occasion[]) {
  const clock = new FakeClock();
  const events = new RecordedEvents();
  const sink = new MemorySink('memory', occasions);
  // The longest waits: full jitter draws below 1.
  const random = { next: () => 0.999_999, uuid: () => '' };
  const queue = new SinkQueue({ sink, clock, random, events: events.record });
  const stopping = new AbortController();
  const cut = new AbortController();
  const ended = queue.run(stopping.signal, cut.signal);
  t.after(async () => {
    cut.abort();
    stopping.abort();
    await ended;
  });
  return { clock, events, sink, queue, stopping, cut, ended };
}

/** What is in use once everything that nobody can reach is gone, in bytes. */
async function measureHeap(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  assert.ok(typeof collect === 'function');
  collect();
  // What is noted of collected objects goes a turn later.
  await settle();
  collect();
  return process.memoryUsage().heapUsed;
}

const failing = (changes: Partial<Failure> = {}): Result<void> => fail(buildFailure(changes));

describe('SinkQueue', () => {
  it('sends what it is given, in order, and tells about each', async (t) => {
    const { sink, queue, events } = startQueue(t);
    queue.push(buildNotification());
    await settle();
    queue.push(buildRecovery());
    await settle();
    assert.deepEqual(sink.summary, ['fired pik/RefreshFailing', 'recovered pik/RefreshFailing']);
    assert.deepEqual(events.names, ['alert-sent', 'alert-sent']);
    assert.equal(queue.size, 0);
  });

  it('tries again with growing waits, and tells a repetition and a recovery as such', async (t) => {
    const { clock, sink, queue, events } = startQueue(t);
    sink.answers.push(failing(), failing(), failing({ code: 'rate-limited', retryAfterMs: 30_000 }));
    queue.push(buildNotification());
    await settle();
    for (const [attempts, waitMs] of [
      [1, 1_000],
      [2, 2_000],
      [3, 30_000],
    ] as const) {
      assert.equal(sink.told.length, attempts);
      await clock.advance(waitMs - 1);
      assert.equal(sink.told.length, attempts);
      await clock.advance(1);
    }
    assert.equal(sink.told.length, 4);
    assert.deepEqual(
      events.of('alert-sent').map(({ failure, repeated }) => [failure?.code, repeated]),
      [
        ['provider-unavailable', false],
        ['provider-unavailable', true],
        ['rate-limited', false],
        [undefined, false],
      ],
    );
    const { failures, failedForMs } = events.last('alert-sink-recovered');
    assert.deepEqual([failures, failedForMs], [3, 33_000]);
  });

  it('keeps the latest state of each alert while it cannot tell any, and the first message stays the first', async (t) => {
    const { clock, sink, queue } = startQueue(t);
    sink.answers.push(failing());
    queue.push(buildNotification());
    await settle();
    queue.push(buildNotification({ occasion: 'grew', tokenCount: 7 }));
    queue.push(buildNotification({ key: 'other', occasion: 'fired', provider: 'apimw' }));
    queue.push(buildRecovery({ key: 'other', provider: 'apimw' }));
    await clock.advance(1_000);
    assert.deepEqual(sink.summary.slice(1), ['fired pik/RefreshFailing', 'recovered apimw/RefreshFailing']);
    assert.equal(sink.told[1]?.tokenCount, 7);
  });

  it('drops what the receiver refuses as such, and goes on with the rest', async (t) => {
    const { sink, queue } = startQueue(t);
    sink.answers.push(failing({ code: 'request-rejected', retry: 'needs-human' }));
    queue.push(buildNotification());
    queue.push(buildNotification({ key: 'other', provider: 'apimw' }));
    await settle();
    assert.deepEqual(sink.summary, ['fired pik/RefreshFailing', 'fired apimw/RefreshFailing']);
    assert.equal(queue.size, 0);
  });

  it('keeps what a wrong key holds up, and tries every minute', async (t) => {
    const { clock, sink, queue } = startQueue(t);
    sink.answers.push(failing({ code: 'credentials-rejected', retry: 'needs-human' }));
    queue.push(buildNotification());
    await settle();
    await clock.advance(60_000 - 1);
    assert.equal(sink.told.length, 1);
    await clock.advance(1);
    assert.equal(sink.told.length, 2);
  });

  it('asks again after five minutes whatever Retry-After says', async (t) => {
    const { clock, sink, queue } = startQueue(t);
    sink.answers.push(failing({ code: 'rate-limited', retry: 'backoff', retryAfterMs: 86_400_000 }));
    queue.push(buildNotification());
    await settle();
    await clock.advance(5 * 60_000 - 1);
    assert.equal(sink.told.length, 1);
    await clock.advance(1);
    assert.equal(sink.told.length, 2);
  });

  it('tells a sink that was silent for long how things are now, once for each alert', async (t) => {
    const { clock, sink, queue } = startQueue(t);
    sink.answers.push(failing());
    queue.push(buildNotification());
    await settle();
    for (let minute = 0; minute < 300; minute += 1) {
      queue.push(buildNotification({ occasion: 'kept', atMs: minute }));
      queue.push(buildNotification({ occasion: 'kept', atMs: minute, key: 'other', provider: 'pivot' }));
    }
    queue.push(buildRecovery());
    await clock.advance(60_000);
    assert.deepEqual(sink.summary.slice(1), ['recovered pik/RefreshFailing', 'kept pivot/RefreshFailing']);
  });

  it('does not begin to tell a sink what ended without its knowledge', async (t) => {
    const { clock, sink, queue } = startQueue(t, ['fired', 'recovered']);
    sink.answers.push(failing());
    queue.push(buildNotification());
    await settle();
    queue.push(buildRecovery({ occasion: 'superseded' }));
    await clock.advance(60_000);
    assert.deepEqual(sink.summary, ['fired pik/RefreshFailing']);
    assert.equal(queue.size, 0);
  });

  it('holds five thousand alerts at most: the oldest is given up', async (t) => {
    const { clock, sink, queue } = startQueue(t);
    sink.answers.push(failing());
    for (let index = 0; index <= MAX_QUEUED; index += 1)
      queue.push(buildNotification({ key: `${index}`, provider: `p${index}` }));
    assert.equal(queue.size, MAX_QUEUED);
    await settle();
    await clock.advance(1_000);
    assert.equal(sink.summary[0], 'fired p1/RefreshFailing');
  });

  it('sends what is left once more when the program stops, without waiting', async (t) => {
    const { sink, queue, stopping, ended } = startQueue(t);
    sink.answers.push(failing({ retryAfterMs: 3_600_000 }));
    queue.push(buildNotification());
    await settle();
    stopping.abort();
    await ended;
    assert.equal(sink.told.length, 2);
  });

  it('tells a later state that came in while an earlier one was on its way', async (t) => {
    const { sink, queue } = startQueue(t);
    const answer = Promise.withResolvers<Result<void>>();
    sink.answers.push(answer.promise);
    queue.push(buildNotification());
    await settle();
    queue.push(buildRecovery());
    answer.resolve(succeed(undefined));
    await settle();
    assert.deepEqual(sink.summary, ['fired pik/RefreshFailing', 'recovered pik/RefreshFailing']);
  });

  it('keeps nothing of what it has sent, however long it runs', async () => {
    const sink: AlertSink = {
      name: 'memory',
      occasions: new Set<Occasion>(['fired']),
      send: () => Promise.resolve(succeed(undefined)),
    };
    const random = { next: () => 0, uuid: () => '' };
    const queue = new SinkQueue({ sink, clock: new FakeClock(), random, events: () => undefined });
    const stopping = new AbortController();
    const ended = queue.run(stopping.signal, new AbortController().signal);
    const sendMany = async (count: number): Promise<void> => {
      for (let index = 0; index < count; index += 1) {
        queue.push(buildNotification());
        for (let turn = 0; turn < 20 && queue.size > 0; turn += 1) await Promise.resolve();
        // It waits again.
        for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
      }
      assert.equal(queue.size, 0);
    };
    // What is compiled meanwhile counts once; what stays of an alert counts each time.
    const grownBytes: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      const before = await measureHeap();
      await sendMany(10_000);
      grownBytes.push((await measureHeap()) - before);
    }
    stopping.abort();
    await ended;
    assert.ok(Math.min(...grownBytes) < 500_000, `${grownBytes.join(', ')} bytes`);
  });
});
