import assert from 'node:assert/strict';
import { it } from 'node:test';
import { HeldLines } from '../../src/commands/held-lines.ts';

it('lines are held back until they are released, then they pass in their order', () => {
  const written: string[] = [];
  const lines = new HeldLines((line) => written.push(line) > 0);
  lines.write('one');
  lines.write('two');
  assert.deepEqual(written, []);
  lines.release();
  lines.write('three');
  lines.release();
  assert.deepEqual(written, ['one', 'two', 'three']);
});
