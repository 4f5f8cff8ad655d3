/** Credential files, a configuration and a journal that do not answer, beside some that do. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { findHangProblem, withHangingFolder } from '../support/hanging-folder.ts';
import { makePipe } from '../support/named-pipe.ts';
import { ProgramProcess, runProgram } from '../support/program-process.ts';
import { startProgramWorld } from '../support/program-world.ts';

const HEALTHY = 'pik';
const CREDENTIALS = [
  'apimw/apiKey',
  'apimw/apiSecret',
  'paysecurez/clientId',
  'paysecurez/clientSecret',
  'pivot/merchantId',
  'pivot/merchantSecret',
  'pivot-b2b/clientId',
  'pivot-b2b/privateKey',
];
/** Short enough for the healthy provider to refresh again and again while the others are looked at. */
const LIFETIME = '12s';
/** Calls may take long on a busy machine, for which that would leave no room: it comes as a surprise. */
const PATIENT = {
  set: { 'log.level': 'debug', 'store.timeout': '60s' },
  setProviders: { lifetime: '15m', refreshAfter: 0.6, timeout: '60s' },
} as const;

describe('files that do not answer', { concurrency: true, timeout: 600_000 }, () => {
  it('Good neighbours: eight credentials that are pipes stop no other provider, and SIGTERM is obeyed', async (t) => {
    await using world = await startProgramWorld({ speed: 60 });
    const folder = dirname(world.sandbox.configPath);
    for (const credential of CREDENTIALS) {
      const path = join(folder, 'credentials', credential);
      await rm(path);
      makePipe(path);
    }
    const config = await world.copyConfig('pipes.yaml', {
      ...PATIENT,
    });
    world.addFault(`${HEALTHY}:lifetime=${LIFETIME}`);
    await using daemon = new ProgramProcess(['run', '--config', config], t);
    const { output } = daemon;
    const isHealthy = ({ token }: { readonly [field: string]: unknown }): boolean => token === HEALTHY;
    await output.untilLines('token-refreshed', 5, isHealthy);
    const failures = output.linesOf('refresh-failed').filter(({ token }) => token === 'pivot');
    assert.deepEqual([...new Set(failures.map(({ code }) => code))], ['credentials-rejected']);
    assert.match(
      String(failures[0]?.['msg']),
      /merchantId.*it is no regular file but a pipe, a device or a socket/,
    );
    daemon.send('SIGTERM');
    assert.deepEqual(await daemon.untilExit(), { code: 0, signal: null });
  });

  it('Bad input is refused clearly: a configuration that is a pipe, exit code 2', async (t) => {
    await using world = await startProgramWorld();
    const pipe = join(dirname(world.sandbox.configPath), 'pipe.yaml');
    makePipe(pipe);
    for (const command of ['run', 'check', 'status']) {
      const { code, stderr } = await runProgram([command, '--config', pipe], t);
      assert.equal(code, 2, command);
      assert.match(stderr, /pipe\.yaml: the file cannot be read \(it is no regular file but a pipe/);
    }
  });

  it('Good neighbours: eight credentials on a mount that hangs stop no other provider, and SIGTERM is obeyed', {
    skip: findHangProblem() ?? false,
  }, async (t) => {
    await using world = await startProgramWorld({ speed: 60 });
    const folder = dirname(world.sandbox.configPath);
    const dead = join(folder, 'dead');
    const config = await world.copyConfig('dead.yaml', {
      replace: Object.fromEntries(
        CREDENTIALS.map((credential, file) => [`credentials/${credential} }`, `${dead}/${file} }`]),
      ),
      ...PATIENT,
    });
    world.addFault(`${HEALTHY}:lifetime=${LIFETIME}`);
    await using daemon = new ProgramProcess(['run', '--config', config], {
      signal: t.signal,
      within: withHangingFolder(dead),
    });
    const { output } = daemon;
    await output.untilLines('refresh-failed', 2, ({ token }) => token === 'pivot');
    const already = output.linesOf('token-refreshed').length;
    await output.untilLines('token-refreshed', already + 3, ({ token }) => token === HEALTHY);
    const failures = output.linesOf('refresh-failed').filter(({ token }) => token === 'pivot');
    assert.deepEqual([...new Set(failures.map(({ code }) => code))], ['provider-unavailable']);
    assert.match(
      String(failures[0]?.['msg']),
      /dead\/\d cannot be read \(ETIMEDOUT: the file system did not answer\)/,
    );
    const { http } = (await output.untilLines('program-started', 1))[0] ?? {};
    assert.equal((await fetch(`${String(http)}/livez`)).status, 200);
    daemon.send('SIGTERM');
    assert.deepEqual(await daemon.untilExit(), { code: 0, signal: null });
  });

  it('Good neighbours: check notes credentials on a mount that hangs, looks at the others, and ends with 0', {
    skip: findHangProblem() ?? false,
  }, async (t) => {
    await using world = await startProgramWorld();
    const folder = dirname(world.sandbox.configPath);
    const dead = join(folder, 'dead');
    await rm(join(folder, 'credentials/pik/appId'));
    // Of a folder each, and more than libuv has threads: what would be read after them is not read either.
    const config = await world.copyConfig('dead.yaml', {
      only: [HEALTHY, ...CREDENTIALS.map(dirname)],
      set: { alerts: { sinks: [] } },
      replace: Object.fromEntries(
        CREDENTIALS.map((credential, file) => [`credentials/${credential} }`, `${dead}/${file}/key }`]),
      ),
    });
    const { code, stdout, stderr } = await runProgram(['check', '--config', config], {
      signal: t.signal,
      within: withHangingFolder(dead),
    });
    assert.deepEqual([code, stderr], [0, '']);
    const notes = stdout.split('\n').filter((line) => line.includes('.file: '));
    assert.equal(
      notes.filter((note) => /dead\/\d\/key was not read, since the file system/.test(note)).length,
      8,
    );
    assert.match(notes.join('\n'), /appId is not on this machine: create it/);
    assert.equal(notes.length, 9);
  });
});
