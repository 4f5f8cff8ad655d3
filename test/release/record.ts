/**
 * Records what a release leaves behind, for the next ones to read: `npm run record-release -- CHECKOUT`, with the folder of
 * a checkout of that release after `npm ci`. Its own sandbox and its own daemon write everything; this script starts them
 * and knows only what users know: commands, the control of faults, the store's API, the journal's directory.
 * `npm run record-release -- CHECKOUT --next OTHER` records nothing: the daemon of another checkout goes on from there, as after
 * an upgrade or a downgrade, and has to refresh what was left behind.
 *
 * The daemon is killed while
 * - the store does not take the new refresh token of `apimw`: it is in the journal alone;
 * - `pivot-b2b2c` does not answer: its refresh tokens are presented, with an outcome that nobody knows;
 * - `paysecurez` asks for ten minutes of patience, and `pik` has a `fetchBudget`, whose calls are counted.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  ListSecretsCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { z } from 'zod';
import { ProgramOutput } from '../support/program-output.ts';
import { STORE_ENVIRONMENT } from '../support/program-process.ts';
import { startWiretap } from '../support/program-wiretap.ts';
import { copySandboxConfig } from '../support/sandbox-process-config.ts';
import { type FormerRelease, formerReleaseSchema, type RecordedSecret } from './former-release.ts';

const STORE_REGION = 'ap-southeast-3';
const DEADLINE_MS = 60_000;
/** Those that every release has. */
const PROVIDERS = ['pik', 'pivot-b2b', 'pivot-b2b2c', 'pivot', 'apimw', 'paysecurez'];
/** What the former release's `plan` says of them is kept beside them. */
const CONFIGURATIONS = [
  'config/example.yaml',
  'config/sandbox.yaml',
  'k8s/overlays/example/config/config.yaml',
];

const readySchema = z.object({
  store: z.object({ endpoint: z.url() }),
  upstreams: z.object({ url: z.url() }),
  config: z.string(),
});

/** What a killed daemon left behind, in a sandbox that still runs. */
interface Left {
  readonly ready: z.infer<typeof readySchema>;
  readonly config: string;
  readonly journal: string;
  /** Ends all trouble. */
  heal(): Promise<void>;
}

async function leaveBehind(stack: AsyncDisposableStack, checkout: string): Promise<Left> {
  const sandbox = start(stack, checkout, ['sandbox', '--upstreams-only', '--speed', '1']);
  const ready = readySchema.parse(await sandbox.output.untilLine(() => true));
  let holdsWrites = false;
  const store = stack.use(
    await startWiretap(ready.store.endpoint, ({ headers }) => {
      const isWrite = /Put|Create|Update/.test(headers['x-amz-target'] ?? '');
      return holdsWrites && isWrite;
    }),
  );
  const changeFaults = async (request: RequestInit): Promise<void> => {
    const answer = await fetch(`${ready.upstreams.url}/_sandbox/faults`, request);
    if (!answer.ok) throw new Error(await answer.text());
  };
  const addFault = (fault: string): Promise<void> =>
    changeFaults({
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ fault }),
    });

  const config = await copySandboxConfig(ready.config, 'recorded.yaml', {
    only: PROVIDERS,
    set: { 'store.endpoint': store.url, 'store.timeout': '60s', 'log.format': 'json' },
    setProvider: {
      pik: { fetchBudget: '1000/day' },
      'pivot-b2b2c': { grant: 'refresh_token', timeout: '60s' },
      apimw: { useRefreshToken: true },
    },
  });
  await addFault('paysecurez:429=600');
  const daemon = start(stack, checkout, ['run', '--config', config]);
  for (const token of ['pik', 'pivot-b2b', 'pivot-b2b2c/ayu', 'pivot-b2b2c/budi', 'pivot', 'apimw'])
    await daemon.output.untilLine((line) => line['event'] === 'token-refreshed' && line['token'] === token);
  await daemon.output.untilLine(
    (line) => line['event'] === 'refresh-failed' && line['token'] === 'paysecurez',
  );

  const journal = join(dirname(ready.config), 'journal');
  await addFault('pivot-b2b2c:latency=60s');
  const asks = [start(stack, checkout, ['refresh', 'pivot-b2b2c', '--config', config])];
  await untilIn(
    journal,
    (texts) =>
      texts.filter((each) => each.includes('"fingerprint"') && each.includes('pivot-b2b2c')).length === 2,
  );
  holdsWrites = true;
  asks.push(start(stack, checkout, ['refresh', 'apimw', '--config', config]));
  await untilIn(journal, (texts) =>
    texts.some((each) => each.includes('"refresh_token') || each.includes('"request_token"')),
  );
  // First, because a command that loses its daemon does the work itself.
  for (const { child } of asks) await kill(child);
  await kill(daemon.child);
  return {
    ready,
    config,
    journal,
    heal: () => {
      holdsWrites = false;
      return changeFaults({ method: 'DELETE' });
    },
  };
}

