import assert from 'node:assert/strict';
import { symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readRegularFile } from '../../../src/adapters/files/regular-file.ts';
import { errnoOf } from '../../../src/core/file-error.ts';
import { makePipe } from '../../support/named-pipe.ts';
import { createPrivateFolder } from '../../support/private-folder.ts';

async function problemOf(read: Promise<unknown>): Promise<string> {
  return read.then(() => 'was read', errnoOf);
}

describe('readRegularFile', () => {
  for (const length of [0, 1, 511, 512, 513, 4096, 65_536]) {
    it(`reads a file of ${length} bytes whole`, async (t) => {
      const path = join(await createPrivateFolder(t), 'file');
      const bytes = Buffer.alloc(length, 'x');
      await writeFile(path, bytes);
      assert.deepEqual(Buffer.from(await readRegularFile(path, { mostBytes: 65_536 })), bytes);
    });
  }

  it('reads one byte more than it may of a longer file, and no further', async (t) => {
    const path = join(await createPrivateFolder(t), 'file');
    await writeFile(path, Buffer.alloc(1_000_000, 'x'));
    assert.equal((await readRegularFile(path, { mostBytes: 65_536 })).byteLength, 65_537);
    assert.equal((await readRegularFile('/proc/self/maps', { mostBytes: 100 })).byteLength, 101);
  });

  it('does not wait for a pipe, a device, a socket or a folder, through a link neither', async (t) => {
    const folder = await createPrivateFolder(t);
    const pipe = join(folder, 'pipe');
    makePipe(pipe);
    await symlink(pipe, join(folder, 'link'));
    const server = createServer().listen(join(folder, 'socket'));
    t.after(() => server.close());
    const read = (name: string) => problemOf(readRegularFile(join(folder, name), { mostBytes: 10 }));
    assert.equal(await read('pipe'), 'NOT_A_REGULAR_FILE');
    assert.equal(await read('link'), 'NOT_A_REGULAR_FILE');
    assert.equal(await read('socket'), 'ENXIO');
    assert.equal(await read('.'), 'EISDIR');
    assert.equal(await read('none'), 'ENOENT');
    assert.equal(await problemOf(readRegularFile('/dev/zero', { mostBytes: 10 })), 'NOT_A_REGULAR_FILE');
  });

  it('follows a link, as Kubernetes makes them, unless told not to', async (t) => {
    const folder = await createPrivateFolder(t);
    await writeFile(join(folder, 'file'), 'x');
    const link = join(folder, 'link');
    await symlink('file', link);
    assert.equal((await readRegularFile(link, { mostBytes: 10 })).byteLength, 1);
    assert.equal(await problemOf(readRegularFile(link, { mostBytes: 10, followsLink: false })), 'ELOOP');
  });
});
