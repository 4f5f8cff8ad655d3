import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cutEnd, cutMiddle, padColumns, textWidth, wrapColumns } from '../../src/core/text-columns.ts';
import { fc } from '../support/property.ts';

const anyText = fc.string({ unit: 'grapheme', maxLength: 60 });
const anyWidth = fc.integer({ min: 2, max: 80 });

describe('textWidth', () => {
  for (const { text, columns } of [
    { text: '', columns: 0 },
    { text: 'pik', columns: 3 },
    { text: '支払', columns: 4 },
    { text: 'ｆ', columns: 2 },
    { text: 'e\u0301', columns: 1 },
    { text: '\u200b', columns: 0 },
    { text: '🚨', columns: 2 },
    { text: '⚠\ufe0f', columns: 2 },
    { text: '👩‍👩‍👧', columns: 2 },
    { text: '█░…', columns: 3 },
  ]) {
    it(`counts ${columns} for ${JSON.stringify(text)}`, () => assert.equal(textWidth(text), columns));
  }
});

describe('cutting to a width', () => {
  for (const { cut, text, width, shown } of [
    { cut: cutEnd, text: 'pivot', width: 5, shown: 'pivot' },
    { cut: cutEnd, text: 'pivot-b2b', width: 5, shown: 'pivo…' },
    { cut: cutEnd, text: '支払い', width: 4, shown: '支…' },
    { cut: cutEnd, text: 'pivot', width: 1, shown: '…' },
    { cut: cutEnd, text: 'pivot', width: 0, shown: '' },
    { cut: cutMiddle, text: 'pivot', width: 5, shown: 'pivot' },
    { cut: cutMiddle, text: 'pivot-b2b2c/ayu', width: 9, shown: 'pivo…/ayu' },
    { cut: cutMiddle, text: 'pivot-b2b2c/ayu', width: 8, shown: 'piv…/ayu' },
    { cut: cutMiddle, text: 'pivot', width: 2, shown: '…t' },
    { cut: cutMiddle, text: 'pivot', width: 0, shown: '' },
  ]) {
    it(`${cut.name} makes ${JSON.stringify(shown)} of ${text} in ${width} columns`, () => {
      assert.equal(cut(text, width), shown);
    });
  }

  it('never exceeds the width, and pads to exactly it', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 0, max: 80 }), (text, width) => {
        for (const cut of [cutEnd, cutMiddle]) {
          const shown = cut(text, width);
          assert.ok(textWidth(shown) <= width, shown);
          assert.equal(textWidth(padColumns(shown, width)), width);
        }
      }),
    );
  });
});

describe('wrapColumns', () => {
  for (const { text, width, indent, lines } of [
    { text: 'check the clock', width: 15, indent: 2, lines: ['check the clock'] },
    { text: 'check the clock', width: 11, indent: 2, lines: ['check the', '  clock'] },
    { text: 'see /a/long/path.', width: 8, indent: 2, lines: ['see', '  /a/lon', '  g/path', '  .'] },
    { text: '支払い', width: 4, indent: 0, lines: ['支払', 'い'] },
    { text: '  two  blanks ', width: 80, indent: 0, lines: ['two blanks'] },
    { text: '', width: 80, indent: 2, lines: [''] },
    { text: 'no room for it', width: 3, indent: 2, lines: ['no', 'roo', 'm', 'for', 'it'] },
  ]) {
    it(`makes ${lines.length} lines of ${JSON.stringify(text)} in ${width} columns`, () => {
      assert.deepEqual(wrapColumns(text, width, indent), lines);
    });
  }

  it('loses no character, and no line is wider', () => {
    fc.assert(
      fc.property(anyText, anyWidth, fc.integer({ min: 0, max: 10 }), (text, width, indent) => {
        const lines = wrapColumns(text, width, indent);
        for (const line of lines) assert.ok(textWidth(line) <= width, JSON.stringify(line));
        assert.equal(lines.join('').replace(/\s/gu, ''), text.replace(/\s/gu, ''));
      }),
    );
  });
});
