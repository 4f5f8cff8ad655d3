import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { createCronTicker } from '../../src/adapters/system/cron-ticker.ts';
import { createSoleLeader } from '../../src/adapters/system/sole-leader.ts';
import type { Coordinator } from '../../src/core/ports.ts';
import { Replica } from '../../src/replica/replica.ts';
import type { OperationName } from '../../src/sandbox/secrets-manager/operation.ts';
import { revealCredential } from '../../src/sandbox/upstreams/sandbox-credentials.ts';
import { connect } from '../../src/wiring/connections.ts';
import { advanceUntilDone } from './advance-until-done.ts';
import { parseText } from './configuration-text.ts';
import { type EmulatedSecretsManager, startEmulatedSecretsManager } from './emulated-secrets-manager.ts';
import { CALL_LIMIT_MS } from './fake-clock.ts';
import { RecordedEvents } from './recorded-events.ts';
import { createSeededRandom } from './seeded-random.ts';
import type { UpstreamsBench } from './upstreams-bench.ts';

export interface RunningReplica {
  readonly replica: Replica;
  readonly events: RecordedEvents;
}

/** A simulated Pivot B2B2C and a store over real HTTP, and replicas that look every minute for secrets with app=pivot. */
export interface DiscoveryWorld {
  readonly store: EmulatedSecretsManager;
  /** Every request that the store has got. */
  readonly requests: OperationName[];
  /** Binding ids that the provider knows: the first one, and the second. */
  readonly bindingIds: readonly string[];
  /** An application writes a secret with the tag. */
  bind(secretName: string, binding: object): void;
  /** @param options for the provider, in YAML */
  start(options?: string, coordinator?: Coordinator): Promise<RunningReplica>;
  /** Moves the clock on in small steps; it waits for what goes over the network. */
  pass(durationMs: number): Promise<void>;
  /** Moves the clock on until that is true. */
  passUntil(isTrue: () => boolean): Promise<void>;
  /** Calls that the provider has got. */
  fetches(): number;
}

const STEP_MS = 250;

/** Waits for a term that never comes. */
export const STAND_BY: Coordinator = {
  lead: (signal) =>
    new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true });
    }),
  release: () => Promise.resolve(),
  stuckReasons: () => [],
  unreadyReasons: () => [],
};

export async function startDiscoveryWorld(
  t: TestContext,
  upstreams: UpstreamsBench,
): Promise<DiscoveryWorld> {
  const { clock, credentials, server } = upstreams;
  clock.waitForCalls();
  const requests: OperationName[] = [];
  const store = await startEmulatedSecretsManager({ onRequest: (operation) => requests.push(operation) });
  t.after(() => store[Symbol.asyncDispose]());
  const env: Readonly<Record<string, string>> = {
    CLIENT_ID: revealCredential(credentials.byKind['pivot-b2b2c'], 'clientId'),
    PRIVATE_KEY: revealCredential(credentials.byKind['pivot-b2b2c'], 'privateKey'),
  };
  const configure = (options: string) => {
    const parsed = parseText(
      `store: { endpoint: "${store.server.endpoint}", region: ap-southeast-3, createSecrets: true, versionBudget: none, timeout: ${CALL_LIMIT_MS}ms }
providers:
  - name: b2b2c
    kind: pivot-b2b2c
    baseUrl: ${server.baseUrlOf('pivot-b2b2c')}
    credentials: { clientId: { env: CLIENT_ID }, privateKey: { env: PRIVATE_KEY } }
    secret: payments/{customer}
    timeout: ${CALL_LIMIT_MS}ms
    customers: { discover: { tag: app=pivot } }
    ${options}
`,
      env,
    );
    assert.ok(parsed.ok, JSON.stringify(parsed));
    return parsed.configuration;
  };
  const passUntil = async (isTrue: () => boolean): Promise<void> => {
    while (!isTrue()) {
      t.signal.throwIfAborted();
      await clock.advance(STEP_MS);
    }
  };
  return {
    store,
    requests,
    bindingIds: credentials.customers.map((customer) => revealCredential(customer.credentials, 'bindingId')),
    bind: (secretName, binding) => {
      const created = store.engine.execute('CreateSecret', {
        Name: secretName,
        SecretString: JSON.stringify(binding),
        ClientRequestToken: secretName.padEnd(36, '-'),
        Tags: [{ Key: 'app', Value: 'pivot' }],
      });
      assert.ok(created.ok);
    },
    start: async (options = '', coordinator = createSoleLeader()) => {
      const configuration = configure(options);
      const events = new RecordedEvents();
      const connections = connect(configuration, {
        clock,
        random: createSeededRandom(1),
        events: events.record,
        readEnv: (name) => env[name],
        awsCredentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not-a-real-key' },
      });
      const replica = new Replica(configuration, {
        clock,
        random: createSeededRandom(1),
        events: events.record,
        connections,
        coordinator,
        ticker: createCronTicker({ info: () => {}, warn: () => {}, error: () => {}, debug: () => {} }),
        onFault: (error) => assert.fail(String(error)),
      });
      t.after(async () => {
        await replica.stop();
        await connections.close();
      });
      await advanceUntilDone(clock, STEP_MS, replica.start());
      return { replica, events };
    },
    pass: async (durationMs) => {
      for (let passedMs = 0; passedMs < durationMs; passedMs += STEP_MS) await clock.advance(STEP_MS);
    },
    passUntil,
    fetches: () => server.requests.total('pivot-b2b2c'),
  };
}
