/** Signals at awkward moments, a restart, and a start that cannot succeed. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startLoopbackServer } from '../support/loopback-server.ts';
import { ProgramProcess, runProgram } from '../support/program-process.ts';
import { startProgramWorld } from '../support/program-world.ts';
import { SANDBOX_TOKENS } from '../support/sandbox-entries.ts';
import { SandboxProcess } from '../support/sandbox-process.ts';

const TOKENS = SANDBOX_TOKENS.length;
const STOPPED = { code: 0, signal: null };

describe('stopping and starting', { concurrency: true, timeout: 600_000 }, () => {
  it('One at a time: a daemon that was killed and starts again fetches no token that is still fresh', async (t) => {
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

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`Quick to stop, safe to kill: after ${signal} a fetch in flight is finished and published, and nothing new begins`, async (t) => {
      await using world = await startProgramWorld();
      const { requests } = world.sandbox.upstreams;
      world.addFault('pivot-b2b2c:latency=1500ms');
      const config = await world.copyConfig('one-at-a-time.yaml', {
        only: ['pivot-b2b2c'],
        set: { 'log.level': 'debug' },
        setProviders: { concurrency: 1 },
      });
      await using daemon = new ProgramProcess(['run', '--config', config], t);
      await requests.untilArrived('pivot-b2b2c', 1);
      daemon.send(signal);

      assert.deepEqual(await daemon.untilExit(), STOPPED);
      const { output } = daemon;
      assert.equal(output.linesOf('program-stopping')[0]?.['signal'], signal);
      assert.equal(output.linesOf('token-refreshed').length, 1, 'the one that was in flight');
      assert.equal(output.linesOf('refresh-abandoned').length, 1, 'the one that waited for its turn');
      assert.equal(requests.total('pivot-b2b2c'), 1);
      assert.equal(output.lines.at(-1)?.['event'], 'program-stopped');
    });
  }

  it('SIGTERM during the start ends it before anything is fetched', async (t) => {
    await using world = await startProgramWorld();
    await using store = await startLoopbackServer(() => undefined);
    const config = await world.copyConfig('silent-store.yaml', { set: { 'store.endpoint': store.url } });
    await using daemon = new ProgramProcess(['run', '--config', config], t);
    await store.firstRequest();
    daemon.send('SIGTERM');

    assert.deepEqual(await daemon.untilExit(), STOPPED);
    assert.deepEqual(daemon.output.linesOf('refresh-started'), []);
    assert.equal(daemon.output.stderr, '');
    for (const provider of Object.keys(world.sandbox.providers))
      assert.equal(world.sandbox.upstreams.requests.total(provider), 0, provider);
  });

  it('a port that is taken ends the start with exit code 1, says so, and starts nothing', async (t) => {
    await using world = await startProgramWorld();
    await using other = await startLoopbackServer((_request, response) => response.end());
    const { port } = new URL(other.url);
    const config = await world.copyConfig('taken.yaml', { set: { 'http.port': Number(port) } });
    const { code, stdout, stderr } = await runProgram(['run', '--config', config], t);
    assert.equal(code, 1);
    assert.equal(
      stderr,
      `cannot listen on 127.0.0.1 port ${port}: another program does; stop it or set http.port to a free port (0 picks one)\n`,
    );
    assert.equal(stdout, '');
    assert.equal(other.requests.length, 0);
    assert.equal(world.sandbox.store.requests.size, 0);
  });

  it('a sandbox without a daemon stops on SIGINT', async (t) => {
    await using sandbox = await SandboxProcess.start(t.signal, '--upstreams-only');
    assert.equal(sandbox.ready.http, undefined);
    sandbox.program.send('SIGINT');
    assert.deepEqual(await sandbox.program.untilExit(), STOPPED);
    assert.equal(sandbox.program.output.stderr, '');
  });
});
