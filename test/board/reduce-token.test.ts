import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createTokenRecord, reduceToken, type TokenEvent } from '../../src/board/reduce-token.ts';
import {
  countVersions,
  decideTokenState,
  nextAttemptAtMs,
  type TokenRecord,
  type TokenState,
} from '../../src/core/board.ts';
import { buildFailure, buildIdentity, NOON_MS, sampleEvents } from '../support/sample-events.ts';

const {
  'token-restored': restored,
  'token-refreshed': refreshed,
  'token-unchanged': unchanged,
  'token-absent': absent,
  'refresh-started': started,
  'refresh-failed': failed,
  'refresh-recovered': recovered,
  'refresh-postponed': postponed,
  'refresh-abandoned': abandoned,
  'secret-written': written,
  'version-budget-low': low,
  'version-budget-exhausted': exhausted,
  'version-budget-recovered': roomy,
  'token-rejected': reported,
} = sampleEvents;

/** Nothing could be read: the attempt that failed knows of no token. */
const unread: TokenEvent = { ...failed, expiresAtMs: undefined };
const rejected: TokenEvent = {
  ...unread,
  failure: buildFailure({ code: 'credentials-rejected', retry: 'needs-human' }),
  nextAttemptAtMs: NOON_MS + 900_000,
};

interface Row {
  readonly what: string;
  readonly events: readonly TokenEvent[];
  readonly state: TokenState;
  /** Seconds after noon. */
  readonly next: number | undefined;
  readonly isRefreshing?: boolean;
  readonly fails?: string;
  readonly expires?: number;
  readonly generation?: number;
}

/** All at noon. A row that does not say so is not refreshing, does not fail and has no token. */
const TABLE: readonly Row[] = [
  { what: 'nothing is known yet', events: [], state: 'unknown', next: undefined },
  { what: 'the store holds nothing', events: [absent], state: 'absent', next: undefined },
  {
    what: 'the store holds a token',
    events: [restored],
    state: 'fresh',
    next: 1680,
    expires: 1800,
    generation: 7,
  },
  {
    what: 'the store holds a token that has expired',
    events: [
      { ...absent, expired: { issuedAtMs: 0, expiresAtMs: NOON_MS - 60_000, refreshAtMs: 0, generation: 7 } },
      rejected,
    ],
    state: 'expired',
    next: 900,
    expires: -60,
    generation: 7,
    fails: '1 x credentials-rejected',
  },
  {
    what: 'a first refresh is under way',
    events: [absent, started],
    state: 'absent',
    next: undefined,
    isRefreshing: true,
  },
  {
    what: 'a token was published',
    events: [absent, started, refreshed],
    state: 'fresh',
    next: 1680,
    expires: 1800,
    generation: 8,
  },
  {
    what: 'the provider has no newer one',
    events: [restored, started, unchanged],
    state: 'fresh',
    next: 60,
    expires: 60,
    generation: 7,
  },
  {
    what: 'a refresh is put off',
    events: [restored, started, postponed],
    state: 'fresh',
    next: 1770,
    expires: 1800,
    generation: 7,
  },
  {
    what: 'a refresh fails',
    events: [restored, started, failed],
    state: 'failing',
    next: 2,
    isRefreshing: true,
    fails: '1 x provider-unavailable',
    expires: 120,
    generation: 7,
  },
  {
    what: 'a refresh fails again',
    events: [restored, started, failed, rejected],
    state: 'failing',
    next: 900,
    isRefreshing: true,
    fails: '2 x credentials-rejected',
    expires: 120,
    generation: 7,
  },
  {
    what: 'a first refresh fails',
    events: [absent, started, unread],
    state: 'absent',
    next: 2,
    isRefreshing: true,
    fails: '1 x provider-unavailable',
  },
  {
    what: 'the store cannot be read at all',
    events: [started, unread],
    state: 'failing',
    next: 2,
    isRefreshing: true,
    fails: '1 x provider-unavailable',
  },
  {
    what: 'a human is needed before the first token',
    events: [absent, started, rejected],
    state: 'absent',
    next: 900,
    isRefreshing: true,
    fails: '1 x credentials-rejected',
  },
  {
    what: 'the store cannot be read any more',
    events: [restored, started, unread],
    state: 'failing',
    next: 2,
    isRefreshing: true,
    fails: '1 x provider-unavailable',
    expires: 1800,
    generation: 7,
  },
  {
    what: 'somebody else has published a token',
    events: [restored, started, failed, { ...restored, generation: 8 }],
    state: 'fresh',
    next: 1680,
    expires: 1800,
    generation: 8,
  },
  {
    what: 'a refresh has succeeded after failures',
    events: [restored, started, failed, refreshed, recovered],
    state: 'fresh',
    next: 1680,
    expires: 1800,
    generation: 8,
  },
  {
    what: 'a failing refresh is abandoned',
    events: [restored, started, failed, abandoned],
    state: 'failing',
    next: 2,
    fails: '1 x provider-unavailable',
    expires: 120,
    generation: 7,
  },
  {
    what: 'a refresh is abandoned',
    events: [restored, started, abandoned],
    state: 'fresh',
    next: 1680,
    expires: 1800,
    generation: 7,
  },
  { what: 'the secret was emptied', events: [restored, absent], state: 'absent', next: undefined },
];

