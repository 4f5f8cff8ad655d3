import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { documentText } from '../support/document-text.ts';
import { codeBlocks, markdownSections } from '../support/markdown-sections.ts';
import { findTool } from '../support/monitoring-tool.ts';
import { PROJECT, STORE_ENVIRONMENT } from '../support/program-process.ts';
import { runInProcess } from '../support/program-terminal.ts';
import { SandboxProcess } from '../support/sandbox-process.ts';

const PAGE = documentText('docs/troubleshooting.md');
const blocks = [...new Set(codeBlocks(PAGE, 'sh').map((block) => block.trim()))];
/** Of the sandbox. It has neither a cluster nor receivers of alerts for `alert-test` but one, nor AWS' STS. */
const runnable = blocks.filter((block) => !/kubectl|^NAME=/.test(block));

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

  it('has commands that the program has', async () => {
    const own = [...blocks.join('\n').matchAll(/^token-refresher (?<line>.+)$/gm)];
    assert.ok(own.length > 5);
    for (const { groups } of own) {
      const [name = '', ...args] = (groups?.['line'] ?? '').split(' ');
      const { code, stdout } = await runInProcess([name, '--help']);
      assert.equal(code, 0, name);
      for (const option of args.filter((arg) => arg.startsWith('--')))
        assert.ok(stdout.includes(option), option);
    }
  });

  it('has commands that run as they are written', {
    skip: findTool('aws') === undefined ? 'aws is not installed' : false,
  }, async (t) => {
    await using sandbox = await SandboxProcess.start(t.signal, '--upstreams-only', '--speed', '1');
    const { store, config } = sandbox.ready;
    const preamble = [
      `token-refresher() { "${process.execPath}" src/main.ts "$@"; }`,
      // There is no STS here.
      `aws() { if [ "$1" = sts ]; then echo arn; else command aws --endpoint-url ${store.endpoint} --region ${store.region} "$@"; fi; }`,
      'NAME=pik; SECRET=sandbox/pik; set -eu',
      'token-refresher run --once',
    ];
    for (const block of [...runnable]) {
      const script = [...preamble, block].join('\n');
      const child = spawn('bash', ['-c', script], {
        cwd: PROJECT,
        env: { ...STORE_ENVIRONMENT, PATH: process.env['PATH'], TOKEN_REFRESHER_CONFIG: config },
        stdio: ['ignore', 'pipe', 'pipe'],
        signal: t.signal,
      });
      let output = '';
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding('utf8').on('data', (text: string) => {
          output += text;
        });
      const [code]: unknown[] = await once(child, 'close');
      assert.equal(code, 0, `${block}\n${output}`);
    }
  });
});
