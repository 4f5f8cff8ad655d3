/** What takes time: the program as its own process over whole lives of tokens, all of it side by side. */
import assert from 'node:assert/strict';
import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { setInterval } from 'node:timers/promises';
import { z } from 'zod';
import type { JsonObject } from '../../src/core/wire/json.ts';
import { timeOf } from '../support/program-output.ts';
import { ProgramProcess, runProgram } from '../support/program-process.ts';
import { SecretSearch } from '../support/program-secrets.ts';
import { startProgramWorld } from '../support/program-world.ts';
import { SANDBOX_TOKENS } from '../support/sandbox-entries.ts';
import { SandboxProcess, type WireDocument } from '../support/sandbox-process.ts';

const SECRETS = SANDBOX_TOKENS.map(({ token }) => `sandbox/${token}`);
/** Those that live 15 minutes, at `--speed 15` a minute: nearly half of it is left for a machine that is busy. */
const SHORT_LIVED = ['pivot-b2b', 'pivot-b2b2c/ayu', 'pivot-b2b2c/budi', 'pivot'];
const REFRESH_AFTER = 0.55;
/** Wall and monotonic clock. */
const SLACK_MS = 100;
/**
 * Calls may take long on a busy machine, for which lives of half a minute would leave no room: those come as a surprise.
 */
const PATIENT = {
  only: ['pivot'],
  set: { 'log.level': 'debug', 'store.timeout': '60s' },
  setProviders: { lifetime: '7m', refreshAfter: REFRESH_AFTER, timeout: '60s' },
} as const;

