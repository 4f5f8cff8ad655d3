import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { DirectoryClaim } from '../../../src/adapters/journal/directory-claim.ts';
import { createPrivateFolder } from '../../support/private-folder.ts';

const IN_USE =
  'is used by another process of this program: end that one, or give each of them a directory of its own';

describe('DirectoryClaim', () => {
  it('is had by one at a time, by the next one after its release, and leaves nothing', async (t) => {
    const path = await createPrivateFolder(t);
    const first = new DirectoryClaim(path);
    const second = new DirectoryClaim(path);
    assert.equal(await first.take(), undefined);
    assert.equal(await first.take(), undefined);
    assert.equal(await second.take(), IN_USE);
    assert.equal(await second.take(), IN_USE);
    first.release();
    assert.equal(await second.take(), undefined);
    second.release();
    assert.deepEqual(await readdir(path), []);
  });

  it('of a process that was killed stops nobody', async (t) => {
    const path = await createPrivateFolder(t);
    const socket = join(path, '.in-use');
    const script = `require('net').createServer().listen(${JSON.stringify(socket)}, () => process.kill(process.pid, 'SIGKILL'))`;
    assert.equal(spawnSync(process.execPath, ['-e', script]).signal, 'SIGKILL');
    assert.deepEqual(await readdir(path), ['.in-use']);
    const claim = new DirectoryClaim(path);
    assert.equal(await claim.take(), undefined);
    claim.release();
  });

  it('is not refused where no socket can be made', async () => {
    assert.equal(await new DirectoryClaim('/proc').take(), undefined);
    assert.equal(await new DirectoryClaim('/nonexistent').take(), undefined);
    assert.equal(await new DirectoryClaim(`/tmp/${'x'.repeat(200)}`).take(), undefined);
  });

  it('is seen although the one that has it answers nothing', async (t) => {
    const path = await createPrivateFolder(t);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(path, '.in-use'), resolve));
    t.after(() => server.close());
    assert.equal(await new DirectoryClaim(path).take(), IN_USE);
  });
});
