import assert from 'node:assert/strict';
import { it } from 'node:test';
import { findFreePort } from './free-port.ts';

it('a port that was given to one is given to nobody else', async (t) => {
  const { random } = Math;
  const draws = [0.5, 0.5];
  t.mock.method(Math, 'random', () => draws.shift() ?? random());
  const first = await findFreePort();
  assert.notEqual(await findFreePort(), first);
});
