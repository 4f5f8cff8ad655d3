/** The real program while what is behind its standard output does not take it, and its end while things hang. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { constants, openSync, readFileSync, truncateSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { watchStalls } from '../chaos/stall-watch.ts';
import { findFreePort } from '../support/free-port.ts';
import { startLoopbackServer } from '../support/loopback-server.ts';
import { COMPILE_CACHE, PROJECT, STORE_ENVIRONMENT } from '../support/program-process.ts';
import { startProgramWorld } from '../support/program-world.ts';
import { findContainerProblem } from '../support/unshared-container.ts';

const ENV = { ...STORE_ENVIRONMENT, NODE_COMPILE_CACHE: COMPILE_CACHE, PATH: process.env['PATH'] };
const STOP_MS = 10_000;

type Stdio = number | 'ignore';

/** Starts the program with an output of the test's; it is killed with the test. */
function start(
  t: TestContext,
  args: readonly string[],
  stdout: Stdio,
  stderr: Stdio = 'ignore',
): ChildProcess {
  return spawnFor(t, process.execPath, ['src/main.ts', ...args], stdout, stderr);
}

function spawnFor(
  t: TestContext,
  file: string,
  args: readonly string[],
  stdout: Stdio,
  stderr: Stdio = 'ignore',
): ChildProcess {
  const child = spawn(file, args, { cwd: PROJECT, env: ENV, stdio: ['ignore', stdout, stderr] });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

/**
 * Asks it to stop.
 * @returns its exit code; fails when it takes longer than people wait, not counting what the machine keeps it from running
 */
async function stop(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
  let stalledMs = 0;
  using _ = watchStalls(
    ({ fromMs, toMs }) => {
      stalledMs += toMs - fromMs;
    },
    () => new Map(child.pid === undefined ? [] : [['child', child.pid]]),
  );
  const startedMs = performance.now();
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
  assert.ok(performance.now() - startedMs < STOP_MS + stalledMs, 'gone within 10 s');
  return child.exitCode;
}

async function makeFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'token-refresher-output-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function makePipe(t: TestContext): Promise<{ readonly path: string; readonly fd: number }> {
  const path = join(await makeFolder(t), 'pipe');
  execFileSync('mkfifo', [path]);
  // For both, so that it has a reader, which reads nothing.
  return { path, fd: openSync(path, constants.O_RDWR | constants.O_NONBLOCK) };
}

function fill(fd: number): void {
  try {
    for (;;) writeSync(fd, 'x'.repeat(4096));
  } catch {
    // Full.
  }
}

