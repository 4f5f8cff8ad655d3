import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { createCronTicker } from '../../src/adapters/system/cron-ticker.ts';
import { createSoleLeader } from '../../src/adapters/system/sole-leader.ts';
import type { Configuration, TokenConfiguration } from '../../src/config/configuration.ts';
import type { Clock, Coordinator, Leadership } from '../../src/core/ports.ts';
import { serializeDocument } from '../../src/core/token/document.ts';
import { ANSWER_MS, ASK_MS } from '../../src/core/wire/refresh-request.ts';
import { Replica } from '../../src/replica/replica.ts';
import type { OperationName } from '../../src/sandbox/secrets-manager/operation.ts';
import { connect } from '../../src/wiring/connections.ts';
import { advanceUntilDone } from '../support/advance-until-done.ts';
import { parseText } from '../support/configuration-text.ts';
import {
  type EmulatedSecretsManager,
  startEmulatedSecretsManager,
} from '../support/emulated-secrets-manager.ts';
import { CALL_LIMIT_MS } from '../support/fake-clock.ts';
import { RecordedEvents } from '../support/recorded-events.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { buildDocument, HOUR_MS } from '../support/token-builder.ts';

const TOKENS = 10_000;

/** A provider without an address that answers, and so many customers. */
function configure(endpoint: string): Configuration {
  const parsed =
    parseText(`store: { endpoint: "${endpoint}", region: ap-southeast-3, timeout: ${CALL_LIMIT_MS}ms }
providers:
  - name: b2b2c
    kind: pivot-b2b2c
    baseUrl: http://127.0.0.1:9
    grant: authorization_code
    credentials: { clientId: { env: CLIENT_ID }, privateKey: { file: key.pem } }
    secret: payments/{customer}
    customers: [{ name: someone, bindingId: { env: BINDING } }]
`);
  assert.ok(parsed.ok, JSON.stringify(parsed));
  const [provider] = parsed.configuration.providers;
  const [token] = provider?.tokens ?? [];
  assert.ok(provider !== undefined && token !== undefined);
  const tokens = Array.from({ length: TOKENS }, (_, index) => nameToken(token, `customer-${index}`));
  return { ...parsed.configuration, providers: [{ ...provider, tokens }] };
}

function keepFirst(configuration: Configuration): Configuration {
  const [provider] = configuration.providers;
  assert.ok(provider !== undefined);
  return { ...configuration, providers: [{ ...provider, tokens: provider.tokens.slice(0, 1) }] };
}

function nameToken(token: TokenConfiguration, customer: string): TokenConfiguration {
  const identity = {
    ...token.identity,
    token: `b2b2c/${customer}`,
    customer,
    secret: `payments/${customer}`,
  };
  return { ...token, identity };
}

function publishFresh({ clock, engine }: EmulatedSecretsManager, { providers }: Configuration): void {
  for (const { identity } of providers.flatMap(({ tokens }) => tokens)) {
    const document = buildDocument({
      issuedAtMs: clock.now(),
      expiresAtMs: clock.now() + HOUR_MS,
      provider: identity.provider,
      customer: identity.customer,
    });
    const SecretString = serializeDocument(document).reveal();
    engine.execute('CreateSecret', {
      Name: identity.secret,
      SecretString,
      ClientRequestToken: 'first'.padEnd(36, '-'),
    });
  }
}

async function startWorld(t: TestContext) {
  const requests: OperationName[] = [];
  const store = await startEmulatedSecretsManager({ onRequest: (operation) => requests.push(operation) });
  t.after(() => store[Symbol.asyncDispose]());
  store.clock.waitForCalls();
  return { store, requests };
}

interface ReplicaParts {
  readonly clock: Clock;
  readonly events: RecordedEvents;
  readonly coordinator: Coordinator;
}

function createReplica(configuration: Configuration, { clock, events, coordinator }: ReplicaParts): Replica {
  return new Replica(configuration, {
    clock,
    random: createSeededRandom(1),
    events: events.record,
    connections: connect(configuration, {
      clock,
      random: createSeededRandom(1),
      events: events.record,
      readEnv: () => undefined,
      awsCredentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not-a-real-key' },
    }),
    coordinator,
    ticker: createCronTicker({ info: () => {}, warn: () => {}, error: () => {}, debug: () => {} }),
    onFault: (error) => assert.fail(String(error)),
  });
}

describe('ten thousand tokens', () => {
  it('One at a time: are known after a restart with 500 calls, and nothing that is fresh is fetched', async (t) => {
    const { store, requests } = await startWorld(t);
    const configuration = configure(store.server.endpoint);
    publishFresh(store, configuration);
    const { clock } = store;
    const events = new RecordedEvents();
    const replica = createReplica(configuration, { clock, events, coordinator: createSoleLeader() });
    await advanceUntilDone(clock, 10, replica.start());
    assert.equal(events.of('token-restored').length, TOKENS);
    assert.deepEqual(new Set(requests), new Set(['BatchGetSecretValue']));
    assert.equal(requests.length, TOKENS / 20);
    while (events.of('schedule-derived').length === 0) await clock.advance(10);
    assert.equal(events.of('refresh-started').length, 0);
    await replica.stop();
  });
});

