import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { findFreePort } from '../support/free-port.ts';
import { LEASE_NAMESPACE, SERVICE_ACCOUNT_TOKEN } from '../support/lease-api.ts';
import { type LeaseApiServer, startLeaseApiServer } from '../support/lease-api-server.ts';
import { type ProgramWorld, startProgramWorld } from '../support/program-world.ts';
import { LEASE, LIFETIMES_MS, REFRESH_AFTER_SHARE } from './chaos-timing.ts';
import type { Disturbance, Stretch } from './disturbance.ts';
import { FaultSwitch } from './fault-switch.ts';
import { LeaseTerms } from './lease-terms.ts';
import type { Observation } from './observation.ts';
import { ProcessHistory } from './process-history.ts';
import { Replica } from './replica.ts';
import { parseStoreRead, parseStoreWrite, type StoreRead, type StoreWrite } from './store-call.ts';
import { type TokenCall, TokenCallParser } from './token-call.ts';
import type { TokenReport } from './token-report.ts';
import { startWireTap } from './wire-tap.ts';

/** Of readers that report refused tokens. */
export const READERS_TOKEN = 'readers-canary-4f1d';
export const REPLICA_NAMES = ['refresher-1', 'refresher-2', 'refresher-3'] as const;

/**
 * Tokens of the sandbox's presets, as the log names them; their secrets are `sandbox/TOKEN`. Its `oauth2` is left out: an
 * answer that is lost twice breaks that chain for good, whatever the daemons do.
 */
export const TOKENS = [
  'pik',
  'pivot-b2b',
  'pivot-b2b2c/ayu',
  'pivot-b2b2c/budi',
  'pivot',
  'apimw',
  'paysecurez',
] as const;

/** Three replicas that are not started yet, everything they talk to, and everything that was seen of that. */
export interface ChaosWorld extends AsyncDisposable {
  readonly program: ProgramWorld;
  readonly leaseServer: LeaseApiServer;
  readonly replicas: readonly Replica[];
  readonly faults: FaultSwitch;
  readonly observed: Observation & {
    readonly disturbances: Disturbance[];
    readonly mirrorFaults: Stretch[];
    readonly reports: TokenReport[];
  };
  /** The replica that the Lease names, when it can act; `undefined` when there is none. */
  findLeader(): Replica | undefined;
}

export interface ChaosWorldOptions {
  /** Ends every process at once. */
  readonly signal: AbortSignal;
  /** Names of the providers to keep; those of {@link LIFETIMES_MS} by default. */
  readonly only?: readonly string[];
}

