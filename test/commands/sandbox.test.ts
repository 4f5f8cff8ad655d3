import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { access, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { z } from 'zod';
import { tokenDocumentSchema } from '../../src/core/token/document.ts';
import { startInProcess } from '../support/program-terminal.ts';
import { SANDBOX_TOKENS } from '../support/sandbox-entries.ts';
import { Screen } from '../support/screen.ts';

const TOKENS = SANDBOX_TOKENS.map(({ token }) => token);

const withUrl = z.object({ url: z.string() });
const readySchema = z.object({
  store: z.object({ endpoint: z.string() }),
  upstreams: withUrl,
  http: withUrl,
});

describe('sandbox', () => {
  it('shows a terminal where everything is, and a live table instead of the log', async () => {
    const screen = new Screen(100);
    // No token is due again before the last one has come, however slow the machine is.
    const run = startInProcess(['sandbox', '--speed', '1', '--fault', 'pik:503'], {
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
    assert.match(
      text,
      /^status page http:\/\/127\.0\.0\.1:\d+\/ · Ctrl-C ends it · Ctrl-Z pauses it until fg$/m,
    );
    assert.match(text, /^FAILING NOW\npik: provider-unavailable: POST http:\S+ answered 503/m);
    assert.match(text, /^TOKEN +LIFE LEFT +NEXT +LAST RESULT +GEN$/m);
    assert.match(rowOf('pivot'), /^pivot .*refreshed +1$/);
    assert.ok(!run.output.stdout.includes('"event"'), 'no log lines');
  });

  it('says how to mend a broken chain', async () => {
    const run = startInProcess(['sandbox', '--fault', 'oauth2:503']);
    const ready = await run.output.untilLine(({ event }) => event === 'sandbox-ready');
    const { upstreams, consent } = z
      .object({ upstreams: z.object({ url: z.string() }), consent: z.string() })
      .parse(ready);
    const [, url = '', seed = ''] = /^curl -s -X POST (\S+) > (\S+)$/.exec(consent) ?? [];
    // While the provider is unavailable nothing is spent.
    await run.output.untilLine(({ event, token }) => event === 'refresh-failed' && token === 'oauth2');
    await writeFile(seed, 'rt_of-no-consent');
    await fetch(`${upstreams.url}/_sandbox/faults`, { method: 'DELETE' });
    const broken = await run.output.untilLine(({ code }) => code === 'chain-broken');
    assert.deepEqual([broken['token'], broken['retry']], ['oauth2', 'needs-human']);
    await writeFile(seed, await (await fetch(url, { method: 'POST' })).text());
    await run.output.untilLine(({ event, token }) => event === 'token-refreshed' && token === 'oauth2');
    run.terminal.stop();
    assert.equal(await run.exit, 0);
  });

  it('shows a terminal without a cursor the log, in sentences', async () => {
    await using run = startInProcess(['sandbox'], { isInteractive: true, hasCursor: false });
    const text = await run.output.untilText((each) =>
      TOKENS.every((token) => each.includes(`INFO: ${token}: a new token is published`)),
    );
    run.terminal.stop();
    assert.equal(await run.exit, 0);
    assert.match(text, /^token-refresher sandbox: /);
    assert.ok(!/\p{Cc}(?<!\n)/u.test(text), 'no escape sequence');
    assert.ok(!text.includes('"event"'), 'no JSON');
  });

  it('shows the alerts that a Slack channel would get', async () => {
    const screen = new Screen(100);
    await using run = startInProcess(['sandbox', '--fault', 'pivot:wrong-credentials'], {
      isInteractive: true,
      onOut: (text) => screen.write(text),
    });
    await run.output.untilText(() => screen.lines.some((line) => /^ +_sandbox: \w+_$/.test(line)));
    run.terminal.stop();
    assert.equal(await run.exit, 0);
    const text = screen.lines.join('\n');
    assert.match(
      text,
      /^ALERTS, as your Slack channel would get them\n\d\d:\d\d:\d\d UTC :rotating_light: \*pivot: /m,
    );
    assert.match(text, /^ +What to do: .*runbook/ms);
  });

  it('has the same ports at each start, and leaves those of another sandbox alone', async () => {
    const start = () => startInProcess(['sandbox']);
    const portsOf = async (run: ReturnType<typeof start>) => {
      await run.output.untilLine(({ event }) => event === 'sandbox-ready');
      const { store, upstreams, http } = readySchema.parse(run.output.linesOf('sandbox-ready')[0]);
      return [store.endpoint, upstreams.url, http.url].map((url) => Number(new URL(url).port));
    };
    await using first = start();
    const ports = await portsOf(first);
    await using second = start();
    const others = await portsOf(second);
    assert.equal(new Set([...ports, ...others]).size, 6);
    for (const run of [first, second]) {
      run.terminal.stop();
      assert.equal(await run.exit, 0);
    }
    // Another program of this machine, or a test of another process, may have them.
    if (ports[0] !== 4600) return;
    assert.deepEqual(ports, [4600, 4601, 4602]);
  });

  it('with --store kubernetes publishes to Secrets, which the command that it prints reads', async () => {
    await using run = startInProcess(['sandbox', '--store', 'kubernetes']);
    for (const { token } of SANDBOX_TOKENS) {
      await run.output.untilLine((line) => line['event'] === 'token-refreshed' && line['token'] === token);
    }
    const [ready] = run.output.linesOf('sandbox-ready');
    const { read, secrets, store } = z
      .object({ read: z.string(), secrets: z.array(z.string()), store: z.object({ namespace: z.string() }) })
      .parse(ready);
    assert.equal(store.namespace, 'sandbox');
    assert.ok(secrets.includes('sandbox/pivot-b2b2c-ayu'));
    // Without this machine's proxies.
    const { stdout } = await promisify(execFile)('bash', ['-c', read], {
      env: { PATH: process.env['PATH'] },
    });
    assert.equal(tokenDocumentSchema.parse(JSON.parse(stdout)).provider, 'pik');
    run.terminal.stop();
    assert.equal(await run.exit, 0);
  });

  it('with --store kubernetes refuses a limit of versions, which Kubernetes has not', async () => {
    const run = startInProcess(['sandbox', '--store', 'kubernetes', '--version-wall', '5']);
    assert.equal(await run.exit, 2);
    assert.match(run.output.stderr, /^--version-wall is about Secrets Manager/);
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
