/** Whose journal it is: of one process, and of the release that can read it. */
import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { ProgramProcess, runProgram } from '../support/program-process.ts';
import { startProgramWorld } from '../support/program-world.ts';

describe('a journal', { concurrency: true, timeout: 600_000 }, () => {
  it('is refused to a second daemon, and given to the next one after a kill', async (t) => {
    await using world = await startProgramWorld();
    const config = await world.copyConfig('journal.yaml', { only: ['pik'] });
    const journal = join(dirname(config), 'journal');
    await using first = new ProgramProcess(['run', '--config', config], t);
    await first.output.untilLines('program-started', 1);
    const { code, stderr } = await runProgram(['run', '--config', config], t);
    assert.equal(code, 1);
    assert.match(stderr, /journal\.dir \S+ is used by another process of this program/);
    first.send('SIGKILL');
    await first.untilExit();
    await using second = new ProgramProcess(['run', '--config', config], t);
    await second.output.untilLines('program-started', 1);
    second.send('SIGTERM');
    assert.deepEqual(await second.untilExit(), { code: 0, signal: null });
    assert.deepEqual(await readdir(journal), []);
  });

  it('No chain is lost by us: of a later release is left alone, and nothing is started', async (t) => {
    await using world = await startProgramWorld();
    const config = await world.copyConfig('journal.yaml', { only: ['pivot-b2b2c'] });
    const journal = join(dirname(config), 'journal');
    await mkdir(journal, { recursive: true, mode: 0o700 });
    const entry = join(journal, `${'0'.repeat(40)}.chain.json`);
    const text = '{"schema_version":2,"text":"canary"}';
    await writeFile(entry, text, { mode: 0o600 });
    for (const args of [['run'], ['run', '--once'], ['refresh', 'pivot-b2b2c']]) {
      const { code, stderr } = await runProgram([...args, '--config', config], t);
      assert.equal(code, 2, args.join(' '));
      assert.match(stderr, /was written by a later release of token-refresher.*nothing was started/);
      assert.doesNotMatch(stderr, /canary/);
    }
    assert.equal(await readFile(entry, 'utf8'), text);
    assert.equal(world.sandbox.upstreams.requests.total('pivot-b2b2c'), 0);
  });
});
