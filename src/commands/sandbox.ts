/** `sandbox`, the embedded default: simulated providers, a store and the very daemon that runs in production. */
import { dirname, join } from 'node:path';
import type { Configuration } from '../config/configuration.ts';
import type { Fault } from '../sandbox/fault.ts';
import { parseFault } from '../sandbox/fault-syntax.ts';
import { READER_TOKEN, SANDBOX_NAMESPACE } from '../sandbox/kubernetes/sandbox-cluster.ts';
import { createLiveTable } from '../sandbox/live-table.ts';
import {
  SANDBOX_AWS_CREDENTIALS,
  SANDBOX_PROVIDERS,
  type Sandbox,
  type SandboxStoreKind,
  startSandbox,
} from '../sandbox/sandbox.ts';
import { createDaemon } from '../wiring/daemon.ts';
import { createReporting } from '../wiring/reporting.ts';
import { createSystemPorts, type SystemPorts } from '../wiring/system-ports.ts';
import { loadOrExplain } from './configured.ts';
import { HeldLines } from './held-lines.ts';
import type { ExitCode, Terminal } from './terminal.ts';

export interface SandboxCommandOptions {
  /** Time-lapse factor: a 15-minute token lives 15 minutes divided by it. */
  readonly speed: number;
  /** In the language of `fault-syntax.ts`. */
  readonly fault: readonly string[];
  /** Start the APIs and the store, and no daemon. */
  readonly upstreamsOnly?: boolean;
  readonly store?: SandboxStoreKind;
  /** Versions of one secret in the store's (shrunken) day. */
  readonly versionWall?: number;
}

/** Between two starts bookmarks and copied commands stay right. */
const PORTS = { store: 4600, upstreams: 4601, daemon: 4602 } as const;

export async function sandbox(options: SandboxCommandOptions, terminal: Terminal): Promise<ExitCode> {
  const faults = parseFaults(options.fault, terminal);
  if (faults === undefined) return 2;
  if (options.store === 'kubernetes' && options.versionWall !== undefined) {
    terminal.err('--version-wall is about Secrets Manager; Kubernetes keeps one version of a Secret\n');
    return 2;
  }
  const ports = createSystemPorts();
  // It is there to be looked at: when nobody does any more, it ends.
  const stopRequest = Promise.race([terminal.stopRequest(), terminal.outputClosed()]);
  const world = await startSandbox({
    ...ports,
    speed: options.speed,
    faults,
    storeKind: options.store ?? 'aws',
    // Whoever runs a daemon by hand may run two.
    ports: options.upstreamsOnly === true ? { ...PORTS, daemon: 0 } : PORTS,
    versionWall: options.versionWall,
  });
  try {
    const loaded = await loadOrExplain({ config: world.configPath }, terminal, { checksEnv: true });
    if (loaded === undefined) return 2;
    const session = { ...ports, world, terminal, configuration: loaded.configuration, stopRequest };
    if (options.upstreamsOnly === true) await showUpstreams(session);
    else await runDaemon(session);
    return 0;
  } finally {
    await world.stop();
  }
}

interface Session extends SystemPorts {
  readonly world: Sandbox;
  readonly configuration: Configuration;
  readonly terminal: Terminal;
  readonly stopRequest: Promise<unknown>;
}

/** A terminal gets the table; one whose cursor does not move, and a pipe, the log, which begins with `sandbox-ready` there. */
async function runDaemon(session: Session): Promise<void> {
  const { configuration, terminal, clock, random, files, world, stopRequest } = session;
  const lines = new HeldLines((line) => terminal.hasCursor || terminal.line(line));
  const reporting = await createReporting({
    settings: { ...configuration.log, format: terminal.isInteractive ? 'pretty' : 'json' },
    clock,
    isInteractive: terminal.isInteractive,
    hasColor: terminal.hasColor,
    destination: lines,
  });
  const table = createLiveTable({
    board: reporting.board,
    clock,
    write: (text) => void terminal.line(text),
    columns: () => terminal.columns(),
    lines: () => terminal.lines(),
    color: terminal.hasColor,
    changesHeard: () => terminal.changesHeard(),
  });
  reporting.listen(table.onEvent);
  world.listenToSlack((text) => {
    table.onAlert(text);
    reporting.log.write('info', 'sandbox-alert', {}, `a Slack channel would get: ${text}`);
  });
  terminal.onScreenChange(table.onScreenChange);
  const daemon = createDaemon(configuration, {
    clock,
    random,
    files,
    reporting,
    readEnv: (name) => terminal.env[name],
    awsCredentials: SANDBOX_AWS_CREDENTIALS,
  });
  const closing = new AbortController();
  try {
    const { httpUrl } = await daemon.start();
    const introduction = introduce(world, configuration, httpUrl);
    if (terminal.hasCursor) {
      lines.release();
      void stopRequest.then(() => closing.abort());
      const footer = `status page ${httpUrl}/ · Ctrl-C ends it · Ctrl-Z pauses it until fg`;
      await table.run(closing.signal, { introduction, footer });
    } else {
      terminal.out(terminal.isInteractive ? introduction : readyLine(session, httpUrl));
      lines.release();
    }
    await stopRequest;
  } finally {
    closing.abort();
    await daemon.stop();
  }
}

