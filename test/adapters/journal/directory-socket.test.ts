import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { DirectorySocket } from '../../../src/adapters/journal/directory-socket.ts';
import { createPrivateFolder } from '../../support/private-folder.ts';

const NAME = 'socket';

describe('DirectorySocket', () => {
  it('is had by one at a time, by the next one after its release, and leaves nothing', async (t) => {
    const path = await createPrivateFolder(t);
    const first = new DirectorySocket(join(path, NAME));
    const second = new DirectorySocket(join(path, NAME));
    assert.equal(await first.take(), true);
    assert.equal(await first.take(), true);
    assert.equal(await second.take(), false);
    assert.equal(await second.take(), false);
    first.release();
    assert.equal(await second.take(), true);
    second.release();
    assert.deepEqual(await readdir(path), []);
  });

  it('of a process that was killed stops nobody', async (t) => {
    const path = await createPrivateFolder(t);
    const socket = join(path, NAME);
    const script = `require('net').createServer().listen(${JSON.stringify(socket)}, () => process.kill(process.pid, 'SIGKILL'))`;
    assert.equal(spawnSync(process.execPath, ['-e', script]).signal, 'SIGKILL');
    assert.deepEqual(await readdir(path), [NAME]);
    const next = new DirectorySocket(join(path, NAME));
    assert.equal(await next.take(), true);
    next.release();
  });

  it('is had by everybody where no socket can be made', async () => {
    assert.equal(await new DirectorySocket('/proc/socket').take(), true);
    assert.equal(await new DirectorySocket('/nonexistent/socket').take(), true);
    assert.equal(await new DirectorySocket(`/tmp/${'x'.repeat(200)}`).take(), true);
  });

  it('is seen although the one that has it answers nothing', async (t) => {
    const path = await createPrivateFolder(t);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(path, NAME), resolve));
    t.after(() => server.close());
    assert.equal(await new DirectorySocket(join(path, NAME)).take(), false);
  });
});