describe('over time', { concurrency: true, timeout: 600_000 }, () => {
  it('Fresh: a token of every kind is published, and a reader never sees an expired one', async (t) => {
    await using sandbox = await SandboxProcess.start(t.signal, '--upstreams-only', '--speed', '15');
    const setProviders = { refreshAfter: REFRESH_AFTER };
    const config = await sandbox.copyConfig('fresh.yaml', { setProviders });
    await using daemon = new ProgramProcess(['run', '--config', config], t);
    const { output } = daemon;
    assert.deepEqual(sandbox.ready.secrets, SECRETS);
    await output.untilLines('token-refreshed', SECRETS.length);
    assert.deepEqual(output.linesOf('refresh-failed'), [], 'each is published at the first attempt');

    const generations = new Map(SECRETS.map((secret) => [secret, new Set<number>()]));
    const isOver = (): boolean =>
      SHORT_LIVED.every((token) => output.linesOf('token-refreshed', of(token)).length >= 3);
    const search = new SecretSearch();
    await search.addCredentials(dirname(sandbox.ready.config));
    for await (const _ of setInterval(500, undefined, { signal: t.signal })) {
      // Before the look at the secrets: what the log says is published is there then.
      const isLast = isOver();
      for (const [secret, seen] of generations) {
        const askedAtMs = Date.now();
        const document = await sandbox.readDocument(secret);
        assert.ok(Date.parse(document.expires_at) > askedAtMs, `${secret} expired at ${document.expires_at}`);
        assert.ok(document.generation >= Math.max(1, ...seen), `${secret} steps back`);
        seen.add(document.generation);
        search.add(`${secret} ${document.generation}`, document.access_token);
      }
      if (isLast) break;
    }

    for (const token of SHORT_LIVED) {
      const seen = [...(generations.get(`sandbox/${token}`) ?? [])];
      assert.deepEqual(seen.slice(0, 3), [1, 2, 3], token);
    }
    await assertSeenFromOutside(String(output.linesOf('program-started')[0]?.['http']));
    assert.deepEqual(output.linesOf('refresh-failed'), []);
    daemon.send('SIGTERM');
    assert.deepEqual(await daemon.untilExit(), { code: 0, signal: null });
    assert.equal(output.stderr, '');
    assert.deepEqual(search.find(output.stdout), [], 'no secret in the log');
  });

  it('Loud: while a provider answers 503 the old token stays to its end, each change is one line, and it recovers', async (t) => {
    await using sandbox = await SandboxProcess.start(t.signal, '--upstreams-only', '--speed', '60');
    await sandbox.addFault('pivot:lifetime=20s');
    const config = await sandbox.copyConfig('failing.yaml', PATIENT);
    await using daemon = new ProgramProcess(['run', '--config', config], t);
    const { output } = daemon;
    await output.untilLines('token-refreshed', 1);
    await sandbox.addFault('pivot:503');

    const [failing = {}] = await output.untilLines('refresh-failed', 1);
    const old = await sandbox.readDocument('sandbox/pivot');
    assert.equal(old.generation, 1);
    assert.ok(Date.parse(old.expires_at) > timeOf(failing), 'readers are still fine');
    const expired = await output.untilLine(({ event }) => event === 'token-expired');
    assert.deepEqual(await sandbox.readDocument('sandbox/pivot'), old);
    await sandbox.clearFaults();

    const recovered = await output.untilLine(({ event }) => event === 'refresh-recovered');
    const failed = output.lines.filter(
      ({ event }) => event === 'refresh-failed' || event === 'token-expired',
    );
    assert.equal(failed.at(-1), expired, 'the first attempt after the fault succeeds');
    assert.equal(recovered['failures'], failed.length);
    assert.equal((await sandbox.readDocument('sandbox/pivot')).generation, 2);

    assert.deepEqual(
      output.lines
        .filter(({ level }) => level === 'warn' || level === 'error')
        // A busy machine may keep it from running at the moment of a tick, which is told as well.
        .filter(({ event }) => event !== 'tick-missed')
        .map(({ level, event, code }) => ({ level, event, code })),
      [
        { level: 'warn', event: 'refresh-failed', code: 'provider-unavailable' },
        { level: 'error', event: 'token-expired', code: 'provider-unavailable' },
      ],
    );
    // It is made before the first wait is drawn, and no attempt before the former wait is over.
    let startedAtMs = timeOf(output.linesOf('refresh-started').at(-1) ?? {});
    for (const [index, line] of failed.entries()) {
      assertWaitFollowsRule(line, index + 1, startedAtMs, failed[index + 1]);
      startedAtMs = timeOf(line, 'nextAttemptAt');
    }
    assert.ok(timeOf(recovered) >= timeOf(expired, 'nextAttemptAt') - SLACK_MS);
  });

  it('One at a time: while the store is away a token is fetched once, and published as soon as the store is back', async (t) => {
    await using sandbox = await SandboxProcess.start(t.signal, '--upstreams-only', '--speed', '60');
    await sandbox.addFault('pivot:lifetime=30s');
    const config = await sandbox.copyConfig('outage.yaml', PATIENT);
    await using daemon = new ProgramProcess(['run', '--config', config], t);
    const { output } = daemon;
    await output.untilLines('token-refreshed', 1);
    await sandbox.addFault('store:outage');
    const [first, second] = await output.untilLines('refresh-failed', 2);
    assert.deepEqual([first?.['code'], second?.['code']], ['store-unavailable', 'store-unavailable']);
    await sandbox.clearFaults();

    await output.untilLines('refresh-recovered', 1);
    const fetches = output.linesOf('token-fetched');
    assert.deepEqual(
      fetches.map(({ code }) => code),
      [undefined, undefined],
      'one for the first token and one for the second',
    );
    const document: WireDocument = await sandbox.readDocument('sandbox/pivot');
    assert.equal(document.generation, 2);
    assert.ok(Date.parse(document.issued_at) <= timeOf(fetches[1] ?? {}), 'the kept token is published');
  });

  it('refresh publishes a token beside a running daemon, which goes on without failing', async (t) => {
    await using sandbox = await SandboxProcess.start(t.signal, '--upstreams-only', '--speed', '60');
    await sandbox.addFault('pivot:lifetime=20s');
    const config = await sandbox.copyConfig('beside.yaml', PATIENT);
    await using daemon = new ProgramProcess(['run', '--config', config], t);
    await daemon.output.untilLines('token-refreshed', 1);

    const explicit = await runProgram(['refresh', 'pivot', '--json', '--config', config], t);
    assert.equal(explicit.code, 0, explicit.stderr);
    const [outcome] = z
      .tuple([z.object({ token: z.string(), outcome: z.string(), generation: z.number() })])
      .parse(JSON.parse(explicit.stdout));
    // On a busy machine the daemon refreshes once more before the command does.
    const { generation, ...others } = outcome;
    assert.deepEqual(others, { token: 'pivot', outcome: 'refreshed' });
    assert.ok(generation >= 2);

    await daemon.output.untilLines('token-refreshed', 1, (line) => Number(line['generation']) > generation);
    const document = await sandbox.readDocument('sandbox/pivot');
    assert.ok(document.generation > generation, 'no step back');
    // The daemon's own.
    await daemon.output.untilLines(
      'token-refreshed',
      1,
      (line) => timeOf(line, 'expiresAt') === Date.parse(document.expires_at),
    );
    assert.deepEqual(
      daemon.output.lines.filter(({ level }) => level === 'error'),
      [],
    );
  });

  it('a credential file that Kubernetes swaps is picked up while rejected ones wait for a human', async (t) => {
    await using world = await startProgramWorld();
    const folder = join(dirname(world.sandbox.configPath), 'mounted');
    const good = join(dirname(world.sandbox.configPath), 'credentials/pivot/merchantSecret');
    await mkdir(join(folder, '..first'), { recursive: true });
    await writeFile(join(folder, '..first/merchantSecret'), 'an-old-secret');
    await symlink('..first', join(folder, '..data'));
    await symlink('..data/merchantSecret', join(folder, 'merchantSecret'));
    const config = await world.copyConfig('mounted.yaml', {
      only: ['pivot'],
      setProviders: { 'credentials.merchantSecret': { file: 'mounted/merchantSecret' } },
    });

    await using daemon = new ProgramProcess(['run', '--config', config], t);
    const [failed] = await daemon.output.untilLines('refresh-failed', 1);
    assert.equal(failed?.['code'], 'credentials-rejected');
    assert.equal(failed?.['level'], 'error');
    assert.equal(world.sandbox.upstreams.requests.total('pivot'), 1);

    await mkdir(join(folder, '..second'));
    await symlink(good, join(folder, '..second/merchantSecret'));
    await symlink('..second', join(folder, '..data_tmp'));
    await rename(join(folder, '..data_tmp'), join(folder, '..data'));
    await daemon.output.untilLines('refresh-recovered', 1);
    assert.equal(world.sandbox.upstreams.requests.total('pivot'), 2, 'nothing was asked in between');
    daemon.send('SIGTERM');
    assert.deepEqual(await daemon.untilExit(), { code: 0, signal: null });
  });

  it('a fetch that does not end is abandoned, and the program ends within 10 s of SIGTERM', async (t) => {
    await using world = await startProgramWorld();
    world.addFault('pivot:slow-headers');
    const config = await world.copyConfig('stuck.yaml', {
      only: ['pivot'],
      setProviders: { timeout: '60s' },
    });
    await using daemon = new ProgramProcess(['run', '--config', config], t);
    await world.sandbox.upstreams.requests.untilArrived('pivot', 1);
    daemon.send('SIGTERM');

    assert.deepEqual(await daemon.untilExit(), { code: 0, signal: null });
    // Its own clock holds it to 8.5 s: beyond them it says so and ends with 1.
    assert.deepEqual(daemon.output.linesOf('program-stop-overdue'), []);
    assert.equal(daemon.output.linesOf('program-stopped').length, 1);
    assert.equal(daemon.output.linesOf('refresh-abandoned')[0]?.['code'], 'aborted');
  });
});

