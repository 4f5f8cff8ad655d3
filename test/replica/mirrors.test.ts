import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { inspect } from 'node:util';
import { createSoleLeader } from '../../src/adapters/system/sole-leader.ts';
import { Notifier } from '../../src/alerts/notifier.ts';
import { TokenBoard } from '../../src/board/token-board.ts';
import { parseConfiguration } from '../../src/config/load.ts';
import type { AlertNotification } from '../../src/core/alert.ts';
import type { Ticker, TokenStore } from '../../src/core/ports.ts';
import { succeed } from '../../src/core/result.ts';
import { parseDocument } from '../../src/core/token/document.ts';
import { Replica } from '../../src/replica/replica.ts';
import { CATALOG } from '../../src/wiring/catalog.ts';
import { connect } from '../../src/wiring/connections.ts';
import { advanceUntilDone } from '../support/advance-until-done.ts';
import { startEmulatedSecretsManager } from '../support/emulated-secrets-manager.ts';
import { type FakeClock, settle } from '../support/fake-clock.ts';
import { FakeTokenSource } from '../support/fake-token-source.ts';
import { MemoryStore, STORE_DOWN } from '../support/memory-store.ts';
import { MEMORY } from '../support/memory-store-kind.ts';
import { RecordedEvents } from '../support/recorded-events.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { HOUR_MS, MINUTE_MS } from '../support/token-builder.ts';

const CUSTOMERS = ['ayu', 'citra', 'dewi'];

/** A replica that publishes tokens of 30 minutes to an emulated Secrets Manager, with a place in memory as the mirror. */
async function startWorld(t: TestContext) {
  const aws = await startEmulatedSecretsManager({ dayMs: 1 });
  t.after(() => aws[Symbol.asyncDispose]());
  const { clock } = aws;
  const parsed = parseConfiguration(
    `stores:
  aws: { kind: aws-secrets-manager, endpoint: "${aws.server.endpoint}", region: ap-southeast-3, createSecrets: true, timeout: 60s }
  fast: { kind: memory }
publish: { to: aws, mirrors: [fast] }
providers:
  - name: b2b2c
    kind: pivot-b2b2c
    baseUrl: http://127.0.0.1:9
    grant: authorization_code
    lifetime: 30m
    timeout: 20s
    versionBudget: none
    credentials: { clientId: { env: CLIENT_ID }, privateKey: { file: key.pem } }
    secret: payments/{customer}
    customers: [${CUSTOMERS.map((name) => `{ name: ${name}, bindingId: { env: BINDING } }`).join(', ')}]
`,
    { ...CATALOG, stores: [CATALOG.stores[0], MEMORY], fileName: 'app.yaml' },
  );
  assert.ok(parsed.ok, inspect(parsed, { depth: 5 }));
  const { configuration } = parsed;
  const events = new RecordedEvents();
  const board = new TokenBoard(clock);
  const alerts: AlertNotification[] = [];
  const random = createSeededRandom(1);
  const onFault = (error: unknown): void => {
    throw error;
  };
  const notifier = new Notifier({
    board,
    targets: [
      {
        leastSeverity: 'warning',
        sink: {
          name: 'people',
          occasions: new Set(['fired', 'grew', 'reminder', 'recovered', 'superseded']),
          send: async (notification) => {
            alerts.push(notification);
            return succeed(undefined);
          },
        },
      },
    ],
    texts: { source: 'test', runbookUrl: 'docs/runbook.md', ownUrl: '', ownUrlHint: undefined },
    remindEveryMs: 4 * HOUR_MS,
    providers: ['b2b2c'],
    mirrors: ['fast'],
    clock,
    random,
    events: () => undefined,
    onFault,
  });
  events.listen(board.onEvent);
  events.listen(notifier.onEvent);
  const real = connect(configuration, {
    clock,
    random,
    events: events.record,
    readEnv: () => 'x',
    awsCredentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not-a-real-key' },
  });
  const fast = real.stores.get('fast');
  assert.ok(fast instanceof MemoryStore);
  const authority = real.stores.get('aws');
  assert.ok(authority !== undefined);
  /** Calls over real sockets, for which virtual time waits. */
  const calls = { inFlight: 0 };
  const count = async <Value>(work: Promise<Value>): Promise<Value> => {
    calls.inFlight += 1;
    try {
      return await work;
    } finally {
      calls.inFlight -= 1;
    }
  };
  const counted: TokenStore = {
    maxSecretBytes: authority.maxSecretBytes,
    read: (name, signal) => count(authority.read(name, signal)),
    readMany: (names, signal) => count(authority.readMany(names, signal)),
    publish: (write, signal) => count(authority.publish(write, signal)),
    verifyWritable: (name, signal) => count(authority.verifyWritable(name, signal)),
    readVersionAges: (name, signal) => count(authority.readVersionAges(name, signal)),
  };
  const replica = new Replica(configuration, {
    clock,
    random,
    events: events.record,
    connections: {
      ...real,
      stores: new Map([...real.stores, ['aws', counted]]),
      createSources: () => () => new FakeTokenSource(clock, 30 * MINUTE_MS),
    },
    coordinator: createSoleLeader(),
    ticker: tickEvery(30_000, clock),
    onFault,
  });
  notifier.start();
  await advanceUntilDone(clock, 1_000, replica.start());
  const stop = async (): Promise<void> => {
    await advanceUntilDone(clock, 100, Promise.all([replica.stop(), notifier.stop()]));
    await real.close();
  };
  const pass = async (durationMs: number): Promise<void> => {
    for (let passedMs = 0; passedMs < durationMs; passedMs += 1_000) {
      await clock.advance(1_000);
      while (calls.inFlight > 0) await settle();
    }
  };
  const generationOf = (customer: string): number | undefined => {
    const stored = fast.current(`payments-${customer}`);
    const parsedDocument = stored === undefined ? undefined : parseDocument(stored.text);
    return parsedDocument?.ok === true ? parsedDocument.document.generation : undefined;
  };
  return { clock, events, alerts, replica, fast, stop, pass, generationOf, board };
}

