import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FetchWaits } from '../../../src/core/ports.ts';
import { CoolDown } from '../../../src/refresh/limits/cool-down.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { HeldStep } from '../../support/held-step.ts';
import { MemoryWaits } from '../../support/memory-journal.ts';
import { RecordedEvents } from '../../support/recorded-events.ts';
import { buildIdentity } from '../../support/sample-events.ts';

const INTERVAL_MS = 30_000;

describe('the shortest interval between two fetches', () => {
  const setUp = (): { readonly clock: FakeClock; readonly coolDown: CoolDown } => {
    const clock = new FakeClock();
    const { record: events } = new RecordedEvents();
    const deps = { identity: buildIdentity('pik'), clock, events, minIntervalMs: INTERVAL_MS };
    return { clock, coolDown: new CoolDown(deps) };
  };

  it('counts from the call of this process, whatever its wall clock does afterwards', async () => {
    const { clock, coolDown } = setUp();
    const issuedAtMs = clock.now();
    await coolDown.recordFetch();
    await clock.advance(2_000);
    await coolDown.recordSuccess();
    assert.equal(coolDown.intervalMs(issuedAtMs), INTERVAL_MS - 2_000);
    clock.jumpWallTime(-600_000);
    assert.equal(coolDown.intervalMs(issuedAtMs), INTERVAL_MS - 2_000);
  });

  it('Good neighbours: counts from the token of another process that has asked since, as after a change of leaders and back', async () => {
    const { clock, coolDown } = setUp();
    await coolDown.recordFetch();
    await coolDown.recordSuccess();
    await clock.advance(3_600_000);
    const issuedAtMs = clock.now();
    await clock.advance(10_000);
    assert.equal(coolDown.intervalMs(issuedAtMs), INTERVAL_MS - 10_000);
  });

  it('counts from the call, and the floor of reports from its answer', async () => {
    const { clock, coolDown } = setUp();
    const issuedAtMs = clock.now();
    await coolDown.recordFetch();
    await clock.advance(10_000);
    await coolDown.recordSuccess();
    assert.equal(coolDown.floorMs(issuedAtMs, 25_000), 25_000);
    assert.equal(coolDown.floorMs(issuedAtMs, 5_000), INTERVAL_MS - 10_000);
    await clock.advance(22_000);
    assert.equal(coolDown.floorMs(issuedAtMs, 25_000), 3_000);
  });

  it('counts from the published token after a restart', async () => {
    const { clock, coolDown } = setUp();
    assert.equal(coolDown.intervalMs(clock.now() - 10_000), INTERVAL_MS - 10_000);
    assert.equal(coolDown.intervalMs(undefined), 0);
  });
});

describe('what the provider demanded of the former process', () => {
  it('Nobody is locked out: is known to all that ask for it, also while the journal is being read for another', async () => {
    const clock = new FakeClock();
    const held = new HeldStep();
    const wait = {
      notBeforeMs: clock.now() + 60_000,
      recordedAtMs: clock.now(),
      code: 'rate-limited',
      rejectedLives: 0,
    } as const;
    const waits = new MemoryWaits();
    await waits.write('pik', wait);
    const slow: FetchWaits = {
      read: (token) => held.pass().then(() => waits.read(token)),
      write: (token, written) => waits.write(token, written),
      remove: (token) => waits.remove(token),
    };
    const coolDown = new CoolDown({ identity: buildIdentity('pik'), clock, minIntervalMs: 0, waits: slow });
    const view = coolDown.restore();
    const refresh = coolDown.restore().then(() => coolDown.currentBlock(undefined));
    await held.reached;
    await settle();
    held.release();
    await view;
    assert.equal((await refresh)?.failure.code, 'rate-limited');
  });
});
