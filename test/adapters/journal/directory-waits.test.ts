import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { FileLanes } from '../../../src/adapters/files/file-lanes.ts';
import { DirectoryWaits } from '../../../src/adapters/journal/directory-waits.ts';
import { PrivateDirectory } from '../../../src/adapters/journal/private-directory.ts';
import type { FetchWait } from '../../../src/core/ports.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { createPrivateFolder } from '../../support/private-folder.ts';
import { NOON_MS } from '../../support/sample-events.ts';
import { HOUR_MS } from '../../support/token-builder.ts';

const WAIT: FetchWait = {
  notBeforeMs: NOON_MS + HOUR_MS,
  recordedAtMs: NOON_MS,
  code: 'rate-limited',
  rejectedLives: 0,
};

async function open(t: TestContext) {
  const path = await createPrivateFolder(t);
  const clock = new FakeClock();
  const reported: string[] = [];
  const start = (): DirectoryWaits =>
    new DirectoryWaits({
      directory: new PrivateDirectory({
        path,
        uid: process.getuid?.(),
        files: new FileLanes(new FakeClock()),
      }),
      clock,
      report: (problem) => void reported.push(problem),
    });
  return { path, clock, reported, start };
}

describe('DirectoryWaits', () => {
  for (const wait of [WAIT, { ...WAIT, code: 'min-interval' }, { ...WAIT, rejectedLives: 3 }] as const) {
    it(`Nobody is locked out: gives the next process what it was told: ${wait.code}, ${wait.rejectedLives}`, async (t) => {
      const { path, start, reported } = await open(t);
      await start().write('pivot/ayu', wait);
      const next = start();
      const found = await next.read('pivot/ayu');
      assert.deepEqual(found, { ...wait, token: 'pivot/ayu' });
      assert.equal(await next.read('pivot/budi'), undefined);
      await next.remove('pivot/ayu');
      await next.remove('pivot/ayu');
      assert.deepEqual(await readdir(path), []);
      assert.deepEqual(reported, []);
    });
  }

  it('removes what is damaged or says nothing any more, also for tokens that are gone', async (t) => {
    const { path, clock, start } = await open(t);
    await start().write('gone', WAIT);
    await clock.advance(20 * HOUR_MS);
    await start().write('damaged', { ...WAIT, notBeforeMs: clock.now() + HOUR_MS });
    await start().write('present', { ...WAIT, notBeforeMs: clock.now() + HOUR_MS });
    for (const name of await readdir(path)) {
      const text = await readFile(join(path, name), 'utf8');
      if (text.includes('damaged')) await writeFile(join(path, name), text.slice(1));
    }
    await clock.advance(6 * HOUR_MS);
    const next = start();
    assert.ok((await next.read('present')) !== undefined);
    assert.equal(await next.read('damaged'), undefined);
    assert.equal((await readdir(path)).length, 1);
  });

  it('leaves the journal of refresh tokens alone', async (t) => {
    const { path, start } = await open(t);
    await writeFile(join(path, 'entry.chain.json'), 'anything');
    await start().read('pivot/ayu');
    assert.deepEqual(await readdir(path), ['entry.chain.json']);
  });
});
