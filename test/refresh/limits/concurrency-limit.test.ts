import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConcurrencyLimit } from '../../../src/refresh/limits/concurrency-limit.ts';
import { settle } from '../../support/fake-clock.ts';
import { HeldStep } from '../../support/held-step.ts';
import { fc } from '../../support/property.ts';

const NEVER = new AbortController().signal;

async function run<T>(
  limit: ConcurrencyLimit,
  priority: number,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  await limit.enter(priority, signal);
  try {
    return await work();
  } finally {
    limit.leave();
  }
}

/** Takes a turn and keeps it until it is released. */
function enter(
  limit: ConcurrencyLimit,
  priority: number,
  order: number[],
  signal: AbortSignal = NEVER,
): HeldStep {
  const hold = new HeldStep();
  run(limit, priority, signal, async () => {
    order.push(priority);
    await hold.pass();
  }).catch(() => order.push(-priority));
  return hold;
}

describe('ConcurrencyLimit', () => {
  it('lets the earliest expiry in first, and equals in the order in which they came', async () => {
    const gate = new ConcurrencyLimit(1);
    const order: number[] = [];
    const first = enter(gate, 100, order);
    const others = [30, 10, 20].map((priority) => enter(gate, priority, order));
    for (const hold of [first, ...others]) hold.release();
    await settle();
    assert.deepEqual(order, [100, 10, 20, 30]);
  });

  it('never lets more in than its limit', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.boolean(), { maxLength: 12 }),
        async (limit, fails) => {
          const gate = new ConcurrencyLimit(limit);
          let inside = 0;
          let most = 0;
          await Promise.allSettled(
            fails.map((isFailing, index) =>
              run(gate, index, NEVER, async () => {
                inside += 1;
                most = Math.max(most, inside);
                await Promise.resolve();
                inside -= 1;
                if (isFailing) throw new Error('broken');
              }),
            ),
          );
          assert.equal(most, Math.min(limit, fails.length));
          assert.equal(await run(gate, 0, NEVER, () => Promise.resolve('free again')), 'free again');
        },
      ),
      { numRuns: 30 },
    );
  });

  it('turns away who gives up waiting, without losing the place of the others', async () => {
    const gate = new ConcurrencyLimit(1);
    const order: number[] = [];
    const inside = enter(gate, 1, order);
    const impatient = new AbortController();
    enter(gate, 2, order, impatient.signal);
    enter(gate, 3, order).release();
    impatient.abort(new Error('the program stops'));
    inside.release();
    await settle();
    assert.deepEqual(order, [1, -2, 3]);
  });

  it('turns away who comes with an aborted signal', async () => {
    const gate = new ConcurrencyLimit(1);
    const refused = run(gate, 1, AbortSignal.abort(new Error('the program stops')), () => Promise.resolve());
    await assert.rejects(refused, /the program stops/);
  });
});
