import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { LeaseClient } from '../../src/adapters/kubernetes/lease-client.ts';
import { LeaseElector } from '../../src/adapters/kubernetes/lease-elector.ts';
import { createCronTicker } from '../../src/adapters/system/cron-ticker.ts';
import { TokenBoard } from '../../src/board/token-board.ts';
import { DEFAULT_LEASE_TIMING } from '../../src/core/lease-timing.ts';
import type { Coordinator, RefreshEvents } from '../../src/core/ports.ts';
import type { ProviderFault } from '../../src/sandbox/fault.ts';
import { revealCredential } from '../../src/sandbox/upstreams/sandbox-credentials.ts';
import { type StatusDocument, statusDocumentSchema } from '../../src/status/status-document.ts';
import { StatusPages } from '../../src/status/status-pages.ts';
import { connect } from '../../src/wiring/connections.ts';
import { Daemon } from '../../src/wiring/daemon.ts';
import { createRejections } from '../../src/wiring/rejections.ts';
import { parseText } from './configuration-text.ts';
import { type EmulatedSecretsManager, startEmulatedSecretsManager } from './emulated-secrets-manager.ts';
import type { FakeClock } from './fake-clock.ts';
import { LEASE_NAME } from './lease-api.ts';
import type { LeaseApiServer } from './lease-api-server.ts';
import { startLeaseClientBench } from './lease-client-bench.ts';
import { RecordedEvents } from './recorded-events.ts';
import { createSeededRandom } from './seeded-random.ts';
import type { UpstreamsBench } from './upstreams-bench.ts';

/** One daemon, with its own connections and its own service account's token. */
export interface Replica {
  readonly name: string;
  readonly app: Daemon;
  readonly events: RecordedEvents;
  /** Set once it has started. */
  readonly httpUrl: string;
  /** Where readers report refused tokens, as {@link REPORTER}. */
  readonly rejectionsUrl: string;
  /** The API server answers it with 401 from now on. */
  cutOff(): void;
  reconnect(): void;
  /** Whether it leads, as its events tell. */
  isLeading(): boolean;
  /** What its page is made of. */
  readStatus(): Promise<StatusDocument>;
}

export interface AppBench {
  readonly clock: FakeClock;
  readonly store: EmulatedSecretsManager;
  readonly leases: LeaseApiServer;
  /** How often a secret was read through the store. */
  readsOfStore(): number;
  /** @param coordinator takes part in the election when left out */
  start(name: string, coordinator?: Coordinator): Promise<Replica>;
  /** Moves the clock on in small steps, and lets every call about the lease end in between. */
  pass(durationMs: number): Promise<void>;
  /** Lets real time go on until `isTrue`, without moving the clock. */
  until(isTrue: () => boolean): Promise<void>;
  /** Calls that the provider has got. */
  fetches(): number;
  breakProvider(effect: ProviderFault): void;
}

/** The bearer token of readers. */
export const REPORTER = 'reporter-canary';

const STEP_MS = 250;