export async function startChaosWorld({
  signal,
  only = Object.keys(LIFETIMES_MS),
}: ChaosWorldOptions): Promise<ChaosWorld> {
  await using stack = new AsyncDisposableStack();
  // In time-lapse the store's day is short too, and so its version quota is not met.
  const program = stack.use(await startProgramWorld({ speed: 60 }));
  for (const [provider, lifetimeMs] of Object.entries(LIFETIMES_MS))
    program.addFault(`${provider}:lifetime=${lifetimeMs}ms`);
  const leaseServer = await startLeaseApiServer({
    after: (stop) => stack.defer(stop),
  });

  const folder = dirname(program.sandbox.configPath);
  await writeFile(join(folder, 'service-account.token'), SERVICE_ACCOUNT_TOKEN, { mode: 0o600 });
  const parser = new TokenCallParser(await readCustomers(folder));
  const terms = new LeaseTerms();
  const history = new ProcessHistory();
  const writes: StoreWrite[] = [];
  const reads: StoreRead[] = [];
  const calls: TokenCall[] = [];
  const faults = new FaultSwitch();

  allowSecrets(leaseServer);
  await writeFile(join(folder, 'readers.token'), READERS_TOKEN, { mode: 0o600 });
  const replicas: Replica[] = [];
  for (const name of REPLICA_NAMES) {
    const findSender = (): string => replicas.find((each) => each.name === name)?.process ?? name;
    const store = stack.use(
      await startWireTap({
        target: program.sandbox.store.endpoint,
        findSender,
        decide: (request) => faults.decideStore(request),
        onExchange: (exchange) => {
          const write = parseStoreWrite(exchange);
          if (write !== undefined) writes.push(write);
          const read = parseStoreRead(exchange);
          if (read !== undefined) reads.push(read);
        },
      }),
    );
    const providers = stack.use(
      await startWireTap({
        target: program.sandbox.upstreams.origin,
        findSender,
        decide: (request) => faults.decideProvider(providerOf(request.path), request),
        onExchange: (exchange) => {
          calls.push(parser.parse(providerOf(exchange.request.path), exchange));
        },
      }),
    );
    const apiServer = stack.use(
      await startWireTap({
        target: leaseServer.url,
        findSender,
        decide: () => ({ kind: 'pass' }),
        onExchange: (exchange) => terms.note(exchange),
      }),
    );
    const mirror = stack.use(
      await startWireTap({
        target: leaseServer.url,
        findSender,
        decide: (request) => faults.decideMirror(request),
        onExchange: () => {},
      }),
    );
    // A replica keeps its port over its lives, as a pod its address.
    const reportsPort = await findFreePort();
    const tokenFile = 'service-account.token';
    const configPath = await program.copyConfig(`${name}.yaml`, {
      replace: {
        [program.sandbox.upstreams.origin]: providers.url,
        // The rotating chains, which the sandbox leaves out.
        'kind: pivot-b2b2c': 'kind: pivot-b2b2c\n    grant: refresh_token',
        'kind: apimw': 'kind: apimw\n    useRefreshToken: true',
      },
      only,
      set: {
        'log.level': 'debug',
        store: undefined,
        stores: {
          main: {
            kind: 'aws-secrets-manager',
            region: program.sandbox.secretsManager.region,
            endpoint: store.url,
            createSecrets: true,
            tags: { environment: 'sandbox' },
            versionBudget: 'none',
            // A margin has to be longer than what the calls of a refresh may take.
            timeout: '4s',
          },
          cluster: {
            kind: 'kubernetes-secret',
            namespace: LEASE_NAMESPACE,
            createSecrets: true,
            timeout: '2s',
            apiServer: { url: mirror.url, tokenFile },
          },
        },
        publish: { to: 'main', mirrors: ['cluster'] },
        rejections: { host: '127.0.0.1', port: reportsPort, bearer: { file: 'readers.token' } },
        'journal.dir': `journal-of-${name}`,
        coordination: {
          kind: 'kubernetes',
          namespace: LEASE_NAMESPACE,
          leaseDuration: `${LEASE.leaseDurationMs}ms`,
          renewDeadline: `${LEASE.renewDeadlineMs}ms`,
          retryPeriod: `${LEASE.retryPeriodMs}ms`,
          identity: name,
          apiServer: { url: apiServer.url, tokenFile },
        },
      },
      setProviders: { lifetime: '30s', refreshAfter: REFRESH_AFTER_SHARE, timeout: '5s' },
    });
    await mkdir(join(folder, `journal-of-${name}`), { mode: 0o700 });
    replicas.push(
      stack.use(
        new Replica({ name, configPath, signal, history, reportsUrl: `http://127.0.0.1:${reportsPort}` }),
      ),
    );
  }

  const disturbances: Disturbance[] = [];
  const mirrorFaults: Stretch[] = [];
  const reports: TokenReport[] = [];
  const owned = stack.move();
  return {
    program,
    leaseServer,
    replicas,
    faults,
    observed: {
      writes,
      reads,
      calls,
      history,
      disturbances,
      mirrorFaults,
      reports,
      get terms() {
        return terms.all;
      },
    },
    findLeader: () => replicas.find(({ process, isRunning }) => isRunning && process === terms.newest),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Copies are Secrets beside the Lease. */
function allowSecrets({ api }: LeaseApiServer): void {
  const [apiGroup, name] = ['rbac.authorization.k8s.io', 'copies'];
  api.put({
    apiVersion: `${apiGroup}/v1`,
    kind: 'Role',
    metadata: { name, namespace: LEASE_NAMESPACE },
    rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get', 'create', 'update'] }],
  });
  api.put({
    apiVersion: `${apiGroup}/v1`,
    kind: 'RoleBinding',
    metadata: { name, namespace: LEASE_NAMESPACE },
    roleRef: { apiGroup, kind: 'Role', name },
    subjects: [{ kind: 'ServiceAccount', name: 'token-refresher', namespace: LEASE_NAMESPACE }],
  });
}

function providerOf(path: string): string {
  return path.split('/')[1] ?? '';
}

/** Customers by their binding id. */
async function readCustomers(folder: string): Promise<ReadonlyMap<string, string>> {
  const home = join(folder, 'credentials/pivot-b2b2c');
  const entries = await readdir(home, { withFileTypes: true });
  const customers = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  return new Map(
    await Promise.all(
      customers.map(async (name) => [await readFile(join(home, name, 'bindingId'), 'utf8'), name] as const),
    ),
  );
}
