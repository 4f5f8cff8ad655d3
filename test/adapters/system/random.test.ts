import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createSystemRandom } from '../../../src/adapters/system/random.ts';

describe('createSystemRandom', () => {
  it('draws numbers in [0, 1) and version-4 UUIDs that differ', () => {
    const random = createSystemRandom();
    const drawn = random.next();
    assert.ok(drawn >= 0 && drawn < 1);
    assert.match(random.uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.notEqual(random.uuid(), random.uuid());
  });
});
