/** Metrics, status page, alerts and live table show one board: whatever happens, they say the same of each token. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMetrics } from '../../src/adapters/prometheus/metrics.ts';
import { causeOf, findConditions } from '../../src/alerts/alert-conditions.ts';
import { TokenBoard } from '../../src/board/token-board.ts';
import { ALERTS } from '../../src/core/alert.ts';
import { isStandby } from '../../src/core/board.ts';
import type { RefreshEvent } from '../../src/core/events.ts';
import { FAILURE_CODES } from '../../src/core/failure.ts';
import { renderLiveTable } from '../../src/sandbox/live-table-text.ts';
import { describeStatus } from '../../src/status/describe-status.ts';
import type { TokenStatus } from '../../src/status/status-document.ts';
import { DEFAULT_QUERY } from '../../src/status/status-query.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { fc } from '../support/property.ts';
import { allSampleEvents, buildFailure, buildIdentity, sampleEvents } from '../support/sample-events.ts';

const STATES = [['fresh'], ['due'], ['expired'], ['absent'], ['unknown']];
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
      standsBy: isStandby(board.leadership, clock.monotonicMs()),
      page: describeStatus(sources, DEFAULT_QUERY).view.tokens,
      causes: describeStatus(sources, DEFAULT_QUERY).causes,
      exposition: await metrics.text(),
      conditions: findConditions(board, clock),
      table: renderLiveTable([...board.tokens()], { nowMs: clock.now(), width: 200, color: false }),
    }),
  };
}

/** What the times on the page say of a token, in the words of the metric. */
function stateInMetrics({ state, dueAt, expiresAt }: TokenStatus, nowMs: number): string {
  if (expiresAt === null) return state === 'absent' ? 'absent' : 'unknown';
  if (Date.parse(expiresAt) <= nowMs) return 'expired';
  return dueAt !== null && Date.parse(dueAt) <= nowMs ? 'due' : 'fresh';
}

/** What the page calls it. A stand-by says that a token is good, or nothing. */
function statesOnPage(inMetrics: string, standsBy: boolean): readonly string[] {
  if (standsBy) return [inMetrics === 'fresh' || inMetrics === 'due' ? 'fresh' : 'unknown'];
  return inMetrics === 'absent' || inMetrics === 'expired' ? [inMetrics] : [inMetrics, 'failing'];
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
        const { isLeader, standsBy, page, causes, exposition, conditions, table } = await look();
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
          const state = stateInMetrics(token, clock.now());
          assert.ok(statesOnPage(state, standsBy).includes(token.state), `${state}, ${token.state}`);
          assert.equal(row.includes(' expired '), state === 'expired');
          assert.equal(row.includes(' none '), token.expiresAt === null);
          if (token.failure !== null) assert.ok(row.includes(` ${token.failure.code} `), row);
          else if (token.refusal !== null) assert.match(row, / refus|refreshing/);
          else assert.ok(!FAILURE_CODES.some((code) => row.includes(` ${code} `)), row);

          const alerts = conditions.filter(({ members }) =>
            members.some((member) => member.token === token.token),
          );
          const names = alerts.map(({ alert }) => alert);
          const cause = token.failure === null ? undefined : causeOf({ ...token.failure, retry: 'backoff' });
          const isUrgent = names.includes('TokenExpired') || names.includes('TokenExpiring');
          assert.deepEqual(
            names.filter((alert) => CAUSES.has(alert)),
            // Of an urgent one people hear the cause as well only when that is critical itself.
            isLeader && cause !== undefined && !(isUrgent && ALERTS[cause].severity === 'warning')
              ? [cause]
              : [],
          );
          assert.equal(names.includes('TokenRejected'), isLeader && token.refusal?.isStopped === true);
          if (names.includes('TokenExpired')) assert.match(token.state, /^(?:expired|absent)$/);
          if (names.includes('TokenExpiring')) assert.equal(token.state, 'failing');
          // Where there never was a token, the alert for a critical cause says so.
          if (isLeader && token.failure !== null && /^(?:expired|absent)$/.test(token.state))
            assert.ok(alerts.some(({ alert }) => ALERTS[alert].severity === 'critical'));
          if (isLeader && token.failure !== null && token.state === 'expired')
            assert.ok(names.includes('TokenExpired'));
        }

        // A stand-by does not say on its page whether there is no token, or none that it has read.
        for (const provider of ['pik', 'b'])
          for (const states of standsBy ? [['fresh'], ['due'], ['expired'], ['absent', 'unknown']] : STATES) {
            const seen = page.filter(
              (token) => token.provider === provider && states.includes(stateInMetrics(token, clock.now())),
            );
            const counted = states.map((state) =>
              Number(sample('tokens', `provider="${provider}",state="${state}"`)),
            );
            assert.equal(
              counted.reduce((sum, each) => sum + each, 0),
              seen.length,
            );
          }
        // A mirror that fails is behind in the metrics, an alert and a cause; one that does not is none of them.
        const failing = causes.flatMap((cause) => (cause.kind === 'mirror' ? cause : []));
        assert.deepEqual(
          failing.map(({ place }) => place),
          conditions.flatMap(({ alert, provider }) => (alert === 'MirrorFailing' ? provider : [])),
        );
        for (const { place, tokens } of failing)
          assert.equal(sample('mirror_tokens_behind', `place="${place}"`), String(tokens));
        assert.equal(/^token_refresher_leader (\d)$/m.exec(exposition)?.[1], isLeader ? '1' : '0');
      }),
      { numRuns: 200 },
    );
  });
});