function reduce(events: readonly TokenEvent[], nowMs = NOON_MS): TokenRecord {
  const now = { wallMs: nowMs, monotonicMs: nowMs - NOON_MS };
  return events.reduce<TokenRecord>((record, event) => {
    const next = reduceToken(Object.freeze(record), event, now);
    assert.ok(next !== undefined);
    return next;
  }, createTokenRecord(buildIdentity()));
}

describe('reduceToken', () => {
  for (const { what, events, state, next, isRefreshing = false, fails, expires, generation } of TABLE) {
    it(`when ${what}: ${state}`, () => {
      const record = reduce(events);
      const { readable, failure } = record;
      const nextMs = nextAttemptAtMs(record);
      assert.deepEqual(
        {
          state: decideTokenState(record, NOON_MS),
          next: nextMs === undefined ? undefined : (nextMs - NOON_MS) / 1000,
          isRefreshing: record.isRefreshing,
          fails: failure === undefined ? undefined : `${failure.attempts} x ${failure.code}`,
          expires: readable.kind === 'published' ? (readable.expiresAtMs - NOON_MS) / 1000 : undefined,
          generation: readable.kind === 'published' ? readable.generation : undefined,
        },
        { state, next, isRefreshing, fails, expires, generation },
      );
    });
  }

  it('knows no token any more that was removed', () => {
    const removed = { event: 'token-removed', identity: buildIdentity(), why: 'gone' } as const;
    assert.equal(reduceToken(reduce([restored]), removed, { wallMs: NOON_MS, monotonicMs: 0 }), undefined);
  });

  it('remembers the last success through failures and absence', () => {
    assert.equal(reduce([restored, failed, absent]).lastSuccessAtMs, restored.issuedAtMs);
    assert.equal(reduce([restored, refreshed, failed], NOON_MS + 5).lastSuccessAtMs, NOON_MS + 5);
  });

  it('counts versions of the secret that has more, and remembers which one is short of them', () => {
    const record = reduce([
      written,
      written,
      { ...written, target: 'state' },
      low,
      { ...exhausted, target: 'state' },
      roomy,
    ]);
    assert.equal(countVersions(record, 0), 2);
    assert.equal(record.secrets.document?.shortage, undefined);
    assert.deepEqual(record.secrets.state?.shortage, { versions: 144, versionBudget: 144 });
    assert.equal(countVersions(record, 86_400_000), 0);
  });

  it('counts reports of the published token, remembers what stopped them, and forgets both with the next token', () => {
    const cooling: TokenEvent = {
      ...reported,
      outcome: 'cooling-down',
      cap: undefined,
      status: 403,
      retryAfterMs: 20_000,
    };
    assert.equal(reduce([restored]).refusal, undefined);
    assert.deepEqual(reduce([restored, cooling]).refusal, {
      sinceMs: NOON_MS,
      reports: 1,
      reportedAtMs: NOON_MS,
      status: 403,
      outcome: 'cooling-down',
      cap: undefined,
      retryAtMs: NOON_MS + 20_000,
    });
    const stopped = reduce([restored, cooling, reported, cooling]).refusal;
    assert.deepEqual(
      [stopped?.reports, stopped?.outcome, stopped?.cap],
      [3, 'cooling-down', 'refused-again'],
    );
    for (const outcome of ['replaced', 'absent'] as const)
      assert.equal(reduce([restored, { ...cooling, outcome }]).refusal, undefined, outcome);
    assert.equal(reduce([restored, reported, refreshed]).refusal, undefined);
    assert.equal(reduce([restored, reported, { ...restored, generation: 99 }]).refusal, undefined);
    assert.equal(reduce([restored, reported, restored]).refusal?.reports, 1, 'the same token was read again');
  });
});