async function untilScraped(
  t: TestContext,
  port: number,
  fits: (metrics: string) => boolean,
): Promise<string> {
  for (;;) {
    t.signal.throwIfAborted();
    const text = await fetch(`http://127.0.0.1:${port}/metrics`).then(
      (answer) => answer.text(),
      () => '',
    );
    if (fits(text)) return text;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const refreshes = (metrics: string): number =>
  Number(/^token_refresher_refresh_total\{provider="pivot",code="ok"\} (\d+)$/m.exec(metrics)?.[1] ?? 0);
const lostLines = (metrics: string): number =>
  Number(/^token_refresher_log_lines_lost_total (\d+)$/m.exec(metrics)?.[1] ?? 0);

describe('standard output that does not take what is written', { concurrency: 2, timeout: 600_000 }, () => {
  it('a full disk: refreshing goes on, lines are counted, a line says so when there is room again, SIGTERM ends it with 0', async (t) => {
    await using world = await startProgramWorld();
    const port = await findFreePort();
    const config = await world.copyConfig('full.yaml', {
      only: ['pivot'],
      set: { 'http.port': port, 'log.level': 'debug' },
    });
    const path = join(await makeFolder(t), 'log');
    // A file that may not grow beyond 1 KiB, which the first lines fill.
    const command = 'ulimit -f 1; exec "$0" src/main.ts run --config "$1" >>"$2"';
    const child = spawnFor(t, 'bash', ['-c', command, process.execPath, config, path], 'ignore');
    const metrics = await untilScraped(t, port, (text) => refreshes(text) >= 1 && lostLines(text) >= 1);
    assert.ok(lostLines(metrics) >= 1);
    truncateSync(path, 0);
    assert.equal(await stop(child), 0);
    const [first, ...others] = readFileSync(path, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.equal(first.event, 'log-lines-lost');
    assert.ok(first.lines >= 1);
    assert.equal(others.at(-1).event, 'program-stopped');
  });

  it('a disk without any room: nothing but the log is lost', async (t) => {
    await using world = await startProgramWorld();
    const port = await findFreePort();
    const config = await world.copyConfig('full.yaml', { only: ['pivot'], set: { 'http.port': port } });
    const full = openSync('/dev/full', constants.O_WRONLY);
    const child = start(t, ['run', '--config', config], full, full);
    await untilScraped(t, port, (text) => refreshes(text) >= 1 && lostLines(text) >= 1);
    assert.equal(await stop(child), 0);
  });

  for (const args of [
    ['presets'],
    ['schema'],
    ['init', 'paypal'],
    ['plan', '--config', 'config/example.yaml'],
  ])
    it(`a disk without any room: ${args[0]} says that its result is lost, and ends with 1`, () => {
      const full = openSync('/dev/full', constants.O_WRONLY);
      const { status, stderr } = spawnSync(process.execPath, ['src/main.ts', ...args], {
        cwd: PROJECT,
        env: ENV,
        encoding: 'utf8',
        stdio: ['ignore', full, 'pipe'],
      });
      assert.equal(status, 1);
      assert.match(
        stderr,
        /^standard output cannot be written \(ENOSPC: the disk is full; free some of it\)$/m,
      );
    });

  for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
    it(`a reader that has stopped: refreshing goes on, and ${signal} ends it with 0`, async (t) => {
      await using world = await startProgramWorld();
      const port = await findFreePort();
      const config = await world.copyConfig('full.yaml', { only: ['pivot'], set: { 'http.port': port } });
      const pipe = await makePipe(t);
      fill(pipe.fd);
      const child = start(t, ['run', '--config', config], pipe.fd, pipe.fd);
      await untilScraped(t, port, (text) => refreshes(text) >= 1);
      assert.equal(await stop(child, signal), 0);
    });
  }

  it('a reader that has gone away ends no daemon, and ends `plan` quietly', async (t) => {
    await using world = await startProgramWorld();
    const port = await findFreePort();
    const config = await world.copyConfig('gone.yaml', { only: ['pivot'], set: { 'http.port': port } });
    const command = 'exec "$0" src/main.ts run --config "$1" > >(true)';
    const child = spawnFor(t, 'bash', ['-c', command, process.execPath, config], 'ignore');
    const metrics = await untilScraped(t, port, (text) => refreshes(text) >= 1 && lostLines(text) >= 1);
    assert.ok(refreshes(metrics) >= 1);
    const planned = execFileSync(
      'bash',
      [
        '-c',
        'set -o pipefail; { "$0" src/main.ts plan --config "$1" 2>&1; echo "$?" >&3; } 3>&1 >/dev/null | cat',
        process.execPath,
        config,
      ],
      { cwd: PROJECT, env: ENV, encoding: 'utf8' },
    );
    assert.equal(planned, '0\n');
    assert.equal(await stop(child), 0);
  });
});

describe('the end of the process', { concurrency: 2, timeout: 600_000 }, () => {
  it('does not wait for a thread that hangs', async (t) => {
    const { path } = await makePipe(t);
    const urlOf = (name: string): string =>
      JSON.stringify(join(PROJECT, 'src/adapters/system', `${name}.ts`));
    const program = `
      import { open } from 'node:fs';
      import { endProcess } from ${urlOf('process-end')};
      // Nobody writes: each of libuv's threads waits for ever.
      for (let thread = 0; thread < 4; thread += 1) open(${JSON.stringify(join(path, '../other'))}, 'r', () => undefined);
      setTimeout(() => endProcess(7), 1100);`;
    execFileSync('mkfifo', [join(path, '../other')]);
    const child = spawnFor(t, process.execPath, ['--input-type=module', '-e', program], 'ignore');
    await once(child, 'exit');
    assert.equal(child.exitCode, 7);
  });

  for (const [what, args] of Object.entries({
    'run --once': ['run', '--once'],
    refresh: ['refresh', 'pivot'],
    status: ['status'],
    'check --live': ['check', '--live'],
  })) {
    it(`${what} is gone within 10 s of SIGTERM while the store accepts and never answers`, async (t) => {
      await using world = await startProgramWorld();
      await using store = await startLoopbackServer(() => undefined);
      const set = { 'store.endpoint': store.url, 'store.timeout': '60s' };
      const config = await world.copyConfig('silent.yaml', { only: ['pivot'], set });
      const child = start(t, [...args, '--config', config], 'ignore');
      await store.firstRequest();
      assert.equal(await stop(child), 1);
    });
  }

  it('process 1 of a container obeys a SIGTERM that comes while Node.js starts', async (t) => {
    const problem = findContainerProblem();
    if (problem !== undefined) return t.skip(problem);
    // Before Node.js has a handler of its own, the kernel drops what is sent to a process 1: nobody can hear that.
    const isHeard =
      'is_heard() { local caught; caught=$(awk \'/^SigCgt:/ { print $2 }\' "/proc/$child/status"); ((16#${caught:-0} & 0x4000)); }; ';
    const command =
      `${isHeard}unshare --pid --fork --kill-child --mount-proc "$0" src/main.ts sandbox --upstreams-only & parent=$!; ` +
      'until child=$(pgrep -P "$parent"); do :; done; until is_heard; do :; done; ' +
      'kill -TERM "$child"; wait "$parent"; echo "$?"';
    const { stdout, stderr } = await promisify(execFile)('bash', ['-c', command, process.execPath], {
      cwd: PROJECT,
      env: ENV,
      signal: t.signal,
      killSignal: 'SIGKILL',
    });
    // Where starting alone takes as long as people wait, it gives up in time, and says what it had heard.
    assert.match(`${stdout}${stderr}`, /^0$|^not ended 9s after SIGTERM/m);
  });
});
