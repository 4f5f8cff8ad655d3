import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { createTokenRecord } from '../../src/board/reduce-token.ts';
import type { FailureRecord, TokenRecord } from '../../src/core/board.ts';
import { textWidth } from '../../src/core/text-columns.ts';
import { composeScreen, type ScreenContent } from '../../src/sandbox/live-screen.ts';
import { fc } from '../support/property.ts';
import { buildIdentity, NOON_MS } from '../support/sample-events.ts';

function buildFailing(token: string, changes: Partial<FailureRecord> = {}): TokenRecord {
  return {
    ...createTokenRecord(buildIdentity(token)),
    readable: { kind: 'absent' },
    failure: {
      code: 'provider-unavailable',
      retry: 'backoff',
      message: 'status 503: will be tried again',
      sinceMs: NOON_MS,
      attempts: 1,
      nextAttemptAtMs: NOON_MS + 1_000,
      ...changes,
    },
  };
}

const fine = (token: string): TokenRecord => createTokenRecord(buildIdentity(token));

const rejected: Partial<FailureRecord> = {
  code: 'credentials-rejected',
  retry: 'needs-human',
  message: 'status 401: check merchantId and merchantSecret; next try in at most 15 min or when they change',
};

function compose(content: Partial<ScreenContent>, look: { width?: number; height?: number } = {}) {
  return composeScreen(
    { records: [], mirrors: [], alerts: [], news: [], footer: undefined, ...content },
    { nowMs: NOON_MS, width: 60, height: undefined, color: false, ...look },
  );
}

describe('composeScreen', () => {
  it('shows the whole of each present failure, those that need people first, one for tokens that share it', () => {
    const records = [
      buildFailing('acme/a'),
      fine('pik'),
      ...['b', 'c', 'd'].map((customer) => buildFailing(`acme/${customer}`)),
      buildFailing('pivot', rejected),
    ];
    assert.deepEqual(compose({ records }).slice(8), [
      'FAILING NOW',
      'pivot: credentials-rejected: status 401: check merchantId',
      '  and merchantSecret; next try in at most 15 min or when',
      '  they change',
      'acme/a, acme/b, acme/c and 1 more: provider-unavailable:',
      '  status 503: will be tried again',
    ]);
  });

  it('shows tokens that an API refuses, and mirrors that do not get new ones', () => {
    const refused = {
      ...fine('snap'),
      refusal: {
        sinceMs: NOON_MS,
        reports: 3,
        reportedAtMs: NOON_MS,
        status: 401,
        outcome: 'capped',
        cap: 'same-again',
        retryAtMs: undefined,
      },
    } as const;
    const { sinceMs, attempts, nextAttemptAtMs } = {
      sinceMs: NOON_MS,
      attempts: 1,
      nextAttemptAtMs: NOON_MS,
    };
    const failure = {
      code: 'store-denied',
      retry: 'needs-human',
      message: 'status 403',
      sinceMs,
      attempts,
      nextAttemptAtMs,
    } as const;
    const mirror = { place: 'cluster', behind: 1, behindSinceMs: NOON_MS, copiesUntilMs: undefined } as const;
    const shown = compose(
      {
        records: [refused, buildFailing('pik')],
        mirrors: [
          { ...mirror, failure },
          { ...mirror, place: 'fine', failure: undefined },
        ],
      },
      { width: 120 },
    );
    assert.match(shown[1] ?? '', / refused /);
    assert.deepEqual(shown.slice(4), [
      'FAILING NOW',
      'snap: refused: the provider has handed out the refused token again, so asking at once is of no use',
      'mirror cluster, 1 token behind: store-denied: status 403',
      'pik: provider-unavailable: status 503: will be tried again',
    ]);
  });

  it('drops a failure that is over', () => {
    assert.ok(!compose({ records: [fine('pik')] }).includes('FAILING NOW'));
  });

  it('shows red what needs people, yellow what heals', () => {
    const records = [buildFailing('acme'), buildFailing('pivot', rejected)];
    const lines = composeScreen(
      { records, mirrors: [], alerts: [], news: [], footer: undefined },
      { nowMs: NOON_MS, width: 200, height: undefined, color: true },
    );
    assert.ok(lines.some((line) => line.startsWith('\u001b[31mpivot: ')));
    assert.ok(lines.some((line) => line.startsWith('\u001b[33macme: ')));
  });

  it('says how many failures there is no room for, and keeps the footer', () => {
    const records = ['a', 'b', 'c'].map((token) => buildFailing(token, { message: `${token} is down` }));
    assert.deepEqual(compose({ records, footer: 'status page' }, { height: 11 }).slice(4), [
      '',
      'FAILING NOW',
      'a: provider-unavailable: a is down',
      'and 2 more, on the status page',
      '',
      'status page',
    ]);
  });

  it('shows the worst tokens where not all have room', () => {
    const records = [...['a', 'b', 'c', 'd'].map(fine), buildFailing('pivot')];
    const lines = compose({ records }, { height: 4 });
    assert.deepEqual(
      lines.map((line) => line.replace(/ {2}.*/, '')),
      ['TOKEN', 'pivot', 'and 4 more'],
    );
  });

  it('is never higher nor wider than the terminal, and never without a row that has room', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 200 });
    fc.assert(
      fc.property(
        fc.record({
          messages: fc.array(text, { maxLength: 8 }),
          alerts: fc.array(fc.array(text, { minLength: 1, maxLength: 4 }), { maxLength: 3 }),
          news: fc.array(text, { maxLength: 6 }),
          footer: fc.option(text, { nil: undefined }),
          width: fc.integer({ min: 2, max: 150 }),
          height: fc.integer({ min: 1, max: 60 }),
          color: fc.boolean(),
        }),
        ({ messages, alerts, width, height, color, ...content }) => {
          const records = messages.map((message, index) => buildFailing(`t${index}`, { message }));
          const lines = composeScreen(
            { ...content, records, mirrors: [], alerts: alerts.map((each) => each.join('\n')) },
            { nowMs: NOON_MS, width, height, color },
          );
          assert.ok(lines.length <= Math.max(2, height - 1), `${lines.length} of ${height}`);
          for (const line of lines) assert.ok(textWidth(stripVTControlCharacters(line)) <= width);
          if (height > records.length + 1)
            assert.equal(
              lines.slice(1).filter((line) => /^t\d/.test(line) || width < 10).length >= records.length,
              true,
            );
        },
      ),
    );
  });
});
