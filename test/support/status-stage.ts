import { createSystemClock } from '../../src/adapters/system/clock.ts';
import { TokenBoard } from '../../src/board/token-board.ts';
import type { RefreshEvent } from '../../src/core/events.ts';
import type { TokenIdentity } from '../../src/core/token/token.ts';
import { createHealth } from '../../src/http/health.ts';
import { startHttpServer } from '../../src/http/server.ts';
import { StatusPages } from '../../src/status/status-pages.ts';
import { FakeClock } from './fake-clock.ts';
import { buildFailure, buildIdentity } from './sample-events.ts';

const MINUTE_MS = 60_000;
export const RUNBOOK_URL = 'https://example.com/runbook';

/** A status page over a board that a test tells what happens. */
export interface StatusStage {
  readonly clock: FakeClock;
  readonly board: TokenBoard;
  readonly pages: StatusPages;
  tell(...events: readonly RefreshEvent[]): void;
  /** Published now, for `lifeMs` (30 minutes); the refresh is due at 14/15 of it. */
  refresh(identity: TokenIdentity, lifeMs?: number): void;
  /** An attempt fails, while readers have what they had. */
  fail(identity: TokenIdentity, changes?: Parameters<typeof buildFailure>[0]): void;
  /** Serves it on a free port of loopback. */
  serve(): Promise<{ readonly url: string; readonly port: number; stop(): Promise<void> }>;
}

export interface StatusStageOptions {
  readonly clock?: FakeClock;
  readonly runbookUrl?: string | undefined;
  readonly name?: string;
  /** Whether this replica leads, as it does unless this says otherwise. */
  readonly isLeader?: boolean;
}

export function createStatusStage(options: StatusStageOptions = {}): StatusStage {
  const clock = options.clock ?? new FakeClock();
  const board = new TokenBoard(clock);
  const onFault = (error: unknown): void => {
    throw error;
  };
  const pages = new StatusPages({
    board,
    clock,
    name: options.name ?? 'payments',
    version: '1.2.3',
    replica: 'token-refresher-7c9f-x2x4q',
    runbookUrl: 'runbookUrl' in options ? options.runbookUrl : RUNBOOK_URL,
  });
  if (options.isLeader ?? true) board.onEvent({ event: 'leadership-acquired' });
  const expiries = new Map<string, number>();
  const generations = new Map<string, number>();
  return {
    clock,
    board,
    pages,
    tell: (...events) => {
      for (const event of events) board.onEvent(event);
    },
    refresh: (identity, lifeMs = 30 * MINUTE_MS) => {
      const issuedAtMs = clock.now();
      const generation = (generations.get(identity.token) ?? 0) + 1;
      generations.set(identity.token, generation);
      expiries.set(identity.token, issuedAtMs + lifeMs);
      board.onEvent({
        event: 'token-refreshed',
        identity,
        reason: 'due',
        durationMs: 180,
        issuedAtMs,
        expiresAtMs: issuedAtMs + lifeMs,
        refreshAtMs: issuedAtMs + (lifeMs * 14) / 15,
        generation,
      });
    },
    fail: (identity, changes = {}) =>
      board.onEvent({
        event: 'refresh-failed',
        identity,
        failure: buildFailure(changes),
        attempt: 1,
        repeated: false,
        nextAttemptAtMs: clock.now() + 60_000,
        expiresAtMs: expiries.get(identity.token),
      }),
    serve: () =>
      startHttpServer({
        host: '127.0.0.1',
        port: 0,
        // Answers go out over real sockets, one after the other.
        clock: createSystemClock(),
        health: createHealth(() => []),
        metrics: { text: async () => '', contentType: 'text/plain' },
        onFault,
        status: pages,
      }),
  };
}

/** A day in the life of an installation, with troubles, as a person would meet it. */
export async function playDay(stage: StatusStage): Promise<void> {
  const { clock } = stage;
  stage.tell({ event: 'leadership-acquired' });
  const tokens = [
    { identity: buildIdentity('pik'), lifeMs: 30 * MINUTE_MS, callMs: 140, firstMinute: 0 },
    {
      identity: buildIdentity('pivot-b2b', { kind: 'pivot-b2b' }),
      lifeMs: 15 * MINUTE_MS,
      callMs: 310,
      firstMinute: 0,
    },
    {
      identity: buildIdentity('apimw', { kind: 'apimw' }),
      lifeMs: 60 * MINUTE_MS,
      callMs: 90,
      firstMinute: 40,
    },
  ];
  stage.board.registerTokens(tokens.map(({ identity }) => identity));
  for (const { identity, lifeMs } of tokens)
    stage.tell(
      {
        event: 'schedule-derived',
        provider: identity.provider,
        cron: '4-59/15 * * * * *',
        lifetimeMs: lifeMs,
        refreshEveryMs: (lifeMs * 14) / 15,
        tickMs: 15_000,
        formerLifetimeMs: undefined,
      },
      {
        event: 'secret-versions-counted',
        identity,
        target: 'document',
        versionBudget: 110,
        agesMs: [],
        failure: undefined,
      },
    );
  const everyMs = new Map(tokens.map(({ identity, lifeMs }) => [identity.token, (lifeMs * 14) / 15]));
  for (let minute = 0; minute < 1440; minute += 1) {
    for (const { identity, lifeMs, callMs, firstMinute } of tokens) {
      const everyMinutes = (everyMs.get(identity.token) ?? 0) / MINUTE_MS;
      if ((minute - firstMinute) % everyMinutes !== 0) continue;
      const isHard = identity.token === 'apimw' && minute > 300 && minute < 500;
      stage.tell({
        event: 'token-fetched',
        identity,
        durationMs: callMs + (minute % 7),
        clockSkewMs: 200,
        failure: undefined,
        notes: [],
      });
      if (isHard || (identity.token === 'pik' && minute === 840)) stage.fail(identity);
      stage.refresh(identity, lifeMs);
    }
    await clock.advance(MINUTE_MS);
  }
  for (const { identity } of tokens)
    stage.tell({
      event: 'secret-versions-counted',
      identity,
      target: 'document',
      versionBudget: 110,
      agesMs: Array.from({ length: 48 }, (_, index) => index * 30 * MINUTE_MS),
      failure: undefined,
    });
  const [, , broken] = tokens;
  if (broken === undefined) return;
  for (let attempt = 0; attempt < 4; attempt += 1)
    stage.fail(broken.identity, {
      message: 'POST https://apimw.example/token answered 503: wait, or ask APIMW whether they know',
    });
}

/** Ten thousand customers, most of them well. */
export function addCustomers(stage: StatusStage, count: number): void {
  for (let n = 0; n < count; n += 1) {
    const identity = buildIdentity(`pivot-b2b2c/customer-${String(n).padStart(5, '0')}`, {
      kind: 'pivot-b2b2c',
    });
    if (n % 2503 === 7) stage.tell({ event: 'token-absent', identity, why: 'no value yet' });
    else {
      stage.refresh(identity, 20 * MINUTE_MS + (n % 600) * 1000);
      if (n % 700 === 3)
        stage.fail(identity, { code: 'rate-limited', message: 'too many requests: asked to wait for 30 s' });
    }
  }
}