/** Daemons on one simulated provider (30-minute tokens), one store and one API server, over real HTTP. */
export async function startAppBench(t: TestContext, upstreams: UpstreamsBench): Promise<AppBench> {
  const { clock, credentials, server } = upstreams;
  let reads = 0;
  const store = await startEmulatedSecretsManager({
    onRequest: (operation) => {
      if (operation === 'GetSecretValue') reads += 1;
    },
  });
  t.after(() => store[Symbol.asyncDispose]());
  const leaseBench = await startLeaseClientBench(t);
  const { server: leases } = leaseBench;
  const accepted = new Set<string>();
  let leaseCalls = 0;
  const env: Readonly<Record<string, string>> = {
    REPORTER,
    POD_IP: '127.0.0.1',
    APP_ID: revealCredential(credentials.byKind.pik, 'appId'),
    APP_SECRET: revealCredential(credentials.byKind.pik, 'appSecret'),
  };

  const until = async (isTrue: () => boolean): Promise<void> => {
    while (!isTrue()) {
      t.signal.throwIfAborted();
      await new Promise((resolve) => setImmediate(resolve));
    }
  };

  const createElector = async (
    name: string,
    events: RefreshEvents,
    rejectionsAt: () => string | undefined,
  ): Promise<Coordinator> => {
    const token = `service-account-${name}`;
    const tokenFile = await leaseBench.writeFile(`token-${name}`, token);
    const client = leaseBench.createClient({
      apiServer: { url: leases.url, caFile: undefined, tokenFile },
      clock,
    });
    const counted = async <T>(call: Promise<T>): Promise<T> => {
      leaseCalls += 1;
      return call.finally(() => {
        leaseCalls -= 1;
      });
    };
    const counting: LeaseClient = {
      get: (call) => counted(client.get(call)),
      create: (change, call) => counted(client.create(change, call)),
      update: (lease, change, call) => counted(client.update(lease, change, call)),
      annotate: (lease, annotations, call) => counted(client.annotate(lease, annotations, call)),
      rehearse: (lease, call) => counted(client.rehearse(lease, call)),
      close: () => client.close(),
    };
    return new LeaseElector({
      client: counting,
      identity: name,
      leaseName: LEASE_NAME,
      installation: 'blue',
      timing: DEFAULT_LEASE_TIMING,
      clock,
      random: { next: () => 0, uuid: () => '' },
      events,
      podPort: 8080,
      rejectionsAt,
    });
  };

  const configuration = () => {
    const parsed = parseText(
      `store: { endpoint: "${store.server.endpoint}", region: ap-southeast-3, createSecrets: true, versionBudget: none }
http: { host: 127.0.0.1, port: 0 }
rejections: { host: 127.0.0.1, port: 0, bearer: { env: REPORTER } }
providers:
  - name: pik
    kind: pik
    baseUrl: ${server.baseUrlOf('pik')}
    credentials: { appId: { env: APP_ID }, appSecret: { env: APP_SECRET } }
    secret: payments/pik
`,
      env,
    );
    assert.ok(parsed.ok, JSON.stringify(parsed));
    return parsed.configuration;
  };

  return {
    clock,
    store,
    leases,
    readsOfStore: () => reads,
    until,
    start: async (name, coordinator) => {
      const recorded = new RecordedEvents();
      const board = new TokenBoard(clock);
      const events: RefreshEvents = (event) => {
        board.onEvent(event);
        recorded.record(event);
      };
      const token = `service-account-${name}`;
      const setAccepted = (isAccepted: boolean): void => {
        if (isAccepted) accepted.add(token);
        else accepted.delete(token);
        leases.api.acceptTokens(...accepted);
      };
      setAccepted(true);
      const parsed = configuration();
      board.registerTokens(parsed.providers.flatMap(({ tokens }) => tokens.map(({ identity }) => identity)));
      const ports = {
        clock,
        random: createSeededRandom(1),
        events,
        readEnv: (variable: string) => env[variable],
        awsCredentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not-a-real-key' },
      };
      const onFault = (error: unknown): never => assert.fail(`a fault of ${name}: ${String(error)}`);
      const connections = connect(parsed, ports);
      const rejections = createRejections(parsed, {
        ...ports,
        store: connections.credentials,
        board,
        onFault,
      });
      const app = new Daemon(parsed, {
        clock,
        random: createSeededRandom(name.codePointAt(0) ?? 0),
        events,
        connections,
        rejections,
        coordinator: coordinator ?? (await createElector(name, events, () => rejections?.address)),
        status: new StatusPages({
          name: 'payments',
          version: '1.2.3',
          replica: name,
          runbookUrl: undefined,
          board,
          clock,
        }),
        metrics: { text: async () => '', contentType: 'text/plain' },
        ticker: createCronTicker({ info: () => {}, warn: () => {}, error: () => {}, debug: () => {} }),
        onFault,
      });
      t.after(() => app.stop());
      const { httpUrl } = await app.start();
      return {
        name,
        app,
        events: recorded,
        httpUrl,
        rejectionsUrl: `http://${rejections?.address}`,
        cutOff: () => setAccepted(false),
        reconnect: () => setAccepted(true),
        isLeading: () => recorded.of('leadership-acquired').length > recorded.of('leadership-lost').length,
        readStatus: async () => {
          const response = await fetch(`${httpUrl}/status.json`);
          return statusDocumentSchema.parse(await response.json());
        },
      };
    },
    pass: async (durationMs) => {
      for (let passedMs = 0; passedMs < durationMs; passedMs += STEP_MS) {
        await clock.advance(Math.min(STEP_MS, durationMs - passedMs));
        await until(() => leaseCalls === 0);
      }
    },
    fetches: () => server.requests.total('pik'),
    breakProvider: (effect) => upstreams.breakProvider('pik', effect),
  };
}
