import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from './property.ts';
import { createSeededRandom } from './seeded-random.ts';

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('createSeededRandom', () => {
  it('draws what the reference implementation of mulberry32 draws', () => {
    const random = createSeededRandom(1);
    assert.deepEqual(
      [random.next(), random.next(), random.next()].map((drawn) => drawn * 2 ** 32),
      [2693262067, 11749833, 2265367787],
    );
  });

  it('repeats itself for the same seed and differs for another', () => {
    const draw = (seed: number): readonly (number | string)[] => {
      const random = createSeededRandom(seed);
      return [random.next(), random.uuid(), random.next()];
    };
    assert.deepEqual(draw(7), draw(7));
    assert.notDeepEqual(draw(7), draw(8));
  });

  it('stays in [0, 1) and makes version-4 UUIDs for every seed', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = createSeededRandom(seed);
        const drawn = random.next();
        assert.ok(drawn >= 0 && drawn < 1);
        assert.match(random.uuid(), UUID_V4);
      }),
    );
  });

  it('spreads evenly', () => {
    const random = createSeededRandom(42);
    const counts = Array.from({ length: 10 }, () => 0);
    for (let draw = 0; draw < 10_000; draw += 1) {
      const bin = Math.floor(random.next() * 10);
      counts[bin] = (counts[bin] ?? 0) + 1;
    }
    assert.ok(
      counts.every((count) => count > 850 && count < 1150),
      counts.join(),
    );
  });
});
