import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { GROUP_WINDOW_MS } from '../../src/alerts/alert-groups.ts';
import { TokenBoard } from '../../src/board/token-board.ts';
import { ALERT_LIMIT_MS } from '../../src/core/alert.ts';
import type { RefreshEvent } from '../../src/core/events.ts';
import { createAlerting } from '../../src/wiring/alerting.ts';
import { startAlertReceiver } from '../support/alert-receiver.ts';
import { PIVOT, parseText } from '../support/configuration-text.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryStore, STORE_DOWN } from '../support/memory-store.ts';
import { RecordedEvents } from '../support/recorded-events.ts';
import { buildIdentity, sampleEvents } from '../support/sample-events.ts';
import { createSeededRandom } from '../support/seeded-random.ts';

async function startHeartbeat(t: TestContext) {
  const receiver = await startAlertReceiver(t);
  const parsed = parseText(`alerts: { heartbeat: { url: { env: BEAT }, every: 10s } }\n${PIVOT}`);
  assert.ok(parsed.ok);
  const clock = new FakeClock();
  const board = new TokenBoard(clock);
  const alerting = createAlerting(parsed.configuration, {
    board,
    clock,
    random: createSeededRandom(1),
    events: () => undefined,
    readEnv: () => `${receiver.url}/beat`,
    store: new MemoryStore(),
    onFault: (error) => assert.fail(String(error)),
  });
  assert.ok(alerting !== undefined);
  const reasons: string[] = [];
  alerting.start(() => reasons);
  t.after(() => alerting.stop());
  return {
    tell: (event: RefreshEvent): void => {
      board.onEvent(event);
      alerting.onEvent(event);
    },
    reasons,
    /** Lets ten seconds pass. @returns how often the switch was called meanwhile */
    beats: async (expected: number): Promise<number> => {
      const before = receiver.received.length;
      await clock.advance(10_000);
      while (receiver.received.length - before < expected) {
        t.signal.throwIfAborted();
        await new Promise((resolve) => setImmediate(resolve));
      }
      return receiver.received.length - before;
    },
  };
}

/** Alerts of a daemon that leads, on a clock that stands still unless it is moved. */
function startLeading(t: TestContext, alerts: string, store = new MemoryStore()) {
  const parsed = parseText(`alerts: ${alerts}\n${PIVOT}`);
  assert.ok(parsed.ok);
  const events = new RecordedEvents();
  const clock = new FakeClock();
  const board = new TokenBoard(clock);
  const alerting = createAlerting(parsed.configuration, {
    board,
    clock,
    random: createSeededRandom(1),
    events: events.record,
    readEnv: () => undefined,
    store,
    onFault: (error) => assert.fail(String(error)),
  });
  assert.ok(alerting !== undefined);
  alerting.start(() => []);
  t.after(() => alerting.stop());
  const tell = (event: RefreshEvent): void => {
    board.onEvent(event);
    alerting.onEvent(event);
  };
  tell({ event: 'leadership-acquired' });
  return {
    alerting,
    clock,
    events,
    fail: (provider: string) =>
      tell({ ...sampleEvents['refresh-failed'], identity: buildIdentity(provider) }),
  };
}

