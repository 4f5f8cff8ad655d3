import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ReadableToken } from '../../src/core/board.ts';
import { describeOutlook } from '../../src/core/reader-outlook.ts';
import { NOON_MS } from '../support/sample-events.ts';

const absent: ReadableToken = { kind: 'absent' };
const unknown: ReadableToken = { kind: 'unknown' };

function expiring(inMs: number): ReadableToken {
  return {
    kind: 'published',
    issuedAtMs: undefined,
    expiresAtMs: NOON_MS + inMs,
    refreshAtMs: NOON_MS,
    generation: 1,
    latest: 'restored',
  };
}

describe('describeOutlook', () => {
  for (const { readables, severity, sentence } of [
    { readables: [], severity: 'fine', sentence: 'there are no tokens' },
    { readables: [expiring(297_000)], severity: 'fine', sentence: 'token expires 12:04:57 UTC, in 4m 57s' },
    {
      readables: [expiring(86_400_000)],
      severity: 'fine',
      sentence: 'token expires 2026-11-22 12:00:00 UTC, in 1d 00h',
    },
    {
      readables: [expiring(0)],
      severity: 'broken',
      sentence: 'readers have had no valid token since 12:00:00 UTC (0s)',
    },
    {
      readables: [expiring(-63_000)],
      severity: 'broken',
      sentence: 'readers have had no valid token since 11:58:57 UTC (1m 03s)',
    },
    { readables: [absent], severity: 'broken', sentence: 'no token is published, readers have none' },
    {
      readables: [unknown],
      severity: 'unknown',
      sentence: 'the store has not been read, so it is not known whether readers have a token',
    },
    {
      readables: [expiring(900_000), expiring(297_000)],
      severity: 'fine',
      sentence: 'first token expires 12:04:57 UTC, in 4m 57s',
    },
    {
      readables: [expiring(297_000), unknown],
      severity: 'unknown',
      sentence: '1 token not read from the store yet; the next expires 12:04:57 UTC, in 4m 57s',
    },
    {
      readables: [expiring(-1_000), expiring(-63_000), absent, unknown, unknown, expiring(297_000)],
      severity: 'broken',
      sentence:
        '2 tokens expired, the first at 11:58:57 UTC (1m 03s); 1 token is not published, readers have none; ' +
        '2 tokens not read from the store yet; the next expires 12:04:57 UTC, in 4m 57s',
    },
    {
      readables: [expiring(-63_000), expiring(297_000)],
      severity: 'broken',
      sentence: '1 token expired, at 11:58:57 UTC (1m 03s); the next expires 12:04:57 UTC, in 4m 57s',
    },
    {
      readables: [absent, absent],
      severity: 'broken',
      sentence: '2 tokens are not published, readers have none',
    },
  ] satisfies { readables: ReadableToken[]; severity: string; sentence: string }[]) {
    it(`says: ${sentence}`, () => {
      const outlook = describeOutlook(readables, NOON_MS);
      assert.equal(outlook.sentence, sentence);
      assert.equal(outlook.severity, severity);
    });
  }

  it('counts what each is, and gives the first expiry on both sides of now', () => {
    const readables = [expiring(-1_000), expiring(-2_000), absent, unknown, expiring(3_000), expiring(2_000)];
    const { sentence, ...outlook } = describeOutlook(readables, NOON_MS);
    assert.ok(sentence.length > 0);
    assert.deepEqual(outlook, {
      severity: 'broken',
      tokens: 6,
      expired: 2,
      absent: 1,
      unknown: 1,
      brokenSinceMs: NOON_MS - 2_000,
      firstExpiryMs: NOON_MS + 2_000,
    });
  });
});