async function record(checkout: string): Promise<string> {
  const release = z
    .object({ version: z.string() })
    .parse(JSON.parse(await readFile(join(checkout, 'package.json'), 'utf8')));
  const folder = join(import.meta.dirname, 'former', release.version);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await using stack = new AsyncDisposableStack();
  const { ready, config, journal } = await leaveBehind(stack, checkout);
  const recordedAt = new Date().toISOString();
  await cp(journal, join(folder, 'journal'), {
    recursive: true,
    // Sockets are of processes, and no data.
    filter: (path) => !basename(path).startsWith('.'),
  });
  const client = new SecretsManagerClient({
    endpoint: ready.store.endpoint,
    region: STORE_REGION,
    credentials: { accessKeyId: 'sandbox', secretAccessKey: 'sandbox' },
  });
  stack.defer(() => client.destroy());
  await mkdir(join(folder, 'configurations'));
  await copyFile(config, join(folder, 'configurations', 'recorded.yaml'));
  const plans: Record<string, unknown> = {};
  for (const path of CONFIGURATIONS) {
    const name = path.replaceAll('/', '-');
    await copyFile(join(checkout, path), join(folder, 'configurations', name));
    plans[name] = JSON.parse(await runIn(checkout, ['plan', '--json', '--config', path]));
  }
  const recorded: FormerRelease = formerReleaseSchema.parse({
    version: release.version,
    commit: execFileSync('git', ['rev-parse', 'HEAD'], { cwd: checkout, encoding: 'utf8' }).trim(),
    recordedAt,
    secrets: await readSecrets(client),
    plans,
  });
  await writeFile(join(folder, 'release.json'), `${JSON.stringify(recorded, undefined, 2)}\n`);
  await copyFile(
    join(checkout, 'config/token-document.schema.json'),
    join(folder, 'token-document.schema.json'),
  );
  return folder;
}

interface Started {
  readonly child: ChildProcess;
  readonly output: ProgramOutput;
}

function start(stack: AsyncDisposableStack, checkout: string, args: readonly string[]): Started {
  const output = new ProgramOutput();
  const child = spawn(nodeOf(checkout), ['src/main.ts', ...args], {
    cwd: checkout,
    env: environment(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child.stdout.setEncoding('utf8').on('data', (text: string) => output.takeOut(text));
  child.on('close', () => output.end());
  stack.defer(() => kill(child));
  return { child, output };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
}

/** Not `execFileSync`: what runs talks to the store through this process. */
async function runIn(checkout: string, args: readonly string[]): Promise<string> {
  const options = { cwd: checkout, env: environment() };
  return (await promisify(execFile)(nodeOf(checkout), ['src/main.ts', ...args], options)).stdout;
}

function environment() {
  return { ...STORE_ENVIRONMENT, AWS_REGION: STORE_REGION, PATH: process.env['PATH'] };
}

function nodeOf(checkout: string): string {
  return join(checkout, 'node_modules/.bin/node');
}

async function untilIn(folder: string, isThere: (texts: readonly string[]) => boolean): Promise<void> {
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  for (;;) {
    deadline.throwIfAborted();
    const names = (await readdir(folder)).filter((name) => name.endsWith('.json'));
    const texts = await Promise.all(
      names.map((name) => readFile(join(folder, name), 'utf8').catch(() => '')),
    );
    if (isThere(texts)) return;
    await new Promise((done) => setTimeout(done, 50));
  }
}

async function readSecrets(client: SecretsManagerClient): Promise<readonly RecordedSecret[]> {
  const { SecretList = [] } = await client.send(new ListSecretsCommand({}));
  return Promise.all(
    SecretList.map(async ({ Name = '' }) => {
      const { Tags = [], VersionIdsToStages = {} } = await client.send(
        new DescribeSecretCommand({ SecretId: Name }),
      );
      const versions = await Promise.all(
        Object.entries(VersionIdsToStages).map(async ([id, stages]) => {
          const { SecretString = '' } = await client.send(
            new GetSecretValueCommand({ SecretId: Name, VersionId: id }),
          );
          return { id, stages, text: SecretString };
        }),
      );
      return {
        name: Name,
        tags: Object.fromEntries(Tags.map(({ Key = '', Value = '' }) => [Key, Value])),
        versions,
      };
    }),
  );
}

/** @returns what the other release's daemon reported, a line each */
async function goOn(checkout: string, other: string): Promise<string> {
  await using stack = new AsyncDisposableStack();
  const { config, heal } = await leaveBehind(stack, checkout);
  await heal();
  const daemon = start(stack, other, ['run', '--config', config]);
  await daemon.output.untilLine(({ event }) => event === 'chain-recovered');
  const refreshed = await Promise.all(
    ['apimw', 'pivot-b2b2c', 'pivot'].map((name) => runIn(other, ['refresh', name, '--config', config])),
  );
  return [
    ...daemon.output.lines.map(
      ({ level, event, msg }) => `${String(level)} ${String(event)}: ${String(msg)}`,
    ),
    ...refreshed,
  ].join('\n');
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    options: { next: { type: 'string' } },
    allowPositionals: true,
  });
  const [checkout] = positionals;
  if (checkout === undefined) {
    process.stderr.write('usage: npm run record-release -- CHECKOUT [--next OTHER]\n');
    process.exitCode = 2;
  } else if (values.next === undefined) {
    process.stdout.write(`${await record(resolve(checkout))}\n`);
  } else {
    process.stdout.write(`${await goOn(resolve(checkout), resolve(values.next))}\n`);
  }
}
