import assert from 'node:assert/strict';
import { access } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { startInProcess } from '../support/program-terminal.ts';
import { SANDBOX_TOKENS } from '../support/sandbox-entries.ts';
import { Screen } from '../support/screen.ts';

const TOKENS = SANDBOX_TOKENS.map(({ token }) => token);

describe('sandbox', () => {
  it('shows a terminal where everything is, and a live table instead of the log', async () => {
    const screen = new Screen(100);
    const run = startInProcess(['sandbox', '--fault', 'pik:503'], {
      isInteractive: true,
      onOut: (text) => screen.write(text),
    });
    const rowOf = (token: string) => screen.lines.find((line) => line.startsWith(`${token} `)) ?? '';
    await run.output.untilText(() =>
      TOKENS.every((token) => rowOf(token).includes(token === 'pik' ? 'provider-unavailable' : 'refreshed')),
    );
    run.terminal.stop();
    assert.equal(await run.exit, 0);

    const introduction = run.output.stdout;
    assert.match(introduction, /^ {2}store {6}http:\/\/127\.0\.0\.1:\d+$/m);
    assert.match(introduction, /^ {2}providers {2}http:\/\/127\.0\.0\.1:\d+$/m);
    assert.match(introduction, /^ {2}metrics {4}http:\/\/127\.0\.0\.1:\d+\/metrics$/m);
    assert.match(
      introduction,
      /aws --region ap-southeast-3 --endpoint-url http\S+ secretsmanager get-secret-value --secret-id sandbox\/pik/,
    );
    const text = screen.lines.join('\n');
    assert.match(text, /^TOKEN +LIFE LEFT +NEXT +LAST RESULT +GEN$/m);
    assert.match(rowOf('pivot'), /^pivot .*refreshed +1$/);
    assert.ok(!run.output.stdout.includes('"event"'), 'no log lines');
  });

  it('with --upstreams-only starts no daemon and says how to run one', async () => {
    const run = startInProcess(['sandbox', '--upstreams-only'], { isInteractive: true });
    const text = await run.output.untilText((each) => each.includes('npm run cli -- run --config'));
    const config = /run --config (\S+)/.exec(text)?.[1] ?? '';
    await access(config);
    run.terminal.stop();
    assert.equal(await run.exit, 0);
    assert.ok(!text.includes('/metrics'));
    await assert.rejects(access(config), 'the folder is gone');
  });
});