async function showUpstreams(session: Session): Promise<void> {
  const { world, configuration, terminal, stopRequest } = session;
  terminal.out(
    terminal.isInteractive
      ? `${introduce(world, configuration, undefined)}Run the daemon against it from another terminal:\n\n  ${runCommand(world, configuration)}\n\n`
      : readyLine(session, undefined),
  );
  await stopRequest;
}

/** The first line that a pipe gets. Stable: scripts and tests wait for it. */
function readyLine({ world, configuration, clock }: Session, httpUrl: string | undefined): string {
  return `${JSON.stringify({
    level: 'info',
    time: new Date(clock.now()).toISOString(),
    event: 'sandbox-ready',
    store: describeStore(world, configuration),
    ...(httpUrl === undefined ? {} : { http: { url: httpUrl } }),
    upstreams: { url: world.upstreams.origin },
    config: world.configPath,
    secrets: identitiesOf(configuration).map(({ secret }) => secret),
    read: readCommand(world, configuration),
    run: runCommand(world, configuration),
    consent: consentCommand(world),
    msg: 'the sandbox is ready',
  })}\n`;
}

function introduce(world: Sandbox, configuration: Configuration, httpUrl: string | undefined): string {
  return [
    `token-refresher sandbox: simulated providers and ${nameStore(world)}; nothing leaves this machine.`,
    '',
    `  store      ${describeStore(world, configuration).endpoint}`,
    `  providers  ${world.upstreams.origin}`,
    ...(httpUrl === undefined ? [] : [`  status     ${httpUrl}/`, `  metrics    ${httpUrl}/metrics`]),
    '',
    'Read a token as another workload would:',
    '',
    `  ${readCommand(world, configuration)}`,
    '',
    'Break something:',
    '',
    `  curl -X POST -H 'content-type: application/json' -d '{"fault":"store:throttle+60s"}' ${world.upstreams.origin}/_sandbox/faults`,
    '',
    'Give a new consent, when a fault has broken the chain of oauth2:',
    '',
    `  ${consentCommand(world)}`,
    '',
    '',
  ].join('\n');
}

function nameStore({ cluster }: Sandbox): string {
  return cluster === undefined ? 'a Secrets Manager' : 'an API server of Kubernetes';
}

function describeStore({ store, cluster }: Sandbox, configuration: Configuration) {
  return cluster === undefined
    ? { endpoint: store.endpoint, region: regionOf(configuration) }
    : { endpoint: cluster.server.url, namespace: SANDBOX_NAMESPACE };
}

function readCommand(world: Sandbox, configuration: Configuration): string {
  const secret = identitiesOf(configuration)[0]?.secret ?? '';
  if (world.cluster !== undefined) {
    const url = `${world.cluster.server.url}/api/v1/namespaces/${secret.replace('/', '/secrets/')}`;
    const print = `Buffer.from(JSON.parse(fs.readFileSync(0)).data["token.json"], "base64") + ""`;
    return `curl -s -H 'authorization: Bearer ${READER_TOKEN}' ${url} | node -p '${print}'`;
  }
  // Version 1 of the command line does not know AWS_REGION.
  return `${awsEnvironment(configuration)} aws --region ${regionOf(configuration)} --endpoint-url ${world.store.endpoint} secretsmanager get-secret-value --secret-id ${secret} --query SecretString --output text`;
}

function runCommand(world: Sandbox, configuration: Configuration): string {
  const run = `npm run cli -- run --config ${world.configPath}`;
  return world.cluster === undefined ? `${awsEnvironment(configuration)} ${run}` : run;
}

/** Puts another seed in place, as somebody who has agreed in a browser. */
function consentCommand({ upstreams, configPath }: Sandbox): string {
  const seed = join(dirname(configPath), 'credentials/oauth2/refreshToken');
  return `curl -s -X POST ${upstreams.baseUrlOf('oauth2')}/consent > ${seed}`;
}

/** Environment in which the AWS SDK and the AWS command line talk to the sandbox's store. */
function awsEnvironment(configuration: Configuration): string {
  const { accessKeyId, secretAccessKey } = SANDBOX_AWS_CREDENTIALS;
  return `AWS_ACCESS_KEY_ID=${accessKeyId} AWS_SECRET_ACCESS_KEY=${secretAccessKey} AWS_REGION=${regionOf(configuration)}`;
}

function regionOf({ places }: Configuration): string {
  const regions = [...places.values()].flatMap(({ region }) => region ?? []);
  return regions[0] ?? 'us-east-1';
}

function identitiesOf(configuration: Configuration) {
  return configuration.providers.flatMap(({ tokens }) => tokens.map(({ identity }) => identity));
}

function parseFaults(texts: readonly string[], terminal: Terminal): readonly Fault[] | undefined {
  const parsed = texts.map((text) => parseFault(text, SANDBOX_PROVIDERS));
  const problems = parsed.flatMap((each) => (each.ok ? [] : [each.message]));
  for (const problem of problems) terminal.err(`${problem}\n`);
  return problems.length > 0 ? undefined : parsed.flatMap((each) => (each.ok ? [each.fault] : []));
}
