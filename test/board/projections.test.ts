/** Metrics, status page, alerts and live table show one board: whatever happens, they say the same of each token. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createMetrics } from '../../src/adapters/prometheus/metrics.ts';
import { causeOf, findConditions } from '../../src/alerts/alert-conditions.ts';
import { TokenBoard } from '../../src/board/token-board.ts';
import type { RefreshEvent } from '../../src/core/events.ts';
import { FAILURE_CODES } from '../../src/core/failure.ts';
import { renderLiveTable } from '../../src/sandbox/live-table-text.ts';
import { describeStatus } from '../../src/status/describe-status.ts';
import type { TokenStatus } from '../../src/status/status-document.ts';
import { DEFAULT_QUERY } from '../../src/status/status-query.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { allSampleEvents, buildFailure, buildIdentity, sampleEvents } from '../support/sample-events.ts';

const NAMES = ['pik', 'b/ayu', 'b/budi'];
const CAUSES = new Set(FAILURE_CODES.map((code) => causeOf({ code, retry: 'needs-human' })));

const aboutToken = fc
  .record({
    name: fc.constantFrom(...NAMES),
    event: fc.oneof(
      fc.constantFrom(
        sampleEvents['token-restored'],
        sampleEvents['token-absent'],
        sampleEvents['refresh-failed'],
      ),
      fc.constantFrom(...allSampleEvents.filter((event) => 'identity' in event)),
    ),
    code: fc.constantFrom(...FAILURE_CODES),
    offsetMs: fc.integer({ min: -900_000, max: 3_600_000 }),
    isKnown: fc.boolean(),
  })
  .map(({ name, event, code, offsetMs, isKnown }): RefreshEvent => {
    const identity = buildIdentity(name);
    if (event.event === 'refresh-failed') {
      const expiresAtMs = isKnown ? sampleEvents['token-restored'].expiresAtMs + offsetMs : undefined;
      return { ...event, identity, failure: buildFailure({ code }), expiresAtMs };
    }
    return 'expiresAtMs' in event && 'refreshAtMs' in event
      ? {
          ...event,
          identity,
          expiresAtMs: event.expiresAtMs + offsetMs,
          refreshAtMs: event.refreshAtMs + offsetMs,
        }
      : { ...event, identity };
  });
const aboutProgram = fc.constantFrom(...allSampleEvents.filter((event) => !('identity' in event)));
const steps = fc.array(
  fc.record({ passMs: fc.nat(400_000), event: fc.oneof({ weight: 6, arbitrary: aboutToken }, aboutProgram) }),
  { maxLength: 25 },
);

/** The four of them, side by side, over one board. */
function createShow() {
  const clock = new FakeClock();
  const board = new TokenBoard(clock);
  const metrics = createMetrics({ version: '1', board, clock, lostLogLines: () => 0 });
  const sources = { board, clock, name: 'n', version: '1', replica: 'r', runbookUrl: undefined };
  board.registerTokens(NAMES.map((name) => buildIdentity(name)));
  return {
    clock,
    tell: (event: RefreshEvent): void => {
      board.onEvent(event);
      metrics.onEvent(event);
    },
    look: async () => ({
      isLeader: board.leadership.isLeader,
      page: describeStatus(sources, DEFAULT_QUERY).view.tokens,
      exposition: await metrics.text(),
      conditions: findConditions(board, clock),
      table: renderLiveTable([...board.tokens()], { nowMs: clock.now(), width: 200, color: false }),
    }),
  };
}

/** What the page says of a token, in the words of the metric. */
function stateInMetrics({ state, dueAt, expiresAt }: TokenStatus, nowMs: number): string {
  if (state === 'failing' && expiresAt === null) return 'unknown';
  if (state !== 'failing') return state;
  return dueAt !== null && Date.parse(dueAt) <= nowMs ? 'due' : 'fresh';
}

function secondsOf(time: string | null): string | undefined {
  return time === null ? undefined : String(Date.parse(time) / 1000);
}

describe('the projections of the board', () => {
  it('agree about every token, whatever happens', async () => {
    await fc.assert(
      fc.asyncProperty(fc.boolean(), steps, async (leads, told) => {
        const { clock, tell, look } = createShow();
        if (leads) tell({ event: 'leadership-acquired' });
        for (const { passMs, event } of told) {
          clock.jumpWallTime(passMs);
          tell(event);
        }
        const { isLeader, page, exposition, conditions, table } = await look();
        const sample = (metric: string, labels: string): string | undefined =>
          exposition
            .split('\n')
            .find((line) => line.startsWith(`token_refresher_${metric}{${labels}} `))
            ?.split(' ')[1];

        for (const token of page) {
          const row = table.split('\n').find((line) => line.startsWith(`${token.token} `)) ?? '';
          const labels = `provider="${token.provider}",token="${token.token}"`;
          assert.equal(sample('token_expires_at_seconds', labels), secondsOf(token.expiresAt));
          assert.equal(
            sample('token_next_refresh_timestamp_seconds', labels),
            secondsOf(token.nextAttemptAt),
            'next attempt',
          );
          assert.equal(sample('secret_versions_24h', labels), String(token.versions.last24Hours));
          assert.equal(row.includes(' expired '), token.state === 'expired');
          assert.equal(row.includes(' none '), token.expiresAt === null);
          if (token.failure !== null) assert.ok(row.includes(` ${token.failure.code} `), row);
          else assert.ok(!FAILURE_CODES.some((code) => row.includes(` ${code} `)), row);

          const alerts = conditions.filter(({ members }) =>
            members.some((member) => member.token === token.token),
          );
          const names = alerts.map(({ alert }) => alert);
          assert.equal(
            names.filter((alert) => CAUSES.has(alert)).length,
            isLeader && token.failure !== null ? 1 : 0,
          );
          if (names.includes('TokenExpired')) assert.match(token.state, /^(?:expired|absent)$/);
          if (names.includes('TokenExpiring')) assert.equal(token.state, 'failing');
          if (isLeader && token.failure !== null && /^(?:expired|absent)$/.test(token.state))
            assert.ok(names.includes('TokenExpired'));
        }

        for (const provider of ['pik', 'b'])
          for (const state of ['fresh', 'due', 'expired', 'absent', 'unknown']) {
            const count = page.filter(
              (token) => token.provider === provider && stateInMetrics(token, clock.now()) === state,
            ).length;
            assert.equal(sample('tokens', `provider="${provider}",state="${state}"`), String(count));
          }
        assert.equal(/^token_refresher_leader (\d)$/m.exec(exposition)?.[1], isLeader ? '1' : '0');
      }),
      { numRuns: 200 },
    );
  });
});
