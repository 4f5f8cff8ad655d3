import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatDuration, parseDuration } from '../../../src/core/wire/duration.ts';
import { fc } from '../../support/property.ts';

const TEN_YEARS_MS = 3650 * 86_400_000;

describe('parseDuration', () => {
  for (const [text, durationMs] of [
    ['0s', 0],
    ['250ms', 250],
    ['30s', 30_000],
    ['15m', 900_000],
    ['1h30m', 5_400_000],
    ['90m', 5_400_000],
    ['2d12h', 216_000_000],
    ['1d2h3m4s5ms', 93_784_005],
    ['3650d', TEN_YEARS_MS],
  ] as const) {
    it(`reads ${text} as ${durationMs} ms`, () => {
      assert.deepEqual(parseDuration(text), { ok: true, durationMs });
    });
  }

  for (const text of [
    '',
    '15',
    'm',
    '15 m',
    ' 15m',
    '15m\n',
    '1.5h',
    '-5m',
    '15min',
    '30m1h',
    '1h1h',
    '1e3s',
    '٣s',
    '9999999999d',
  ]) {
    it(`refuses ${JSON.stringify(text)} and says what a duration looks like`, () => {
      assert.deepEqual(parseDuration(text), {
        ok: false,
        problem: 'not a duration like 30s, 15m or 1h30m (units d, h, m, s, ms)',
      });
    });
  }

  it('refuses more than ten years', () => {
    assert.deepEqual(parseDuration('3650d1ms'), { ok: false, problem: 'longer than 3650d' });
    assert.deepEqual(parseDuration('900000000d'), { ok: false, problem: 'longer than 3650d' });
  });

  it('never throws and never yields anything but whole milliseconds within ten years', () => {
    const text = fc.oneof(
      fc.string(),
      fc
        .array(fc.tuple(fc.nat(), fc.constantFrom('d', 'h', 'm', 's', 'ms', '')))
        .map((parts) => parts.flat().join('')),
    );
    fc.assert(
      fc.property(text, (input) => {
        const parsed = parseDuration(input);
        if (!parsed.ok) return;
        assert.ok(Number.isSafeInteger(parsed.durationMs));
        assert.ok(parsed.durationMs >= 0 && parsed.durationMs <= TEN_YEARS_MS);
      }),
    );
  });
});

describe('formatDuration', () => {
  for (const [durationMs, text] of [
    [0, '0s'],
    [0.4, '0s'],
    [250, '250ms'],
    [840_000, '14m'],
    [5_400_000, '1h30m'],
    [59_999.6, '1m'],
    [TEN_YEARS_MS, '3650d'],
  ] as const) {
    it(`writes ${durationMs} ms as ${text}`, () => {
      assert.equal(formatDuration(durationMs), text);
    });
  }

  it('writes what parseDuration reads back, for all durations up to ten years', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: TEN_YEARS_MS }), (durationMs) => {
        assert.deepEqual(parseDuration(formatDuration(durationMs)), { ok: true, durationMs });
      }),
    );
  });
});
