/**
 * A newcomer's dry run: the blocks of the guide, pasted in order into one bash, in a fresh copy of the tracked files.
 * Only the first block's values and the credentials are filled in, which is what the guide asks a person to do.
 */
import { execFileSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PROJECT } from '../support/program-process.ts';
import { BashSession } from './bash-session.ts';
import { fillIn, type GuideBlock, readGuide } from './guide-document.ts';
import { type GuideWorld, startGuideWorld } from './guide-world.ts';

export interface GuideStep {
  readonly block: GuideBlock;
  readonly exitCode: number;
  readonly output: string;
  /** What the guide says is seen, and is not. */
  readonly missing: readonly string[];
}

export interface GuideRunOptions {
  /** Told what a person would see, as it comes. */
  readonly onText?: (text: string) => void;
  /** Ends the run with the step that it is at. */
  readonly signal?: AbortSignal;
  /** Told each step with the world as it then is; the run waits. `run` pastes something else into the same bash. */
  readonly onStep?: (
    step: GuideStep,
    world: GuideWorld,
    run: (script: string) => Promise<{ readonly exitCode: number; readonly output: string }>,
  ) => void | Promise<void>;
}

/** Ends with the first step that fails. @returns all steps that were made */
export async function runGuide({
  onText = () => undefined,
  signal,
  onStep,
}: GuideRunOptions = {}): Promise<readonly GuideStep[]> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'token-refresher-checkout-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  await copyTrackedFiles(folder);
  const world = stack.use(await startGuideWorld());
  await writeCredentials(world);
  const bash = stack.use(new BashSession({ cwd: folder, env: world.env }));
  signal?.addEventListener('abort', () => bash.stop(), { once: true });
  const [first, ...others] = readGuide(join(folder, 'docs/install-eks.md'));
  if (first === undefined) throw new Error('the guide has no block');
  const steps: GuideStep[] = [];
  for (const block of [fillIn(first, world.values), ...others]) {
    onText(`\n== ${block.title}\n${block.script.replace(/^/gm, '$ ').replace(/\$ $/, '')}`);
    const startedAtMs = performance.now();
    const { exitCode, output } = await bash.run(block.script, onText);
    onText(`-- ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s\n`);
    const missing = exitCode === 0 ? block.promised.filter((text) => !isSeen(output, text)) : [];
    const step = { block, exitCode, output, missing };
    steps.push(step);
    await onStep?.(step, world, (script) => bash.run(script, onText));
    if (exitCode !== 0 || missing.length > 0) break;
  }
  return steps;
}

/** A person takes different blanks for the same text. */
function isSeen(output: string, promised: string): boolean {
  const plain = (text: string): string => text.replace(/\s+/g, ' ');
  return plain(output).includes(plain(promised));
}

async function copyTrackedFiles(folder: string): Promise<void> {
  const listed = execFileSync('git', ['ls-files', '-z'], {
    cwd: PROJECT,
    encoding: 'utf8',
  });
  for (const file of listed.split('\0').filter((name) => name !== '')) {
    await mkdir(join(folder, dirname(file)), { recursive: true });
    await cp(join(PROJECT, file), join(folder, file));
  }
  // What `npm ci` in the Dockerfile's first stage installs.
  await symlink(join(PROJECT, 'node_modules'), join(folder, 'node_modules'));
}

/** The files of step 4, as a person's editor leaves them: with a newline at the end. */
async function writeCredentials({ values, credentials, slackUrl }: GuideWorld): Promise<void> {
  const folder = values['CREDENTIALS'] ?? '';
  const { byKind, customers } = credentials;
  const reveal = (kind: keyof typeof byKind, name: string): string => byKind[kind].get(name)?.reveal() ?? '';
  const files: Readonly<Record<string, string | Readonly<Record<string, string>>>> = {
    'pik-app-id': reveal('pik', 'appId'),
    'pik-app-secret': reveal('pik', 'appSecret'),
    'pivot-client-id': reveal('pivot-b2b', 'clientId'),
    'pivot-private-key': reveal('pivot-b2b', 'privateKey'),
    'pivot-merchant.json': {
      merchant_id: reveal('pivot', 'merchantId'),
      merchant_secret: reveal('pivot', 'merchantSecret'),
    },
    'pivot-bindings.json': Object.fromEntries(
      customers.map(({ customer, credentials: own }) => [customer, own.get('bindingId')?.reveal() ?? '']),
    ),
    'apimw.json': { api_key: reveal('apimw', 'apiKey'), api_secret: reveal('apimw', 'apiSecret') },
    'paysecurez.json': {
      client_id: reveal('paysecurez', 'clientId'),
      client_secret: reveal('paysecurez', 'clientSecret'),
    },
    'slack.json': { webhook_url: slackUrl },
  };
  await mkdir(folder, { mode: 0o700 });
  for (const [name, content] of Object.entries(files)) {
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    await writeFile(join(folder, name), `${text}\n`, { mode: 0o600 });
  }
}
