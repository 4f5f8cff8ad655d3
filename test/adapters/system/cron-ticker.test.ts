import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { createCronTicker } from '../../../src/adapters/system/cron-ticker.ts';
import type { Ticking } from '../../../src/core/ports.ts';
import { NOON_MS } from '../../support/sample-events.ts';
import { fakeTimers, type TimerBench } from '../../support/timer-bench.ts';

let timers: TimerBench;
let told: string[];
let task: Ticking;

function start(): Ticking {
  const at = (what: string) => (): void => {
    told.push(`${what} at ${(timers.clock.now() - NOON_MS) / 1000} s`);
  };
  const ignore = (): void => undefined;
  return createCronTicker({ info: ignore, warn: ignore, error: ignore, debug: ignore }).start({
    name: 'pivot',
    expression: '3-59/15 * * * * *',
    onTick: at('tick'),
    onMissed: at('missed'),
  });
}

beforeEach(() => {
  timers = fakeTimers(NOON_MS + 1000);
  told = [];
  task = start();
});

afterEach(() => {
  task.stop();
  timers.restore();
});

describe('createCronTicker', () => {
  it('ticks at its slots and not at once', async () => {
    assert.equal(task.msToNext(), 2000);
    await timers.advance(40_000);
    assert.deepEqual(told, ['tick at 3 s', 'tick at 18 s', 'tick at 33 s']);
  });

  it('tells of a slot that a blocked event loop has cost, as soon as the loop is free', async () => {
    await timers.advance(16_000);
    await timers.blockEventLoop(10_000);
    assert.deepEqual(told, ['tick at 3 s', 'missed at 27 s']);
    await timers.advance(10_000);
    assert.deepEqual(told.at(-1), 'tick at 33 s');
  });

  it('tells once of all the slots that a night of sleep has cost', async () => {
    await timers.advance(16_000);
    timers.jumpWallTime(8 * 3_600_000);
    await timers.advance(30_000);
    assert.equal(told.filter((line) => line.startsWith('missed')).length, 1);
  });

  it('does not go through the slots of ten years that a clock which is set right leaves out', async () => {
    await timers.advance(5000);
    timers.jumpWallTime(10 * 365 * 86_400_000);
    await timers.advance(29_000);
    const kinds = told.map((line) => line.split(' ', 1)[0]);
    // What is left out is noticed just before a slot, which is a tick as well.
    assert.deepEqual(kinds, ['tick', 'missed', 'tick', 'tick']);
  });

  it('asks for no time that is over when it begins just before a slot: Node.js would warn on standard error', (t) => {
    task.stop();
    timers.jumpWallTime(1998);
    const { mock } = t.mock.method(globalThis, 'setTimeout');
    task = start();
    const delaysMs = mock.calls.map(({ arguments: [, delayMs] }) => delayMs ?? 0);
    assert.equal(delaysMs.length, 2, "node-cron's own and the guard");
    assert.ok(Math.min(...delaysMs) >= 0, `${delaysMs.join(' and ')} ms`);
  });

  it('Quick to stop: is silent once it is stopped', async () => {
    await timers.advance(5000);
    task.stop();
    await timers.advance(60_000);
    assert.deepEqual(told, ['tick at 3 s']);
  });
});
