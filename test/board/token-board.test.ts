import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TokenBoard } from '../../src/board/token-board.ts';
import { decideTokenState, type TokenRecord } from '../../src/core/board.ts';
import type { RefreshEvent } from '../../src/core/events.ts';
import { FakeClock } from '../support/fake-clock.ts';
import {
  allSampleEvents,
  buildFailure,
  buildIdentity,
  NOON_MS,
  sampleEvents,
} from '../support/sample-events.ts';

const MINUTE_MS = 60_000;

function createBoard(...events: readonly RefreshEvent[]) {
  const clock = new FakeClock();
  const board = new TokenBoard(clock);
  const tell = (...more: readonly RefreshEvent[]): void => {
    for (const event of more) board.onEvent(event);
  };
  tell(...events);
  const recordOf = (token: string): TokenRecord | undefined =>
    [...board.tokens()].find(({ identity }) => identity.token === token);
  const stateOf = (token: string) => {
    const record = recordOf(token);
    return record === undefined ? undefined : decideTokenState(record, clock.now());
  };
  return { clock, board, tell, recordOf, stateOf };
}

describe('TokenBoard', () => {
  const {
    'token-restored': restored,
    'token-refreshed': refreshed,
    'refresh-failed': failed,
    'token-absent': absent,
  } = sampleEvents;

  for (const { what, events, passMs = 0, state } of [
    { what: 'that the store has not been asked about', events: [], state: 'unknown' },
    { what: 'that is in the store', events: [restored], state: 'fresh' },
    { what: 'whose refresh is due', events: [restored], passMs: 28 * MINUTE_MS, state: 'due' },
    { what: 'that has expired', events: [restored], passMs: 30 * MINUTE_MS, state: 'expired' },
    { what: 'that is not there', events: [absent], state: 'absent' },
    {
      what: 'that is not there and cannot be had',
      events: [absent, { ...failed, expiresAtMs: undefined }],
      state: 'absent',
    },
    { what: 'whose refresh fails', events: [restored, failed], state: 'failing' },
    {
      what: 'whose refresh fails for too long',
      events: [restored, failed],
      passMs: 2 * MINUTE_MS,
      state: 'expired',
    },
    { what: 'that has recovered', events: [restored, failed, refreshed], state: 'fresh' },
    {
      what: 'that the provider does not replace',
      events: [restored, failed, sampleEvents['token-unchanged']],
      state: 'fresh',
    },
  ] satisfies readonly { what: string; events: readonly RefreshEvent[]; passMs?: number; state: string }[]) {
    it(`calls a token ${what} ${state}`, async () => {
      const { board, clock, tell, stateOf } = createBoard();
      board.registerTokens([buildIdentity()]);
      tell(...events);
      await clock.advance(passMs);
      assert.equal(stateOf('pik'), state);
    });
  }

  it('knows since when attempts fail, how many did, and the latest reason', async () => {
    const { clock, tell, recordOf } = createBoard(restored, failed);
    await clock.advance(MINUTE_MS);
    tell({ ...failed, failure: buildFailure({ code: 'rate-limited', message: 'later' }) });
    assert.deepEqual(recordOf('pik')?.failure, {
      code: 'rate-limited',
      retry: 'backoff',
      message: 'later',
      sinceMs: NOON_MS,
      attempts: 2,
      nextAttemptAtMs: failed.nextAttemptAtMs,
    });
  });

  for (const byMs of [-60 * MINUTE_MS, 60 * MINUTE_MS])
    it(`says after a jump of the clock by ${byMs} ms since when, and when next, by the clock as it is now`, async () => {
      const late = buildIdentity('late');
      const refused = { ...sampleEvents['token-rejected'], retryAfterMs: 5_000 };
      const events = [{ event: 'leadership-acquired' } as const, restored, failed, refused];
      const { clock, board, tell, recordOf } = createBoard(...events, sampleEvents['mirror-failed']);
      const momentsOf = () => {
        const { failure, refusal } = recordOf('pik') ?? {};
        const [mirror] = board.mirrors();
        return [
          failure?.sinceMs,
          failure?.nextAttemptAtMs,
          refusal?.sinceMs,
          refusal?.reportedAtMs,
          refusal?.retryAtMs,
          mirror?.behindSinceMs,
          mirror?.failure?.sinceMs,
          mirror?.failure?.nextAttemptAtMs,
          board.leadership.sinceMs,
        ];
      };
      const before = momentsOf();
      const { readable } = recordOf('pik') ?? {};
      clock.jumpWallTime(byMs);
      // Told by the clock as it is now, before anybody has noticed that it was set.
      const nextAttemptAtMs = clock.now() + 10_000;
      tell({ ...failed, identity: late, nextAttemptAtMs });
      const sinceMs = clock.now();
      await clock.advance(4_000);
      tell({ event: 'clock-jumped', byMs });
      assert.deepEqual(
        momentsOf(),
        before.map((timeMs = Number.NaN) => timeMs + byMs),
      );
      assert.deepEqual(recordOf('pik')?.readable, readable);
      const { failure } = recordOf('late') ?? {};
      assert.deepEqual([failure?.sinceMs, failure?.nextAttemptAtMs], [sinceMs, nextAttemptAtMs]);
    });

  it('marks a quarter of an hour as retried when a refresh succeeds after failures', () => {
    const { clock, tell, recordOf } = createBoard(restored, failed);
    const newest = () => recordOf('pik')?.strip?.marks(clock.monotonicMs()).at(-1);
    assert.equal(newest(), 'failed');
    tell(refreshed);
    assert.equal(newest(), 'retried');
  });

  it('knows schedule, latest calls, skew and budgets of a provider', () => {
    const { board, tell } = createBoard(...allSampleEvents);
    for (let call = 1; call <= 30; call += 1) tell({ ...sampleEvents['token-fetched'], durationMs: call });
    const pik = board.provider('pik');
    assert.ok(pik !== undefined);
    assert.equal(pik.schedule?.refreshEveryMs, 28 * MINUTE_MS);
    assert.deepEqual(
      [pik.calls.length, pik.calls[0]?.durationMs, pik.calls.at(-1)?.durationMs],
      [20, 11, 30],
    );
    assert.equal(pik.clockSkewMs, 250);
    assert.equal(pik.versionBudget, 144);
    assert.deepEqual([pik.discovery?.customers, pik.discovery?.rejected], [7, 1]);
  });

  it('forgets what failed when leadership changes, because another replica may have mended it', async () => {
    const { board, clock, tell, stateOf } = createBoard({ event: 'leadership-acquired' }, restored, failed);
    await clock.advance(1000);
    tell({ event: 'leadership-lost' });
    assert.deepEqual(board.leadership, {
      isLeader: false,
      sinceMs: NOON_MS + 1000,
      other: undefined,
      trouble: undefined,
    });
    assert.equal(stateOf('pik'), 'fresh');
  });

  it('shows a customer from its discovery until it is gone', () => {
    const { tell, stateOf } = createBoard(sampleEvents['token-added']);
    assert.equal(stateOf('pik/ayu'), 'unknown');
    tell(sampleEvents['token-removed']);
    assert.equal(stateOf('pik/ayu'), undefined);
  });

  it('says with its revision that something may have changed', () => {
    const { board, tell } = createBoard();
    const before = board.revision;
    tell(restored);
    assert.notEqual(board.revision, before);
  });
});