function of(token: string): (line: JsonObject) => boolean {
  return (line) => line['token'] === token;
}

async function assertSeenFromOutside(url: string): Promise<void> {
  for (const path of ['/livez', '/readyz']) assert.equal((await fetch(`${url}${path}`)).status, 200, path);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  for (const secret of SECRETS) {
    const token = secret.replace('sandbox/', '');
    const gauge = new RegExp(
      `^token_refresher_token_expires_at_seconds\\{[^}]*token="${token}"[^}]*\\} (\\S+)$`,
      'm',
    );
    const expiresAtMs = Number(gauge.exec(metrics)?.[1]) * 1000;
    assert.ok(expiresAtMs > Date.now(), `${token} has a gauge in ${metrics}`);
  }
}

/** Full jitter below a quarter of the life that is left, and a minute once there is none; then the attempt comes. */
function assertWaitFollowsRule(
  failed: JsonObject,
  attempt: number,
  startedAtMs: number,
  next: JsonObject | undefined,
): void {
  assert.equal(failed['attempt'], attempt);
  const waitMs = timeOf(failed, 'nextAttemptAt') - timeOf(failed);
  const leftMs = timeOf(failed, 'expiresAt') - timeOf(failed);
  const longestMs = leftMs <= 0 ? 60_000 : Math.max(250, Math.min(1000 * 2 ** (attempt - 1), leftMs / 4));
  const shortestMs = leftMs <= 0 ? 60_000 : 250;
  assert.ok(waitMs <= longestMs + SLACK_MS, `attempt ${attempt}: waits ${waitMs} ms, at most ${longestMs}`);
  // Not from the line's own time: a busy machine may write it late.
  const untilNextMs = timeOf(failed, 'nextAttemptAt') - startedAtMs;
  assert.ok(
    untilNextMs >= shortestMs - SLACK_MS,
    `attempt ${attempt}: the next comes after ${untilNextMs} ms, at least ${shortestMs}`,
  );
  if (next !== undefined) {
    assert.ok(
      timeOf(next) >= timeOf(failed, 'nextAttemptAt') - SLACK_MS,
      `attempt ${attempt + 1} comes early`,
    );
  }
}
