import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { forEachConcurrent, portionsOf } from '../../src/core/for-each-concurrent.ts';
import { settle } from '../support/fake-clock.ts';

describe('forEachConcurrent', () => {
  it('works on all items in order, and on no more than the limit at one time', async () => {
    const begun: number[] = [];
    let running = 0;
    let most = 0;
    await forEachConcurrent([1, 2, 3, 4, 5], 2, async (item) => {
      begun.push(item);
      running += 1;
      most = Math.max(most, running);
      await settle();
      running -= 1;
    });
    assert.deepEqual([begun, most, running], [[1, 2, 3, 4, 5], 2, 0]);
  });

  it('rejects with what an item throws', async () => {
    await assert.rejects(
      forEachConcurrent([1], 4, async () => {
        throw new Error('a bug');
      }),
      /a bug/,
    );
  });
});

describe('portionsOf', () => {
  for (const [size, portions] of [
    [1, [[1], [2], [3]]],
    [2, [[1, 2], [3]]],
    [3, [[1, 2, 3]]],
    [9, [[1, 2, 3]]],
  ] as const) {
    it(`cuts three items into portions of ${size}`, () => {
      assert.deepEqual(portionsOf([1, 2, 3], size), portions);
    });
  }

  it('makes no portion of nothing', () => {
    assert.deepEqual(portionsOf([], 5), []);
  });
});
