import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, link, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { FileLanes } from '../../../src/adapters/files/file-lanes.ts';
import { PrivateDirectory } from '../../../src/adapters/journal/private-directory.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { findHangProblem } from '../../support/hanging-folder.ts';
import { makePipe } from '../../support/named-pipe.ts';
import { createPrivateFolder } from '../../support/private-folder.ts';
import { PROJECT } from '../../support/program-process.ts';

const uid = process.getuid?.();

describe('PrivateDirectory', () => {
  it('accepts a folder that only its owner can open, and leaves nothing in it', async (t) => {
    const path = await createPrivateFolder(t);
    assert.equal(
      await new PrivateDirectory({ path, uid, files: new FileLanes(new FakeClock()) }).verify(),
      undefined,
    );
    assert.deepEqual(await readdir(path), []);
  });

  it('makes its last part when that is missing, for nobody else', async (t) => {
    const path = join(await createPrivateFolder(t), 'journal');
    assert.equal(
      await new PrivateDirectory({ path, uid, files: new FileLanes(new FakeClock()) }).verify(),
      undefined,
    );
    assert.equal((await stat(path)).mode & 0o777, 0o700);
  });

  for (const mode of [0o701, 0o710, 0o750, 0o755, 0o777]) {
    it(`refuses a folder that is open to others: mode ${mode.toString(8)}`, async (t) => {
      const path = await createPrivateFolder(t);
      await chmod(path, mode);
      assert.equal(
        await new PrivateDirectory({ path, uid, files: new FileLanes(new FakeClock()) }).verify(),
        `is open to other users (mode 0${mode.toString(8)}): chmod 700 it, or name a folder inside it, which is then made`,
      );
    });
  }

  it('refuses a folder of another user', async (t) => {
    const path = await createPrivateFolder(t);
    const problem = await new PrivateDirectory({
      path,
      uid: (uid ?? 0) + 1,
      files: new FileLanes(new FakeClock()),
    }).verify();
    assert.match(
      problem ?? '',
      /^belongs to user \d+, but the program runs as user \d+: name a folder inside it/,
    );
  });

  it('refuses a file, a folder whose parent is missing, and one that cannot be made', async (t) => {
    const folder = await createPrivateFolder(t);
    const file = join(folder, 'file');
    await writeFile(file, '');
    const verify = (path: string) =>
      new PrivateDirectory({ path, uid, files: new FileLanes(new FakeClock()) }).verify();
    assert.equal(await verify(file), 'is not a directory');
    assert.equal(
      await verify(join(folder, 'no', 'journal')),
      'does not exist, and the folder that it would be made in does not either',
    );
    assert.equal(await verify(join(file, 'journal')), 'does not exist and cannot be made (ENOTDIR)');
  });

  it('refuses a folder that cannot be written', async (t) => {
    // Root may write everywhere, except where the system itself says no.
    const problem = await new PrivateDirectory({
      path: '/proc/self/fd',
      uid: undefined,
      files: new FileLanes(new FakeClock()),
    }).verify();
    if (problem === undefined) t.skip('no such folder on this system');
    assert.match(problem ?? '', /^(?:cannot be written \(E\w+\)|is open to other users)/);
  });

  it('writes files for nobody else, replaces them whole, and removes what a crash left', async (t) => {
    const path = await createPrivateFolder(t);
    const directory = new PrivateDirectory({ path, uid, files: new FileLanes(new FakeClock()) });
    await writeFile(join(path, 'entry.tmp'), 'ha');
    assert.equal(await directory.readUnfinished('entry'), 'ha');
    await directory.write('entry', 'first');
    await directory.write('entry', 'second');
    assert.equal(await directory.read('entry'), 'second');
    assert.equal((await stat(join(path, 'entry'))).mode & 0o777, 0o600);
    assert.deepEqual(await directory.names(), ['entry']);
    await writeFile(join(path, 'entry.tmp'), 'ha');
    await directory.remove('entry');
    await directory.remove('entry');
    assert.deepEqual(await directory.names(), []);
    assert.equal(await directory.read('entry'), undefined);
  });

  it('No secret leaks: no link in the place of a file is followed, neither to write nor to read', async (t) => {
    const folder = await createPrivateFolder(t);
    const path = join(folder, 'journal');
    const directory = new PrivateDirectory({ path, uid, files: new FileLanes(new FakeClock()) });
    assert.equal(await directory.verify(), undefined);
    const victim = join(folder, 'victim');
    await writeFile(victim, 'untouched', { mode: 0o644 });
    for (const place of ['entry.tmp', 'entry']) {
      await rm(join(path, place), { force: true });
      await symlink(victim, join(path, place));
      await directory.write('entry', 'token');
      assert.equal(await readFile(victim, 'utf8'), 'untouched', place);
      assert.equal(await directory.read('entry'), 'token');
    }
    await link(victim, join(path, 'entry.tmp'));
    await directory.write('entry', 'token');
    assert.equal(await readFile(victim, 'utf8'), 'untouched', 'a hard link neither');
    await rm(join(path, 'entry'));
    await symlink(victim, join(path, 'entry'));
    await assert.rejects(directory.read('entry'), { code: 'ELOOP' });
    await rm(join(path, 'entry'));
    makePipe(join(path, 'entry'));
    await assert.rejects(directory.read('entry'), { code: 'NOT_A_REGULAR_FILE' });
  });

  it('refuses a folder that is a link, and one that was replaced since it was looked at', async (t) => {
    const folder = await createPrivateFolder(t);
    const path = join(folder, 'journal');
    const elsewhere = join(folder, 'elsewhere');
    await mkdir(elsewhere, { mode: 0o700 });
    await symlink(elsewhere, path);
    const directory = new PrivateDirectory({ path, uid, files: new FileLanes(new FakeClock()) });
    assert.equal(await directory.verify(), 'is a symbolic link: name the folder that it points to');
    await assert.rejects(directory.write('entry', 'token'), { code: 'NOT_PRIVATE' });
    await rm(path);
    await mkdir(path, { mode: 0o755 });
    await assert.rejects(directory.write('entry', 'token'), { code: 'NOT_PRIVATE' });
    await chmod(path, 0o700);
    await directory.write('entry', 'token');
    assert.deepEqual(await readdir(elsewhere), []);
  });

  it('keeps the former file when the device is full, and leaves nothing else', {
    skip: findHangProblem() ?? false,
  }, async (t) => {
    const path = await createPrivateFolder(t);
    const script = 'mount -t tmpfs -o size=64k,mode=0700 full "$0" && exec "$@"';
    const child = 'test/support/full-volume-child.ts';
    const ran = spawnSync('unshare', ['--mount', 'sh', '-c', script, path, process.execPath, child, path], {
      cwd: PROJECT,
      encoding: 'utf8',
    });
    assert.deepEqual(JSON.parse(ran.stdout), ['ENOSPC', 'first', ['entry']], ran.stderr);
  });
});
