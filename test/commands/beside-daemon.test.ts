/** `refresh NAME` and `run --once` while a daemon refreshes the same tokens: never a second hand. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { SERVICE_ACCOUNT_TOKEN } from '../support/lease-api.ts';
import { startLeaseApiServer } from '../support/lease-api-server.ts';
import { type ProgramRun, runInProcess, startInProcess } from '../support/program-terminal.ts';
import { type ProgramWorld, startProgramWorld } from '../support/program-world.ts';

const TOKEN = 'pivot-b2b2c/ayu';
const DAEMON = { name: 'daemon.yaml', only: ['pivot-b2b2c'] };

async function startDaemon(configPath: string): Promise<ProgramRun> {
  const run = startInProcess(['run', '--config', configPath]);
  await run.output.untilLines('token-refreshed', 2);
  return run;
}

async function makeFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'beside-daemon-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

async function copyConfig(world: ProgramWorld, dir: string, coordination: unknown): Promise<string> {
  return world.copyConfig(DAEMON.name, {
    only: DAEMON.only,
    set: { journal: { dir: join(dir, 'journal') }, 'http.port': 0, coordination, 'log.level': 'debug' },
  });
}

/** On a machine that is busy with much else, too, a leader renews in time. */
const PATIENT = { leaseDuration: '60s', renewDeadline: '40s' };
/** For those who wait for a lease duration. */
const QUICK = { leaseDuration: '9s', renewDeadline: '6s' };

const COORDINATIONS = {
  'by its journal directory': async () => ({ kind: 'none' }),
  'by the Lease': async (t: TestContext, dir: string, timing = PATIENT) => {
    const { url } = await startLeaseApiServer(t);
    const tokenFile = join(dir, 'token');
    await writeFile(tokenFile, SERVICE_ACCOUNT_TOKEN);
    return {
      kind: 'kubernetes',
      namespace: 'payments',
      apiServer: { url, tokenFile },
      retryPeriod: '500ms',
      ...timing,
    };
  },
};

/** They wait for leases to run out more than they work: at the same time. */
describe('beside a daemon', { concurrency: true }, () => {
  describe('that is found by the Lease, and several shells', () => {
    it('refresh answers each of them', async (t) => {
      await using world = await startProgramWorld();
      const dir = await makeFolder(t);
      const config = await copyConfig(world, dir, await COORDINATIONS['by the Lease'](t, dir));
      await using daemon = await startDaemon(config);
      const names = [TOKEN, 'pivot-b2b2c/budi', 'pivot-b2b2c'];
      const results = await Promise.all(
        names.map((name) => runInProcess(['refresh', name, '--json', '--config', config])),
      );
      for (const { code, stderr } of results) assert.equal(code, 0, stderr);
      const told = results.map(({ stdout }) =>
        JSON.parse(stdout).map(({ token }: { token: string }) => token),
      );
      assert.deepEqual(told, [[TOKEN], ['pivot-b2b2c/budi'], [TOKEN, 'pivot-b2b2c/budi']]);
      assert.ok(!daemon.output.stdout.includes('chain-broken'));
    });
  });

  for (const [title, coordinate] of Object.entries(COORDINATIONS)) {
    describe(`that is found ${title}`, () => {
      it('No chain is lost by us: refresh has the daemon refresh, which alone presents refresh tokens', async (t) => {
        await using world = await startProgramWorld();
        const dir = await makeFolder(t);
        const config = await copyConfig(world, dir, await coordinate(t, dir));
        await using daemon = await startDaemon(config);
        const calls = world.sandbox.upstreams.requests.total('pivot-b2b2c');
        const results = await Promise.all([
          runInProcess(['refresh', TOKEN, '--json', '--config', config]),
          ...(title === 'by the Lease'
            ? []
            : [runInProcess(['refresh', 'pivot-b2b2c/budi', '--config', config])]),
        ]);
        for (const { code, stderr } of results) assert.equal(code, 0, stderr);
        const [{ token, outcome } = {}] = JSON.parse(results[0]?.stdout ?? '[]');
        assert.equal(token, TOKEN);
        // Two tokens of the same second expire in the same second: the second one is not better.
        assert.ok(outcome === 'refreshed' || outcome === 'unchanged', outcome);
        const explicit = daemon.output.linesOf('refresh-started', ({ reason }) => reason === 'explicit');
        assert.equal(explicit.length, results.length, 'the daemon did it');
        assert.equal(world.sandbox.upstreams.requests.total('pivot-b2b2c'), calls + results.length);
        assert.ok(!daemon.output.stdout.includes('chain-broken'));
      });

      it('refresh ends at once when asked to while the daemon has not answered', async (t) => {
        await using world = await startProgramWorld();
        const dir = await makeFolder(t);
        const config = await copyConfig(world, dir, await coordinate(t, dir));
        await using daemon = await startDaemon(config);
        world.addFault('pivot-b2b2c:latency=60s');
        const run = startInProcess(['refresh', TOKEN, '--json', '--config', config]);
        await daemon.output.untilLines('refresh-started', 3);
        run.terminal.stop();
        assert.equal(await run.exit, 1);
        const message = 'SIGTERM: stopped before it was done';
        assert.deepEqual(JSON.parse(run.output.stdout), { config, problems: [{ message }] });
      });

      it('refresh says when the daemon knows no token of that name', async (t) => {
        await using world = await startProgramWorld();
        const dir = await makeFolder(t);
        const config = await copyConfig(world, dir, await coordinate(t, dir));
        await using _ = await startDaemon(config);
        const { code, stderr } = await runInProcess(['refresh', 'nobody', '--config', config]);
        assert.deepEqual(
          [code, stderr],
          [2, 'the process that refreshes knows no token or provider "nobody"\n'],
        );
      });

      it('run --once leaves the tokens to the daemon, and refreshes them when it has gone', async (t) => {
        await using world = await startProgramWorld();
        const dir = await makeFolder(t);
        const config = await copyConfig(world, dir, await coordinate(t, dir, QUICK));
        {
          await using _ = await startDaemon(config);
          const { code, stderr } = await runInProcess(['run', '--once', '--config', config]);
          assert.equal(code, 0);
          assert.match(stderr, /another process keeps these tokens fresh: nothing to do/);
        }
        const calls = world.sandbox.upstreams.requests.total('pivot-b2b2c');
        assert.equal((await runInProcess(['run', '--once', '--config', config])).code, 0);
        assert.equal((await runInProcess(['refresh', TOKEN, '--config', config])).code, 0);
        assert.equal(world.sandbox.upstreams.requests.total('pivot-b2b2c'), calls + 1);
      });
    });
  }
});
