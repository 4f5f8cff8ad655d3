import assert from 'node:assert/strict';
import { access, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { z } from 'zod';
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
    assert.match(
      introduction,
      /^ {2}curl -s -X POST http:\S+\/oauth2\/consent > \S+\/credentials\/oauth2\/refreshToken$/m,
    );
    const text = screen.lines.join('\n');
    assert.match(text, /^TOKEN +LIFE LEFT +NEXT +LAST RESULT +GEN$/m);
    assert.match(rowOf('pivot'), /^pivot .*refreshed +1$/);
    assert.ok(!run.output.stdout.includes('"event"'), 'no log lines');
  });

  it('says how to mend the chain that a fault has broken', async () => {
    const run = startInProcess(['sandbox', '--fault', 'oauth2:reset']);
    const broken = await run.output.untilLine(({ code }) => code === 'chain-broken');
    assert.deepEqual([broken['token'], broken['retry']], ['oauth2', 'needs-human']);
    const [ready] = run.output.linesOf('sandbox-ready');
    const { upstreams, consent } = z
      .object({ upstreams: z.object({ url: z.string() }), consent: z.string() })
      .parse(ready);
    await fetch(`${upstreams.url}/_sandbox/faults`, { method: 'DELETE' });
    const [, url = '', seed = ''] = /^curl -s -X POST (\S+) > (\S+)$/.exec(consent) ?? [];
    await writeFile(seed, await (await fetch(url, { method: 'POST' })).text());
    await run.output.untilLine(({ event, token }) => event === 'token-refreshed' && token === 'oauth2');
    run.terminal.stop();
    assert.equal(await run.exit, 0);
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