/** A term that is found to be over by whoever asks first, as after a pause: its timer has not fired. */
class PausedTerm implements Leadership {
  /** Later than all that was read: everything is read again. */
  readonly sinceMonotonicMs = Number.MAX_SAFE_INTEGER;
  isOver = false;
  readonly #end = new AbortController();

  get signal(): AbortSignal {
    return this.#end.signal;
  }

  hasEnded(): boolean {
    if (this.isOver) this.#end.abort(new Error('the lease could not be renewed in time'));
    return this.isOver;
  }
}

/** Hands the term out once, then none. */
class OneTerm implements Coordinator {
  asked = 0;
  readonly #term: Leadership;

  constructor(term: Leadership) {
    this.#term = term;
  }

  lead(signal: AbortSignal): Promise<Leadership> {
    this.asked += 1;
    if (this.asked === 1) return Promise.resolve(this.#term);
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true });
    });
  }

  release(): Promise<void> {
    return Promise.resolve();
  }

  stuckReasons(): readonly string[] {
    return [];
  }

  unreadyReasons(): readonly string[] {
    return [];
  }
}

describe('a process that was paused beyond its term', () => {
  const cases = [
    {
      title: 'while it read the store stands by again, and stops when it is asked to',
      isOverAtOnce: false,
      told: ['leadership-acquired', 'leadership-lost'],
    },
    { title: 'before it began stands by again without a word', isOverAtOnce: true, told: [] },
  ];
  for (const { title, isOverAtOnce, told } of cases) {
    it(title, async (t) => {
      const { store } = await startWorld(t);
      const { clock } = store;
      const configuration = keepFirst(configure(store.server.endpoint));
      const events = new RecordedEvents();
      const term = new PausedTerm();
      term.isOver = isOverAtOnce;
      const endTerm = (): void => {
        term.isOver = true;
      };
      events.onNext('leadership-acquired', () => events.onNext('token-absent', endTerm));
      const coordinator = new OneTerm(term);
      const replica = createReplica(configuration, { clock, events, coordinator });
      await advanceUntilDone(clock, 10, replica.start());
      for (let turns = 0; turns < 500 && coordinator.asked < 2; turns += 1) await clock.advance(10);
      assert.equal(coordinator.asked, 2, 'it takes part in the election again');
      assert.deepEqual(
        events.names.filter((name) => name.startsWith('leadership-')),
        told,
      );
      await advanceUntilDone(clock, 10, replica.stop());
    });
  }
});

describe('a request to refresh', () => {
  async function start(t: TestContext, term: PausedTerm) {
    const { store } = await startWorld(t);
    const { clock } = store;
    const events = new RecordedEvents();
    const configuration = keepFirst(configure(store.server.endpoint));
    publishFresh(store, configuration);
    const coordinator = new OneTerm(term);
    const replica = createReplica(configuration, { clock, events, coordinator });
    t.after(() => advanceUntilDone(clock, 10, replica.stop()));
    return { replica, clock, events };
  }

  it('that comes while the new leader still reads the store is carried out as soon as it has', async (t) => {
    const { replica, clock, events } = await start(t, new PausedTerm());
    const asked = Promise.withResolvers<string | undefined>();
    events.onNext('leadership-acquired', () => {
      replica.refreshNow('b2b2c').then(([report]) => asked.resolve(report?.code), asked.reject);
    });
    await advanceUntilDone(clock, 10, replica.start());
    assert.notEqual(await advanceUntilDone(clock, 100, asked.promise), 'leadership-lost');
    assert.equal(events.of('refresh-started')[0]?.reason, 'explicit');
  });

  it('of a replica that does not come to lead is answered before whoever asks gives up', async (t) => {
    const term = new PausedTerm();
    term.isOver = true;
    const { replica, clock } = await start(t, term);
    await advanceUntilDone(clock, 10, replica.start());
    const fromMs = clock.monotonicMs();
    const [report] = await advanceUntilDone(clock, 1000, replica.refreshNow('b2b2c'));
    assert.equal(report?.code, 'leadership-lost');
    assert.ok(clock.monotonicMs() - fromMs < ASK_MS - ANSWER_MS);
  });

  it('that cannot be carried out in time is answered with what the latest attempt met', async (t) => {
    const { replica, clock, events } = await start(t, new PausedTerm());
    await advanceUntilDone(clock, 10, replica.start());
    // The token that was published lives for an hour.
    const failed = Promise.withResolvers<void>();
    events.onNext('refresh-failed', () => failed.resolve());
    await clock.advance(HOUR_MS);
    await advanceUntilDone(clock, 1000, failed.promise);
    const [report] = await advanceUntilDone(clock, 1000, replica.refreshNow('b2b2c'));
    assert.equal(report?.code, 'credentials-rejected');
    assert.match(report?.message ?? '', /^not done within 45s, the leader goes on trying: .*CLIENT_ID/);
  });
});
