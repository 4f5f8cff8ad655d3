import assert from 'node:assert/strict';
import { it } from 'node:test';
import { formatTable } from '../../src/commands/table.ts';

it('columns are as wide as their widest cell and no line ends in blanks', () => {
  assert.equal(formatTable(['A', 'LONG', 'B'], [['word', 'x', ''], ['y']]), 'A     LONG  B\nword  x\ny\n');
});

it('a cell that would break the line does not', () => {
  assert.equal(
    formatTable(['A', 'B'], [['one\r\ntwo\u2028three\u001b[2J', 'x']]),
    'A                  B\none two three [2J  x\n',
  );
});

it('a table of more rows than a call may have arguments is made', () => {
  const rows = Array.from({ length: 200_000 }, () => ['x']);
  assert.equal(formatTable(['A'], rows).length, 2 + 2 * rows.length);
});

it('a table without rows is its header', () => {
  assert.equal(formatTable(['A', 'B'], []), 'A  B\n');
});
