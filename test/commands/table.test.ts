import assert from 'node:assert/strict';
import { it } from 'node:test';
import { formatTable } from '../../src/commands/table.ts';

it('columns are as wide as their widest cell and no line ends in blanks', () => {
  assert.equal(formatTable(['A', 'LONG', 'B'], [['word', 'x', ''], ['y']]), 'A     LONG  B\nword  x\ny\n');
});

it('a table without rows is its header', () => {
  assert.equal(formatTable(['A', 'B'], []), 'A  B\n');
});
