import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { succeed } from '../../src/core/result.ts';
import { readInBatches, type SecretBatch } from '../../src/core/secret-batches.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';

const EVERY_MS = 50;

/** Reads secrets `a0/1`, `a0/2`, `a1/1`, … as far as the test takes the batches. */
function setUp(count: number, secretsEach: number) {
  const clock = new FakeClock();
  const ending = new AbortController();
  const reads: (readonly string[])[] = [];
  const items = Array.from({ length: count }, (_, index) => `a${index}`);
  const batches = readInBatches(items, {
    namesOf: (item) => Array.from({ length: secretsEach }, (_, index) => `${item}/${index + 1}`),
    everyMs: EVERY_MS,
    store: {
      readMany: async (names) => {
        reads.push(names);
        return new Map(names.map((name) => [name, succeed(undefined)]));
      },
    },
    clock,
    signal: ending.signal,
  });
  return { clock, ending, reads, items, batches };
}

async function take(
  { clock }: { readonly clock: FakeClock },
  batches: AsyncGenerator<SecretBatch<string>>,
): Promise<readonly { readonly size: number; readonly startedMs: number }[]> {
  const taken: { readonly size: number; readonly startedMs: number }[] = [];
  const taking = (async () => {
    for await (const { items, startedMs } of batches) taken.push({ size: items.length, startedMs });
  })();
  for (let steps = 0; steps < 20; steps += 1) await clock.advance(EVERY_MS / 2);
  await taking;
  return taken;
}

describe('secrets that are read in batches', () => {
  it('are read in order, 80 at a time, at the pace that was asked for', async () => {
    const bench = setUp(200, 1);
    const startMs = bench.clock.monotonicMs();
    const taken = await take(bench, bench.batches);
    assert.deepEqual(
      taken.map(({ size, startedMs }) => [size, startedMs - startMs]),
      [
        [80, 0],
        [80, EVERY_MS],
        [40, 2 * EVERY_MS],
      ],
    );
    assert.deepEqual(
      bench.reads.flat(),
      bench.items.map((item) => `${item}/1`),
    );
  });

  it('of one item stay together', async () => {
    const bench = setUp(30, 3);
    await take(bench, bench.batches);
    assert.deepEqual(
      bench.reads.map(({ length }) => length),
      [78, 12],
    );
  });

  it('are not read ahead of whoever deals with them, who pays no wait twice', async () => {
    const { clock, reads, batches } = setUp(160, 1);
    const first = await batches.next();
    assert.equal(first.done, false);
    await clock.advance(10 * EVERY_MS);
    assert.equal(reads.length, 1);
    const second = await batches.next();
    assert.equal(second.done, false);
    assert.equal(reads.length, 2);
    assert.deepEqual(clock.pendingDelaysMs, []);
  });

  it('are not read any more once the wait for the next batch is ended', async () => {
    const { clock, ending, reads, batches } = setUp(160, 1);
    await batches.next();
    const next = batches.next();
    await settle();
    assert.deepEqual(clock.pendingDelaysMs, [EVERY_MS]);
    ending.abort();
    assert.equal((await next).done, true);
    assert.equal(reads.length, 1);
    assert.deepEqual(clock.pendingDelaysMs, []);
  });
});
