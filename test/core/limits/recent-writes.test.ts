import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RecentWrites } from '../../../src/core/limits/recent-writes.ts';

const DAY_MS = 86_400_000;

describe('RecentWrites', () => {
  it('forgets a write when it is a day old', () => {
    const writes = new RecentWrites();
    writes.add(0);
    writes.add(1000);
    assert.equal(writes.count(DAY_MS - 1), 2);
    assert.deepEqual(writes.times(DAY_MS), [1000]);
    assert.equal(writes.count(DAY_MS + 1000), 0);
  });

  it('takes over what the store counts, in any order, and nothing from the future', () => {
    const writes = new RecentWrites();
    writes.add(5000);
    writes.replaceByAges([1000, 3000, -2000, DAY_MS], 10_000);
    assert.deepEqual(writes.times(10_000), [7000, 9000, 10_000]);
  });

  it('moves the newest write only', () => {
    const writes = new RecentWrites();
    writes.add(0);
    writes.add(1000);
    writes.moveNewest(5000);
    assert.deepEqual(writes.times(5000), [0, 5000]);
  });
});
