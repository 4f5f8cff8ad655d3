/** Daemons come and go, people interfere: the store and the providers stay, and tokens stay fresh. */
import assert from 'node:assert/strict';
import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { ProgramProcess, runProgram } from '../support/program-process.ts';
import { startProgramWorld } from '../support/program-world.ts';
import { SandboxProcess } from '../support/sandbox-process.ts';

const TOKENS = 7;

describe('a daemon beside others', { concurrency: true, timeout: 60_000 }, () => {
  it('a daemon that was killed and starts again fetches no token that is still fresh', async (t) => {
    await using sandbox = await SandboxProcess.start(t.signal, '--upstreams-only', '--speed', '1');
    const config = await sandbox.copyConfig('debug.yaml', { set: { 'log.level': 'debug' } });
    const readAll = () => Promise.all(sandbox.ready.secrets.map((secret) => sandbox.readDocument(secret)));

    await using killed = new ProgramProcess(['run', '--config', config], t);
    await killed.output.untilLines('token-refreshed', TOKENS);
    killed.send('SIGKILL');
    assert.deepEqual(await killed.untilExit(), { code: null, signal: 'SIGKILL' });
    const published = await readAll();

    await using restarted = new ProgramProcess(['run', '--config', config], t);
    const { output } = restarted;
    await output.untilLines('program-started', 1);
    restarted.send('SIGTERM');
    assert.deepEqual(await restarted.untilExit(), { code: 0, signal: null });
    assert.equal(output.linesOf('token-restored').length, TOKENS);
    for (const event of ['refresh-started', 'token-fetched', 'token-refreshed', 'secret-written'])
      assert.deepEqual(output.linesOf(event), [], event);
    assert.deepEqual(await readAll(), published);
  });

  it('refresh publishes a token beside a running daemon, which goes on without failing', async (t) => {
    await using sandbox = await SandboxProcess.start(t.signal, '--upstreams-only', '--speed', '60');
    const config = await sandbox.copyConfig('beside.yaml', {
      only: ['pivot'],
      set: { 'log.level': 'debug' },
      setProviders: { refreshAfter: 0.55 },
    });
    await using daemon = new ProgramProcess(['run', '--config', config], t);
    await daemon.output.untilLines('token-refreshed', 1);

    const explicit = await runProgram(['refresh', 'pivot', '--json', '--config', config], t);
    assert.equal(explicit.code, 0, explicit.stderr);
    const [outcome] = z
      .tuple([z.object({ token: z.string(), outcome: z.string(), generation: z.number() })])
      .parse(JSON.parse(explicit.stdout));
    assert.deepEqual(outcome, { token: 'pivot', outcome: 'refreshed', generation: 2 });

    await daemon.output.untilLines('token-refreshed', 2);
    const { generation } = await sandbox.readDocument('sandbox/pivot');
    assert.equal(generation, 3, 'generations count up whoever publishes');
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
});
