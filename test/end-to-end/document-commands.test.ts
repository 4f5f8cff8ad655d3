import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { z } from 'zod';
import type { JsonObject } from '../../src/core/wire/json.ts';
import { documentCommands, documentText } from '../support/document-text.ts';
import { codeBlocks } from '../support/markdown-sections.ts';
import { ProgramOutput } from '../support/program-output.ts';
import { COMPILE_CACHE, PROJECT, STORE_ENVIRONMENT } from '../support/program-process.ts';

/** What CI and this very run do; running them again inside a test would be turtles all the way down. */
const RUN_BY_CI: ReadonlySet<string> = new Set(['npm ci', 'npm test']);

/** Those whose commands need nothing but this project. The others have tests of their own. */
const DOCUMENTS = [
  'README.md',
  'docs/command-line.md',
  'docs/sandbox.md',
  'docs/how-it-works.md',
  'docs/monitoring.md',
  'docs/development.md',
];

const readySchema = z.object({ event: z.literal('sandbox-ready'), store: z.object({ endpoint: z.url() }) });

describe('every command of the README and of what it leads to', { timeout: 600_000 }, () => {
  for (const command of documentCommands(DOCUMENTS)) {
    if (RUN_BY_CI.has(command)) {
      it(`is run by CI: ${command}`, () => {
        const script = readFileSync(join(PROJECT, '.ci/run'), 'utf8');
        assert.ok(script.split('\n').includes(command));
      });
    } else if (command.startsWith('npm start')) {
      it(`starts something that says that it is ready: ${command}`, async (t) => {
        const { output } = startShell(t, command);
        readySchema.parse(await output.untilLine(() => true));
      });
    } else {
      it(`ends well: ${command}`, async (t) => {
        const { output, exit } = startShell(t, command);
        assert.equal(await exit, 0, output.stderr);
        assert.notEqual(output.stdout, '');
      });
    }
  }

  it('reads a token as the README and the guide for readers show', async (t) => {
    const { output } = startShell(t, 'npm start');
    const { store } = readySchema.parse(await output.untilLine(() => true));
    const isPublished = (line: JsonObject): boolean =>
      line['event'] === 'token-refreshed' && line['token'] === 'pivot';
    await output.untilLine(isPublished);
    const [short = ''] = codeBlocks(documentText('README.md'), 'js');
    const [keeping = ''] = codeBlocks(documentText('docs/readers.md'), 'js');
    for (const [snippet, expected] of [
      [short, /^good until \d{4}-\d\d-\d\dT/],
      [`${keeping}\nconsole.log(await authorization(), await authorization());`, /^Bearer \S+ Bearer \S+$/],
    ] as const) {
      const reader = start(t, process.execPath, ['--input-type=module', '--eval', snippet], {
        AWS_ENDPOINT_URL: store.endpoint,
        AWS_REGION: 'ap-southeast-3',
        TOKEN_SECRET: 'sandbox/pivot',
      });
      assert.equal(await reader.exit, 0, reader.output.stderr);
      assert.match(reader.output.stdout.trim(), expected);
    }
  });
});

interface Started {
  readonly output: ProgramOutput;
  readonly exit: Promise<number | null>;
}

/** As a person's shell would, in the project's folder. */
function startShell(t: TestContext, command: string): Started {
  return start(t, 'sh', ['-c', command], {});
}

function start(
  t: TestContext,
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Started {
  const output = new ProgramOutput();
  const child = spawn(file, args, {
    cwd: PROJECT,
    env: {
      ...STORE_ENVIRONMENT,
      NODE_COMPILE_CACHE: COMPILE_CACHE,
      HOME: process.env['HOME'],
      PATH: `${join(PROJECT, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}`,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, so that npm's children end with it.
    detached: true,
  });
  child.stdout.setEncoding('utf8').on('data', (text: string) => output.takeOut(text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => output.takeErr(text));
  const exit = once(child, 'close').then(() => {
    output.end();
    return child.exitCode;
  });
  t.after(async () => {
    endGroup(child);
    await exit;
  });
  return { output, exit };
}

function endGroup({ pid, exitCode }: ChildProcess): void {
  if (pid === undefined || exitCode !== null) return;
  try {
    process.kill(-pid, 'SIGTERM');
  } catch {
    // It has just ended by itself.
  }
}