function tickEvery(everyMs: number, clock: FakeClock): Ticker {
  return {
    start: ({ onTick }) => {
      const stopping = new AbortController();
      const { signal } = stopping;
      const turn = async (): Promise<void> => {
        while (!signal.aborted) {
          await clock.sleep(everyMs, signal).catch(() => undefined);
          if (!signal.aborted) onTick();
        }
      };
      void turn();
      return { msToNext: () => everyMs, stop: () => stopping.abort() };
    },
  };
}

describe('a mirror of Secrets Manager that is down for ten minutes', () => {
  it('disturbs no refresh, is one alert, and is caught up with one write for each token', async (t) => {
    const { events, alerts, fast, pass, generationOf, stop } = await startWorld(t);
    await pass(MINUTE_MS);
    assert.deepEqual(CUSTOMERS.map(generationOf), [1, 1, 1]);
    // Until shortly before the next refreshes of all three, which are spread over half of the cadence.
    await pass(12 * MINUTE_MS);
    fast.outage = STORE_DOWN;
    const written = fast.callsOf('publish').length;
    const refreshed = events.of('token-refreshed').length;
    await pass(20 * MINUTE_MS);
    const during = events.of('token-refreshed').slice(refreshed);
    assert.deepEqual(
      [...new Set(during.map(({ identity }) => identity.customer ?? ''))].toSorted((a, b) =>
        a.localeCompare(b),
      ),
      CUSTOMERS,
    );
    assert.deepEqual(events.of('refresh-failed'), []);
    assert.deepEqual(
      alerts.map(({ alert, occasion, provider }) => [alert, occasion, provider]),
      [['MirrorFailing', 'fired', 'fast']],
    );
    assert.match(
      alerts[0]?.summary ?? '',
      /^fast: the mirror does not get new tokens; 1 token behind, the first of their copies expires \d\d:\d\d:\d\d UTC, in /,
    );
    fast.outage = undefined;
    await pass(2 * MINUTE_MS);
    const attempts = fast.callsOf('publish').slice(written);
    assert.deepEqual(attempts.map(({ secretName }) => secretName).toSorted(), [
      'payments-ayu',
      'payments-citra',
      'payments-dewi',
    ]);
    const newest = new Map(
      events.of('token-refreshed').map(({ identity, generation }) => [identity.customer, generation]),
    );
    for (const customer of CUSTOMERS) assert.equal(generationOf(customer), newest.get(customer));
    assert.deepEqual(
      alerts.slice(1).map(({ alert, occasion, summary }) => [alert, occasion, summary]),
      [['MirrorFailing', 'recovered', 'recovered: fast: the mirror has the newest of all its tokens again']],
    );
    await stop();
  });
});