async function until(t: TestContext, isTrue: () => boolean): Promise<void> {
  while (!isTrue()) {
    t.signal.throwIfAborted();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('createAlerting', () => {
  it('is not there when nobody is to be told', () => {
    const parsed = parseText(PIVOT);
    assert.ok(parsed.ok);
    const unused = () => assert.fail('not used');
    const clock = new FakeClock();
    const ports = {
      board: new TokenBoard(clock),
      clock,
      random: createSeededRandom(1),
      events: unused,
      readEnv: unused,
    };
    const alerting = createAlerting(parsed.configuration, {
      ...ports,
      store: new MemoryStore(),
      onFault: unused,
    });
    assert.equal(alerting, undefined);
  });

  it("calls the dead man's switch only while this replica leads and nothing is stuck", async (t) => {
    const { tell, reasons, beats } = await startHeartbeat(t);
    assert.equal(await beats(0), 0, 'a stand-by');
    tell({ event: 'leadership-acquired' });
    assert.equal(await beats(1), 1, 'the leader');
    reasons.push('pivot: no tick for 120 s, expected every 15 s');
    assert.equal(await beats(0), 0, 'a leader whose schedule stands still');
    reasons.pop();
    assert.equal(await beats(1), 1, 'a leader again');
    tell({ event: 'leadership-lost' });
    assert.equal(await beats(0), 0, 'a former leader');
  });
});

describe('a receiver that is silent', () => {
  it('is one instance of two: the other is told of 36 failing providers without waiting for it, and log and metric name the silent one', async (t) => {
    const healthy = await startAlertReceiver(t);
    const silent = await startAlertReceiver(t);
    silent.answers.push(...Array.from({ length: 100 }, () => 'never' as const));
    const urls = `[${JSON.stringify(silent.url)}, ${JSON.stringify(healthy.url)}]`;
    const { clock, events, fail } = startLeading(t, `{ sinks: [{ kind: alertmanager, urls: ${urls} }] }`);
    for (let index = 0; index < 36; index += 1) fail(`p${index}`);
    await clock.advance(GROUP_WINDOW_MS + 1_000);
    // No time passes any more: nothing that is told here has waited for a deadline.
    await until(t, () => new Set(healthy.received.map(({ body }) => body)).size === 36);
    await clock.advance(ALERT_LIMIT_MS);
    await until(t, () => events.of('alert-sent').some(({ failure }) => failure !== undefined));
    const { sink, failure } = events.of('alert-sent').find((each) => each.failure !== undefined) ?? {};
    const { host } = new URL(silent.url);
    assert.equal(sink, `alertmanager/${host}`);
    assert.equal(failure?.message, `alertmanager/${host} gave no complete answer within 10s`);

    // Back again, it is told how things are.
    silent.answers.length = 0;
    const before = silent.received.length;
    await clock.advance(60_000);
    await until(t, () => silent.received.length >= before + 36);
    await until(t, () => events.of('alert-sink-recovered').length > 0);
    assert.equal(events.last('alert-sink-recovered').sink, `alertmanager/${host}`);
  });

  it('holds up no other sink of the same origin, and no heartbeat', async (t) => {
    const receiver = await startAlertReceiver(t);
    const store = new MemoryStore();
    store.put(
      'hooks',
      JSON.stringify({ a: `${receiver.url}/a`, b: `${receiver.url}/b`, c: `${receiver.url}/c` }),
    );
    const hooks = ['a', 'b', 'c'].map(
      (name) => `{ kind: webhook, name: ${name}, url: { awsSecret: hooks, key: ${name} } }`,
    );
    receiver.answers.push('never', 'never');
    const { clock, fail } = startLeading(t, `{ sinks: [${hooks.join(', ')}] }`, store);
    fail('pik');
    await clock.advance(GROUP_WINDOW_MS + 1_000);
    await until(t, () => receiver.received.length === 3);
  });
});

it('Loud: a receiver that lies in Secrets Manager is told that Secrets Manager is down, also when that is the first alert', async (t) => {
  const receiver = await startAlertReceiver(t);
  const store = new MemoryStore();
  store.outage = STORE_DOWN;
  const { clock, fail } = startLeading(t, '{ sinks: [{ kind: slack, url: { awsSecret: slack } }] }', store);
  await clock.advance(1_000);
  store.put('slack', `${receiver.url}/hook`);
  store.outage = undefined;
  await clock.advance(60_000);
  store.outage = STORE_DOWN;
  fail('pik');
  await clock.advance(GROUP_WINDOW_MS + 1_000);
  await until(t, () => receiver.received.length === 1);
});

it('what was read last of a receiver that lies in Secrets Manager is good enough while Secrets Manager is down', async (t) => {
  const receiver = await startAlertReceiver(t);
  const store = new MemoryStore();
  store.put('slack', `${receiver.url}/hook`);
  const { clock, fail } = startLeading(t, '{ sinks: [{ kind: slack, url: { awsSecret: slack } }] }', store);
  fail('pik');
  await clock.advance(GROUP_WINDOW_MS + 1_000);
  await until(t, () => receiver.received.length === 1);
  store.outage = STORE_DOWN;
  await clock.advance(3_600_000);
  fail('pivot');
  await clock.advance(GROUP_WINDOW_MS + 1_000);
  await until(t, () => receiver.received.length === 2);
});
