import assert from 'node:assert/strict';
import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { FileLanes } from '../../../src/adapters/files/file-lanes.ts';
import { DirectoryCounts } from '../../../src/adapters/journal/directory-counts.ts';
import { PrivateDirectory } from '../../../src/adapters/journal/private-directory.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { createPrivateFolder } from '../../support/private-folder.ts';

const DAY_MS = 86_400_000;

async function createBench(t: TestContext) {
  const path = await createPrivateFolder(t);
  const clock = new FakeClock();
  const reports: string[] = [];
  const open = (at = path): DirectoryCounts =>
    new DirectoryCounts({
      directory: new PrivateDirectory({ path: at, uid: undefined, files: new FileLanes(new FakeClock()) }),
      clock,
      report: (problem) => reports.push(problem),
    });
  return { path, clock, reports, open };
}

describe('DirectoryCounts', () => {
  it('Nobody is locked out: hands the next process what was counted', async (t) => {
    const { path, clock, open } = await createBench(t);
    const spans = [
      { untilMs: clock.now() - 60_000, calls: 7 },
      { untilMs: clock.now() + 10_000, calls: 20 },
    ];
    await open().write('pik', [{ untilMs: clock.now(), calls: 1 }]);
    await open().write('pik', spans);
    assert.deepEqual(await open().read('pik'), spans);
    assert.deepEqual(await open().read('pivot'), []);
    const [name, ...others] = await readdir(path);
    assert.deepEqual(others, [], 'one file for a provider');
    assert.equal((await stat(join(path, name ?? ''))).mode & 0o777, 0o600);
  });

  it('removes what says nothing any more, and what is damaged', async (t) => {
    const { path, clock, open } = await createBench(t);
    await open().write('pik', [{ untilMs: clock.now(), calls: 1 }]);
    await open().write('gone', [{ untilMs: clock.now() - 3 * DAY_MS, calls: 1 }]);
    await writeFile(join(path, 'damaged.calls.json'), '{"schema_version":1,');
    await writeFile(join(path, 'other.wait.json'), 'not ours');
    assert.equal((await open().read('pik')).length, 1);
    assert.equal((await readdir(path)).length, 2);
  });

  it('reports what goes wrong instead of throwing', async (t) => {
    const { path, reports, open } = await createBench(t);
    const counts = open(join(path, 'missing'));
    await counts.write('pik', []);
    assert.deepEqual(await counts.read('pik'), []);
    assert.ok(reports.some((report) => /the calls of pik cannot be recorded \(ENOENT\)/.test(report)));
  });
});
