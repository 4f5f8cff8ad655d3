/** How often a provider is asked that keeps refusing, over the real HTTP path: what it answers, and the waits that follow. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import { createSystemRandom } from '../../src/adapters/system/random.ts';
import { succeed } from '../../src/core/result.ts';
import { SecretText } from '../../src/core/secret-text.ts';
import { createTokenSource } from '../../src/providers/token-source.ts';
import { KINDS } from '../../src/wiring/connections.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { startLoopbackServer } from '../support/loopback-server.ts';
import { createManagedTokenBench } from '../support/managed-token-bench.ts';
import { configureKind } from '../support/provider-bench.ts';
import { createDirectTransport } from '../support/transport.ts';

const SECOND_MS = 1000;
const OBSERVED_MS = 900 * SECOND_MS;

interface Row {
  readonly answer: string;
  readonly respond: (response: ServerResponse, nowMs: number) => void;
  /** A token was published just before. */
  readonly haveWorked?: true;
  readonly code: string;
  /** In the first 15 minutes, the first one included. */
  readonly calls: number;
  /** In seconds; the first of them. */
  readonly waits: readonly number[];
  readonly says?: RegExp;
}

const ROWS: readonly Row[] = [
  {
    answer: '401 with a Date two hours ahead',
    respond: (response, nowMs) =>
      response
        .writeHead(401, {
          date: new Date(nowMs + 7200 * SECOND_MS).toUTCString(),
          'content-type': 'application/json',
        })
        .end('{}'),
    code: 'credentials-rejected',
    calls: 1,
    waits: [900, 900],
  },
  {
    answer: 'the same for credentials that have just worked',
    respond: (response, nowMs) =>
      response
        .writeHead(401, {
          date: new Date(nowMs + 7200 * SECOND_MS).toUTCString(),
          'content-type': 'application/json',
        })
        .end('{}'),
    haveWorked: true,
    code: 'credentials-rejected',
    calls: 4,
    waits: [60, 120, 240, 480, 900],
  },
  {
    answer: '200 with {"error":"invalid_client"}',
    respond: (response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"error":"invalid_client"}'),
    code: 'credentials-rejected',
    calls: 1,
    waits: [900, 900],
    says: /invalid_client/,
  },
  {
    answer: 'HTML 403 for credentials that have just worked',
    respond: (response) =>
      response.writeHead(403, { 'content-type': 'text/html' }).end('<html>Request blocked</html>'),
    haveWorked: true,
    code: 'provider-unavailable',
    // As in every outage: often while readers still have a token, then once a minute.
    calls: 51,
    waits: [],
  },
  {
    answer: '409, always',
    respond: (response) => response.writeHead(409, { 'content-type': 'application/json' }).end('{}'),
    code: 'provider-unavailable',
    calls: 35,
    waits: [0.5, 0.5, 2, 4, 8, 16, 30, 30],
  },
  {
    answer: '503 with two Retry-After headers',
    respond: (response) => response.writeHead(503, ['Retry-After', '30', 'Retry-After', '120']).end(),
    code: 'provider-unavailable',
    calls: 8,
    waits: [120, 120],
  },
  {
    answer: '503 with Retry-After: 86400',
    respond: (response) => response.writeHead(503, { 'retry-after': '86400' }).end(),
    code: 'provider-unavailable',
    calls: 3,
    waits: [300, 300],
  },
  {
    answer: '503 with an epoch of 90 s from now as Retry-After',
    respond: (response, nowMs) =>
      response.writeHead(503, { 'retry-after': String(Math.round(nowMs / SECOND_MS) + 90) }).end(),
    code: 'provider-unavailable',
    calls: 10,
    waits: [89.5, 90.5],
  },
];

describe('a provider that keeps refusing, over HTTP', () => {
  for (const { answer, respond, haveWorked, code, calls, waits, says } of ROWS) {
    it(`is not asked more often than it bears: ${answer}`, async () => {
      const clock = new FakeClock();
      let isRefusing = haveWorked !== true;
      const askedAtMs: number[] = [];
      await using server = await startLoopbackServer((request, response) => {
        request.resume();
        void once(request, 'end').then(() => {
          // The server's own clock is not the one that is moved.
          response.setHeader('date', new Date(clock.now()).toUTCString());
          if (isRefusing) {
            askedAtMs.push(clock.monotonicMs());
            respond(response, clock.now());
          } else response.end('{"code":200,"data":{"token":"token-1","expireTime":"00:15:00"}}');
        });
      });
      const kind = KINDS.find('pik');
      assert.ok(kind !== undefined);
      const provider = createTokenSource({
        kind: configureKind(kind),
        readCredentials: async () => ({
          credentials: succeed(
            new Map([
              ['appId', new SecretText('an-app')],
              ['appSecret', new SecretText('its-secret')],
            ]),
          ),
          untilChanged: (signal) => clock.sleep(100 * OBSERVED_MS, signal),
        }),
        baseUrl: server.url,
        random: createSystemRandom(),
        timeoutMs: 10_000,
        transport: createDirectTransport(clock),
        clock,
      });
      const { managed, term, stop, events } = createManagedTokenBench(clock, { provider });
      if (!isRefusing) {
        assert.equal((await managed.refresh('start', term)).kind, 'refreshed');
        await clock.advance(840 * SECOND_MS);
        isRefusing = true;
      }
      const startedMs = clock.monotonicMs();
      const failed: number[] = [];
      let told = Promise.withResolvers<void>();
      events.listen((event) => {
        if (event.event !== 'refresh-failed') return;
        assert.equal(event.failure.code, code, event.failure.message);
        if (says !== undefined) assert.match(event.failure.message, says);
        failed.push(event.nextAttemptAtMs - clock.now());
        told.resolve();
      });
      const run = managed.refresh('due', term);
      while (clock.monotonicMs() - startedMs < OBSERVED_MS || failed.length < waits.length) {
        await told.promise;
        told = Promise.withResolvers();
        await clock.untilSleeping((delayMs) => delayMs === failed.at(-1));
        await clock.advance(failed.at(-1) ?? 0);
      }
      stop();
      await run;
      const seconds = failed.map((waitMs) => waitMs / SECOND_MS);
      const early = askedAtMs.filter((atMs) => atMs - startedMs < OBSERVED_MS).length;
      assert.equal(early, calls, `waits of ${seconds.join(', ')} s`);
      assert.deepEqual(seconds.slice(0, waits.length), waits);
    });
  }
});
