import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { createAlerting } from '../src/alerting.ts';
import { createSeededRandom } from '../src/core/seeded-random.ts';
import { startAlertReceiver } from './support/alert-receiver.ts';
import { PIVOT, parseText } from './support/configuration-text.ts';
import { FakeClock } from './support/fake-clock.ts';
import { MemoryStore } from './support/memory-store.ts';

async function startHeartbeat(t: TestContext) {
  const receiver = await startAlertReceiver(t);
  const parsed = parseText(`alerts: { heartbeat: { url: { env: BEAT }, every: 10s } }\n${PIVOT}`);
  assert.ok(parsed.ok);
  const clock = new FakeClock();
  const alerting = createAlerting(parsed.configuration, {
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
    alerting,
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

describe('createAlerting', () => {
  it('is not there when nobody is to be told', () => {
    const parsed = parseText(PIVOT);
    assert.ok(parsed.ok);
    const unused = () => assert.fail('not used');
    const ports = { clock: new FakeClock(), random: createSeededRandom(1), events: unused, readEnv: unused };
    const alerting = createAlerting(parsed.configuration, {
      ...ports,
      store: new MemoryStore(),
      onFault: unused,
    });
    assert.equal(alerting, undefined);
  });

  it("calls the dead man's switch only while this replica leads and nothing is stuck", async (t) => {
    const { alerting, reasons, beats } = await startHeartbeat(t);
    assert.equal(await beats(0), 0, 'a stand-by');
    alerting.onEvent({ event: 'leadership-acquired' });
    assert.equal(await beats(1), 1, 'the leader');
    reasons.push('pivot: no tick for 120 s, expected every 15 s');
    assert.equal(await beats(0), 0, 'a leader whose schedule stands still');
    reasons.pop();
    assert.equal(await beats(1), 1, 'a leader again');
    alerting.onEvent({ event: 'leadership-lost' });
    assert.equal(await beats(0), 0, 'a former leader');
  });
});
