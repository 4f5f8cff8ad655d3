/** Whoever asks the daemon's HTTP server without pause delays no refresh and no probe. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { readCpuWait } from '../chaos/starvation.ts';
import { timeOf } from '../support/program-output.ts';
import { PROJECT, ProgramProcess } from '../support/program-process.ts';
import { type ProgramWorld, startProgramWorld } from '../support/program-world.ts';

const PROVIDERS = 200;
/** A 15-minute token lives a minute. */
const SPEED = 15;
const LIVEZ_MEDIAN_MS = 50;
const LOOPS = 4;

const startedSchema = z.object({ http: z.url() });

/** As many providers as it takes for a scrape of more than a megabyte. */
async function manyProviders(world: ProgramWorld): Promise<string> {
  const path = await world.copyConfig('many.yaml', {
    only: ['pivot'],
    set: { 'store.writesPerSecond': 1000, 'store.versionBudget': 'none', 'store.timeout': '60s' },
    // Calls may take long on a busy machine, for which a minute would leave no room: it comes as a surprise.
    setProviders: { lifetime: '7m', timeout: '60s' },
  });
  const document = parseDocument(await readFile(path, 'utf8'));
  const { providers, ...rest } = z
    .looseObject({ providers: z.array(z.looseObject({ name: z.string() })).length(1) })
    .parse(document.toJS());
  const many = Array.from({ length: PROVIDERS }, (_, index) => ({
    ...providers[0],
    // Nearly half of its life is left for a machine that is busy with other tests too.
    refreshAfter: 0.55,
    name: `provider-${index}`,
    secret: `sandbox/provider-${index}`,
  }));
  await writeFile(path, JSON.stringify({ ...rest, providers: many }));
  return path;
}

/** Resolves with the first answer; floods until the returned function is called, which says how many there were. */
async function startFlood(t: TestContext, url: string, loops: number): Promise<() => Promise<number>> {
  const child = spawn(process.execPath, ['test/support/request-flood.ts', url, String(loops)], {
    cwd: PROJECT,
  });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return async () => {
    const said = text(child.stdout);
    child.stdin.end();
    await once(child, 'close');
    return Number(await said);
  };
}

/** @returns how long it took, without the time in which the machine let neither end run */
async function probe(url: string, pids: readonly number[]): Promise<number> {
  const waitedMs = (): number => pids.reduce((sumMs, pid) => sumMs + (readCpuWait(pid) ?? 0), 0);
  const startedMs = performance.now() - waitedMs();
  const answer = await fetch(`${url}/livez`);
  await answer.text();
  assert.equal(answer.status, 200);
  return performance.now() - waitedMs() - startedMs;
}

describe('a flood of requests', { timeout: 600_000 }, () => {
  it('Good neighbours: four loops that scrape 200 providers make no token late, and /livez answers within 50 ms', async (t) => {
    await using world = await startProgramWorld({ speed: SPEED });
    await using daemon = new ProgramProcess(['run', '--config', await manyProviders(world)], t);
    const { output } = daemon;
    const [started] = await output.untilLines('program-started', 1);
    const { http } = startedSchema.parse(started);
    await output.untilLines('token-refreshed', PROVIDERS);
    const end = await startFlood(t, `${http}/metrics`, LOOPS);
    const before = output.linesOf('token-refreshed').length;
    const latencies: number[] = [];
    // Each token once more.
    while (output.linesOf('token-refreshed').length < before + PROVIDERS) {
      t.signal.throwIfAborted();
      latencies.push(await probe(http, [process.pid, daemon.pid ?? 0]));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const answers = await end();
    const median = latencies.toSorted((a, b) => a - b)[Math.floor(latencies.length / 2)] ?? Number.NaN;
    t.diagnostic(
      `${answers} scrapes were answered, ${latencies.length} probes, median ${median.toFixed(1)} ms`,
    );
    assert.ok(answers > LOOPS, `a flood of ${answers}`);
    assert.ok(median <= LIVEZ_MEDIAN_MS, `median ${median} ms`);
    assert.deepEqual(output.linesOf('refresh-failed'), []);
    const expiries = new Map<unknown, number>();
    for (const line of output.linesOf('token-refreshed')) {
      const expiresAtMs = expiries.get(line['token']);
      assert.ok(expiresAtMs === undefined || timeOf(line) < expiresAtMs, `${String(line['token'])} was late`);
      expiries.set(line['token'], timeOf(line, 'expiresAt'));
    }
  });
});
