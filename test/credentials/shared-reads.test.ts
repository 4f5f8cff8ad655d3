import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SharedReads } from '../../src/credentials/shared-reads.ts';
import { settle } from '../support/fake-clock.ts';
import { HeldStep } from '../support/held-step.ts';
import { fc } from '../support/property.ts';

const NEVER = new AbortController().signal;

/** Reads a value that changes, one held read after the other. */
function createBench() {
  const bench = {
    value: 0,
    begun: 0,
    aborted: 0,
    holds: new Array<HeldStep>(),
    abortedAtOnce: new Array<boolean>(),
  };
  const reads = new SharedReads<number>(async (_, signal) => {
    bench.begun += 1;
    bench.abortedAtOnce.push(signal.aborted);
    const { value } = bench;
    signal.addEventListener('abort', () => {
      bench.aborted += 1;
    });
    const hold = new HeldStep();
    bench.holds.push(hold);
    await hold.pass();
    return value;
  });
  return Object.assign(bench, { reads });
}

describe('SharedReads', () => {
  it('makes one read of a thousand that are wanted at one moment', async () => {
    const bench = createBench();
    const wanted = Array.from({ length: 1000 }, () => bench.reads.read('key.pem', NEVER));
    await settle();
    assert.equal(bench.begun, 1);
    bench.holds[0]?.release();
    assert.equal(new Set(await Promise.all(wanted)).size, 1);
  });

  it('makes one more read of all that are wanted while one is under way', async () => {
    const bench = createBench();
    const first = bench.reads.read('key.pem', NEVER);
    await settle();
    bench.value = 1;
    const later = Array.from({ length: 1000 }, () => bench.reads.read('key.pem', NEVER));
    await settle();
    assert.equal(bench.begun, 1, 'not while the first is under way');
    bench.holds[0]?.release();
    assert.equal(await first, 0);
    await settle();
    assert.equal(bench.begun, 2);
    bench.holds[1]?.release();
    assert.deepEqual(new Set(await Promise.all(later)), new Set([1]));
  });

  it('never hands out what is older than the request for it', async () => {
    const steps = fc.array(fc.constantFrom('change', 'read', 'turn', 'release'), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const bench = createBench();
        const outcomes: Promise<void>[] = [];
        for (const step of all) {
          if (step === 'change') bench.value += 1;
          if (step === 'turn') await settle();
          if (step === 'release') for (const hold of bench.holds) hold.release();
          if (step !== 'read') continue;
          const asked = bench.value;
          outcomes.push(
            bench.reads.read('key.pem', NEVER).then((value) => {
              assert.ok(value >= asked, `asked at ${asked}, got ${value}`);
            }),
          );
        }
        for (let turn = 0; turn < 3; turn += 1) {
          for (const hold of bench.holds) hold.release();
          await settle();
        }
        await Promise.all(outcomes);
      }),
      { numRuns: 50 },
    );
  });

  it('ends no read of who comes after all that waited before have given up', async () => {
    const bench = createBench();
    const first = bench.reads.read('key.pem', NEVER);
    await settle();
    const leaving = new AbortController();
    const left = bench.reads.read('key.pem', leaving.signal);
    leaving.abort(new Error('no longer wanted'));
    await assert.rejects(left, /no longer wanted/);
    const late = bench.reads.read('key.pem', NEVER);
    bench.holds[0]?.release();
    await first;
    await settle();
    bench.holds[1]?.release();
    await late;
    assert.deepEqual(bench.abortedAtOnce, [false, false]);
  });

  it('keeps nothing: a later read is a new one', async () => {
    const bench = createBench();
    for (const expected of [1, 2]) {
      const read = bench.reads.read('key.pem', NEVER);
      await settle();
      bench.holds.at(-1)?.release();
      await read;
      assert.equal(bench.begun, expected);
    }
  });

  it('lets others go on when one gives up, and ends a read that nobody wants any more', async () => {
    const bench = createBench();
    const [one, other] = [new AbortController(), new AbortController()];
    const given = bench.reads.read('key.pem', one.signal);
    const kept = bench.reads.read('key.pem', other.signal);
    await settle();
    one.abort(new Error('the program stops'));
    await assert.rejects(given, /the program stops/);
    assert.equal(bench.aborted, 0);
    other.abort(new Error('the program stops'));
    await assert.rejects(kept, /the program stops/);
    assert.equal(bench.aborted, 1);
    await assert.rejects(bench.reads.read('key.pem', one.signal), /the program stops/);
  });

  it('rejects for all when the read does, and reads anew then', async () => {
    let begun = 0;
    const reads = new SharedReads<number>(async () => {
      begun += 1;
      if (begun === 1) throw new Error('a bug');
      return begun;
    });
    const both = await Promise.allSettled([reads.read('a', NEVER), reads.read('a', NEVER)]);
    assert.deepEqual(
      both.map(({ status }) => status),
      ['rejected', 'rejected'],
    );
    assert.equal(await reads.read('a', NEVER), 2);
  });
});
