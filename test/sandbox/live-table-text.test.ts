import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { createTokenRecord } from '../../src/board/reduce-token.ts';
import type { Published, TokenRecord } from '../../src/core/board.ts';
import { FAILURE_CODES, type FailureCode } from '../../src/core/failure.ts';
import { textWidth } from '../../src/core/text-columns.ts';
import { renderLiveTable } from '../../src/sandbox/live-table-text.ts';
import { fc } from '../support/property.ts';
import { buildIdentity, NOON_MS } from '../support/sample-events.ts';

interface RowChanges extends Partial<Omit<Published, 'kind'>>, Partial<Pick<TokenRecord, 'isRefreshing'>> {
  readonly token?: string;
  readonly code?: FailureCode;
  readonly nextAttemptAtMs?: number;
}

/** A token in the middle of two minutes of life, unless told otherwise. */
function buildRow({
  token = 'pik',
  isRefreshing = false,
  code,
  nextAttemptAtMs = 0,
  ...life
}: RowChanges = {}): TokenRecord {
  return {
    ...createTokenRecord(buildIdentity(token)),
    isRefreshing,
    failure:
      code === undefined
        ? undefined
        : { code, retry: 'backoff', message: '', sinceMs: NOON_MS, attempts: 1, nextAttemptAtMs },
    readable: {
      kind: 'published',
      issuedAtMs: NOON_MS - 60_000,
      expiresAtMs: NOON_MS + 60_000,
      refreshAtMs: NOON_MS + 52_000,
      generation: 3,
      latest: 'refreshed',
      ...life,
    },
  };
}

const everyState: readonly TokenRecord[] = [
  buildRow(),
  buildRow({
    token: 'pivot-b2b2c/customer-0001',
    expiresAtMs: NOON_MS + 3_000,
    refreshAtMs: NOON_MS - 1,
    generation: 12,
    isRefreshing: true,
  }),
  buildRow({
    token: 'apimw',
    expiresAtMs: NOON_MS - 1,
    code: 'provider-unavailable',
    nextAttemptAtMs: NOON_MS + 4_000,
  }),
  { ...createTokenRecord(buildIdentity('paysecurez')), readable: { kind: 'absent' } },
];

describe('renderLiveTable', () => {
  it('shows every column whole at 80 columns: fresh, due, expired and failing, absent', () => {
    assert.deepEqual(renderLiveTable(everyState, { nowMs: NOON_MS, width: 80, color: false }).split('\n'), [
      'TOKEN                      LIFE LEFT            NEXT  LAST RESULT            GEN',
      'pik                        ████░░░░  1m 00s      52s  refreshed                3',
      'pivot-b2b2c/customer-0001  █░░░░░░░      3s      now  refreshing              12',
      'apimw                      ░░░░░░░░ expired       4s  provider-unavailable     3',
      'paysecurez                 ░░░░░░░░    none        -  absent                   -',
    ]);
  });

  for (const { width, line } of [
    { width: 60, line: 'pivo…0001  █░░░      3s      now  refreshing              12' },
    { width: 58, line: 'piv…0001       3s      now  refreshing              12' },
    { width: 51, line: 'piv…0001       3s      now  refreshing' },
    { width: 44, line: 'piv…0001  █░░░      3s  refreshing' },
    { width: 39, line: 'piv…0001       3s  refreshing' },
    { width: 25, line: 'piv…0001       3s  refre…' },
  ]) {
    it(`at ${width} columns shows the two ends of a name, and of the other columns what there is room for`, () => {
      const lines = renderLiveTable(everyState, { nowMs: NOON_MS, width, color: false }).split('\n');
      assert.equal(lines[2]?.trimEnd(), line);
    });
  }

  it('gives a wide character the two columns that it takes', () => {
    const rows = [buildRow({ token: '支払' }), buildRow({ token: 'pik' })];
    const lines = renderLiveTable(rows, { nowMs: NOON_MS, width: 60, color: false }).split('\n');
    assert.deepEqual(
      lines.slice(1).map((line) => line.split('█', 1)[0]),
      ['支払   ', 'pik    '],
    );
  });

  for (const { name, row, share } of [
    { name: 'full', row: buildRow({ issuedAtMs: NOON_MS }), share: '████████████████████████' },
    { name: 'half full', row: buildRow(), share: '████████████░░░░░░░░░░░░' },
    {
      name: 'not empty before the end',
      row: buildRow({ expiresAtMs: NOON_MS + 1 }),
      share: '█░░░░░░░░░░░░░░░░░░░░░░░',
    },
    { name: 'empty at the end', row: buildRow({ expiresAtMs: NOON_MS }), share: '░░░░░░░░░░░░░░░░░░░░░░░░' },
    {
      name: 'no longer than full',
      row: buildRow({ issuedAtMs: NOON_MS + 30_000 }),
      share: '████████████████████████',
    },
    {
      name: 'full when the issue is unknown',
      row: buildRow({ issuedAtMs: undefined }),
      share: '████████████████████████',
    },
  ]) {
    it(`draws a bar that is ${name}`, () => {
      assert.ok(renderLiveTable([row], { nowMs: NOON_MS, width: 120, color: false }).includes(` ${share} `));
    });
  }

  it('shows every failure code whole', () => {
    for (const code of FAILURE_CODES) {
      const row = buildRow({ code });
      assert.ok(
        renderLiveTable([row], { nowMs: NOON_MS, width: 80, color: false }).includes(` ${code} `),
        code,
      );
    }
  });

  it('colours without changing the text', () => {
    const plain = renderLiveTable(everyState, { nowMs: NOON_MS, width: 80, color: false });
    const colored = renderLiveTable(everyState, { nowMs: NOON_MS, width: 80, color: true });
    assert.equal(stripVTControlCharacters(colored), plain);
    assert.ok(colored.includes('\u001b[31m  provider-unavailable'));
  });

  it('is never wider than the terminal, and has one line a row', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.boolean(),
        fc.array(
          fc.record({
            token: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }),
            leftMs: fc.double(),
          }),
        ),
        (width, color, drawn) => {
          const rows = drawn.map(({ token, leftMs }) => buildRow({ token, expiresAtMs: NOON_MS + leftMs }));
          const lines = renderLiveTable(rows, { nowMs: NOON_MS, width, color }).split('\n');
          assert.equal(lines.length, rows.length + 1);
          for (const line of lines) assert.ok(textWidth(stripVTControlCharacters(line)) <= width);
        },
      ),
    );
  });
});
