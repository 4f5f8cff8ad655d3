/** Signals at awkward moments, and a start that cannot succeed. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startLoopbackServer } from '../support/loopback-server.ts';
import { msBetween } from '../support/program-output.ts';
import { ProgramProcess, runProgram } from '../support/program-process.ts';
import { startProgramWorld } from '../support/program-world.ts';

const STOPPED = { code: 0, signal: null };

describe('stopping', { concurrency: true, timeout: 60_000 }, () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`after ${signal} a fetch in flight is finished and published, and nothing new begins`, async (t) => {
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

  it('a fetch that does not end is abandoned, and the program ends within 10 s of SIGTERM', async (t) => {
    await using world = await startProgramWorld();
    world.addFault('pivot:slow-headers');
    const config = await world.copyConfig('stuck.yaml', { only: ['pivot'], setProviders: { timeout: '60s' } });
    await using daemon = new ProgramProcess(['run', '--config', config], t);
    await world.sandbox.upstreams.requests.untilArrived('pivot', 1);
    daemon.send('SIGTERM');

    assert.deepEqual(await daemon.untilExit(), STOPPED);
    const [stopping] = daemon.output.linesOf('program-stopping');
    const [stopped] = daemon.output.linesOf('program-stopped');
    assert.ok(stopping !== undefined && stopped !== undefined);
    assert.ok(msBetween(stopping, stopped) <= 10_000);
    assert.equal(daemon.output.linesOf('refresh-abandoned')[0]?.['code'], 'aborted');
  });

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

  it('the sandbox stops on SIGINT, also the one that runs no daemon', async (t) => {
    for (const args of [['sandbox'], ['sandbox', '--upstreams-only']]) {
      await using sandbox = new ProgramProcess(args, t);
      await sandbox.output.untilLine(({ event }) => event === 'sandbox-ready');
      sandbox.send('SIGINT');
      assert.deepEqual(await sandbox.untilExit(), STOPPED);
      assert.equal(sandbox.output.stderr, '');
    }
  });
});
