import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { QUARTER_MS, RefreshStrip, STRIP_LENGTH } from '../../../src/core/token/refresh-strip.ts';
import { fc } from '../../support/property.ts';

/** The last marks, `.` for none, by their first letters otherwise. */
function tail(strip: RefreshStrip, quarter: number, length: number): string {
  return strip
    .marks(quarter * QUARTER_MS)
    .slice(-length)
    .map((mark) => (mark === 'none' ? '.' : mark.slice(0, 1)))
    .join('');
}

describe('RefreshStrip', () => {
  for (const { what, steps, marks } of [
    { what: 'a success', steps: ['ok'], marks: 'o' },
    { what: 'a failure', steps: ['failure'], marks: 'f' },
    { what: 'a success after failures', steps: ['failure', 'failure', 'recovery'], marks: 'r' },
    { what: 'a failure after a success', steps: ['ok', 'failure'], marks: 'f' },
    { what: 'an easy success after a hard one', steps: ['failure', 'recovery', 'ok'], marks: 'r' },
    {
      what: 'a success after failures of the quarter before',
      steps: ['failure', 'pass', 'recovery'],
      marks: 'fr',
    },
    { what: 'a quarter without any', steps: ['ok', 'pass', 'pass', 'ok'], marks: 'o.o' },
  ]) {
    it(`shows ${what} as ${marks}`, () => {
      let strip = new RefreshStrip();
      let quarter = 0;
      for (const step of steps) {
        if (step === 'pass') quarter += 1;
        else if (step === 'failure') strip = strip.withFailure(quarter * QUARTER_MS);
        else strip = strip.withSuccess(quarter * QUARTER_MS, step === 'recovery');
      }
      assert.equal(tail(strip, quarter, marks.length), marks);
    });
  }

  it('forgets a quarter after exactly a day', () => {
    const strip = new RefreshStrip().withFailure(0);
    assert.equal(strip.marks((STRIP_LENGTH - 1) * QUARTER_MS)[0], 'failed');
    assert.deepEqual(new Set(strip.marks(STRIP_LENGTH * QUARTER_MS)), new Set(['none']));
  });

  it('holds what a list of everything that happened says, whatever the pauses', () => {
    const step = fc.record({ pause: fc.integer({ min: 0, max: 200 }), isGood: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        let strip = new RefreshStrip();
        const expected = new Map<number, string>();
        let quarter = 0;
        for (const { pause, isGood } of steps) {
          quarter += pause;
          if (isGood) strip = strip.withSuccess(quarter * QUARTER_MS, false);
          else strip = strip.withFailure(quarter * QUARTER_MS);
          const before = expected.get(quarter) ?? 'ok';
          expected.set(quarter, isGood ? (before === 'ok' ? 'ok' : 'retried') : 'failed');
        }
        assert.deepEqual(
          strip.marks(quarter * QUARTER_MS),
          Array.from(
            { length: STRIP_LENGTH },
            (_, i) => expected.get(quarter - STRIP_LENGTH + 1 + i) ?? 'none',
          ),
        );
      }),
    );
  });
});
