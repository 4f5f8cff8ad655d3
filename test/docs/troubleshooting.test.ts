import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { z } from 'zod';
import { documentText } from '../support/document-text.ts';
import { codeBlocks, markdownSections } from '../support/markdown-sections.ts';
import { findTool } from '../support/monitoring-tool.ts';
import { STORE_ENVIRONMENT, useStoreEnvironment } from '../support/program-process.ts';
import { runInProcess, startInProcess } from '../support/program-terminal.ts';

const PAGE = documentText('docs/troubleshooting.md');
const commands = [...new Set(codeBlocks(PAGE, 'sh').flatMap((block) => block.trim().split('\n')))];
const ofProgram = commands.filter((command) => command.startsWith('token-refresher '));
/** There is no STS here. */
const ofAws = commands.filter((command) => command.startsWith('aws secretsmanager '));
const VALUES: Readonly<Record<string, string>> = { '"$NAME"': 'pik', '"$SECRET"': 'sandbox/pik' };

const readySchema = z.object({
  store: z.object({ endpoint: z.string(), region: z.string() }),
  config: z.string(),
});

describe('docs/troubleshooting.md', () => {
  it('begins with a list of its sections', () => {
    const titles = markdownSections(PAGE).filter(({ level }) => level === 2);
    const listed = [...PAGE.matchAll(/^- \[(?<title>.+)\]\(#(?<anchor>.+)\)$/gm)].map(({ groups }) => [
      groups?.['title'],
      groups?.['anchor'],
    ]);
    assert.deepEqual(
      listed,
      titles.map(({ title, anchor }) => [title, anchor]),
    );
  });

  it('has no command that nobody knows', () => {
    assert.ok(ofProgram.length > 5 && ofAws.length > 1);
    for (const command of commands) assert.match(command, /^(token-refresher|aws|kubectl|[A-Z]+=\S+$)/);
  });

  it('has commands that run as they are written, against the sandbox', async () => {
    await using sandbox = startInProcess(['sandbox', '--upstreams-only', '--speed', '1']);
    const { store, config } = readySchema.parse(await sandbox.output.untilLine(() => true));
    // The AWS SDK reads them from the process.
    useStoreEnvironment();
    const env = { ...STORE_ENVIRONMENT, TOKEN_REFRESHER_CONFIG: config };
    const run = async (args: readonly string[]) => {
      const { code, stderr } = await runInProcess(args, { env });
      assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
    };
    await run(['run', '--once']);
    for (const command of ofProgram) {
      const [, ...args] = command.split(' ').map((word) => VALUES[word] ?? word);
      await run(args);
    }
    if (findTool('aws') === undefined) return;
    for (const command of ofAws) {
      const script = `aws() { command aws --endpoint-url ${store.endpoint} --region ${store.region} "$@"; }; SECRET=sandbox/pik; ${command}`;
      // Rejects, with what it said, unless it ends well.
      const { stdout } = await promisify(execFile)('bash', ['-c', script], {
        env: { ...env, PATH: process.env['PATH'] },
      });
      assert.notEqual(stdout, '', command);
    }
  });
});
