import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatPeriod, formatRoughly, formatUtc } from '../../../src/core/wire/time-text.ts';
import { fc } from '../../support/property.ts';

describe('formatRoughly', () => {
  for (const { durationMs, text } of [
    { durationMs: 0, text: '0s' },
    { durationMs: 999, text: '0s' },
    { durationMs: 59_999, text: '59s' },
    { durationMs: 60_000, text: '1m 00s' },
    { durationMs: 843_000, text: '14m 03s' },
    { durationMs: 3_599_999, text: '59m 59s' },
    { durationMs: 3_900_000, text: '1h 05m' },
    { durationMs: 273_600_000, text: '3d 04h' },
    { durationMs: -5_000, text: '0s' },
    { durationMs: Number.NaN, text: '?' },
    { durationMs: Number.POSITIVE_INFINITY, text: '?' },
  ]) {
    it(`writes ${durationMs} ms as ${text}`, () => {
      assert.equal(formatRoughly(durationMs), text);
    });
  }
});

describe('formatUtc', () => {
  it('writes a moment in UTC, whatever the zone of the machine', () => {
    assert.equal(formatUtc(Date.UTC(2026, 10, 21, 12, 0, 0, 7)), '2026-11-21T12:00:00.007Z');
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.double(), (wallMs) => {
        assert.equal(typeof formatPeriod(wallMs), 'string');
        assert.equal(typeof formatRoughly(wallMs), 'string');
      }),
    );
    assert.equal(formatUtc(Number.NaN), 'unknown');
  });
});
