import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Fault } from '../../src/sandbox/fault.ts';
import { FaultSchedule } from '../../src/sandbox/fault-schedule.ts';
import { parseFault } from '../../src/sandbox/fault-syntax.ts';
import { FakeClock } from '../support/fake-clock.ts';

function fault(text: string): Fault {
  const parsed = parseFault(text, ['pik', 'pivot']);
  assert.ok(parsed.ok, text);
  return parsed.fault;
}

function build() {
  const clock = new FakeClock();
  const schedule = new FaultSchedule(clock);
  const providerFaults = (provider: string) =>
    schedule.findProviderFaults(provider).map((each) => each.fault);
  return { clock, schedule, providerFaults };
}

describe('FaultSchedule', () => {
  it('applies a fault to its provider alone, and one for * to all', () => {
    const { schedule, providerFaults } = build();
    schedule.add(fault('pivot:503'));
    schedule.add(fault('*:reset'));
    assert.deepEqual(providerFaults('pivot'), ['status', 'reset']);
    assert.deepEqual(providerFaults('pik'), ['reset']);
    assert.deepEqual(schedule.findStoreFaults(), []);
  });

  it('opens and closes a window by monotonic time, whatever the wall clock does', async () => {
    const { clock, schedule, providerFaults } = build();
    schedule.add(fault('pivot:503@30s+90s'));
    await clock.advance(29_999);
    clock.jumpWallTime(3_600_000);
    assert.deepEqual(providerFaults('pivot'), []);
    await clock.advance(1);
    assert.deepEqual(providerFaults('pivot'), ['status']);
    await clock.advance(89_999);
    assert.deepEqual(providerFaults('pivot'), ['status']);
    await clock.advance(1);
    assert.deepEqual(providerFaults('pivot'), []);
  });

  it('counts the window of a fault that is added later from then on', async () => {
    const { clock, schedule, providerFaults } = build();
    await clock.advance(60_000);
    schedule.add(fault('pivot:503+10s'));
    assert.deepEqual(providerFaults('pivot'), ['status']);
    await clock.advance(10_000);
    assert.deepEqual(providerFaults('pivot'), []);
  });

  it('lists what is active and what is to come, and forgets what is over', async () => {
    const { clock, schedule } = build();
    for (const text of ['pivot:503+5s', 'pik:reset', 'store:throttle@10s']) schedule.add(fault(text));
    await clock.advance(5000);
    assert.deepEqual(schedule.list(), [
      { fault: 'pik:reset', isActive: true },
      { fault: 'store:throttle@10s', isActive: false },
    ]);
    schedule.clear();
    assert.deepEqual(schedule.list(), []);
  });

  it('opens and closes the windows of store faults, and has them end with the others', async () => {
    const { clock, schedule } = build();
    const storeFaults = () => schedule.findStoreFaults().map(({ kind }) => kind);
    schedule.add(fault('pivot:503'));
    schedule.add(fault('store:throttle+20s'));
    schedule.add(fault('store:denied@10s+20s'));
    assert.deepEqual(storeFaults(), ['throttle']);
    await clock.advance(10_000);
    assert.deepEqual(storeFaults(), ['throttle', 'denied']);
    await clock.advance(10_000);
    assert.deepEqual(storeFaults(), ['denied']);
    await clock.advance(10_000);
    assert.deepEqual(storeFaults(), []);
    schedule.add(fault('store:outage'));
    assert.deepEqual(storeFaults(), ['outage']);
    schedule.clear();
    assert.deepEqual(storeFaults(), []);
  });
});
