import assert from 'node:assert/strict';
import { readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { FileLanes } from '../../../src/adapters/files/file-lanes.ts';
import { DirectoryJournal, findLaterEntry } from '../../../src/adapters/journal/directory-journal.ts';
import { PrivateDirectory } from '../../../src/adapters/journal/private-directory.ts';
import type { JournalEntry } from '../../../src/core/ports.ts';
import { SecretText } from '../../../src/core/secret-text.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { createPrivateFolder } from '../../support/private-folder.ts';
import { NOON_MS } from '../../support/sample-events.ts';

const SECRET_NAME = 'token-refresher/state/pivot/ayu';
const CANARY = 'refresh-canary-9xQ2';

function buildEntry(changes: Partial<JournalEntry['write']> = {}, obtainedAtMs = NOON_MS): JournalEntry {
  return {
    obtainedAtMs,
    write: {
      secretName: SECRET_NAME,
      text: new SecretText(`{"refresh_token":"${CANARY}"}`),
      requestToken: 'request-1',
      expectedVersion: 'version-1',
      ...changes,
    },
  };
}

async function open(t: TestContext) {
  const path = await createPrivateFolder(t);
  const reported: string[] = [];
  const report = (problem: string): void => void reported.push(problem);
  const files = new FileLanes(new FakeClock());
  const directory = new PrivateDirectory({ path, uid: process.getuid?.(), files });
  const create = (): DirectoryJournal => new DirectoryJournal({ directory, clock: new FakeClock(), report });
  const onlyFile = async (): Promise<string> => {
    const [name = '', ...others] = await readdir(path);
    assert.deepEqual(others, []);
    return join(path, name);
  };
  return { path, directory, reported, journal: create(), restart: create, onlyFile };
}

async function readEntry(journal: DirectoryJournal, secretName: string): Promise<JournalEntry | undefined> {
  const entry = await journal.read(secretName);
  assert.notEqual(entry, 'unreadable');
  return entry === 'unreadable' ? undefined : entry;
}

function comparable(entry: JournalEntry | undefined) {
  return entry && { ...entry, write: { ...entry.write, text: entry.write.text.reveal() } };
}

describe('DirectoryJournal', () => {
  for (const expectedVersion of ['version-1', undefined]) {
    it(`gives the next process the very same write, following on ${expectedVersion ?? 'nothing'}`, async (t) => {
      const { journal, restart, onlyFile, reported } = await open(t);
      const entry = buildEntry({ expectedVersion });
      await journal.write(entry);
      assert.equal((await stat(await onlyFile())).mode & 0o777, 0o600);
      assert.deepEqual(comparable(await readEntry(restart(), SECRET_NAME)), comparable(entry));
      assert.deepEqual(reported, []);
    });
  }

  it('keeps the newest entry of a secret, apart from those of others', async (t) => {
    const { path, journal } = await open(t);
    const other = buildEntry({ secretName: 'another' });
    await journal.write(buildEntry());
    await journal.write(other);
    await journal.write(buildEntry({ requestToken: 'request-2' }));
    assert.equal((await readEntry(journal, SECRET_NAME))?.write.requestToken, 'request-2');
    assert.equal((await readEntry(journal, 'another'))?.write.requestToken, 'request-1');
    assert.equal(await journal.read('a third'), undefined);
    assert.equal((await readdir(path)).length, 2);
    assert.ok((await readdir(path)).every((name) => /^[0-9a-f]{40}\.chain\.json$/.test(name)));
  });

  it('removes the write that was saved, and not a later one', async (t) => {
    const { path, journal } = await open(t);
    const saved = buildEntry();
    await journal.write(buildEntry({ requestToken: 'request-2' }));
    await journal.remove(saved.write);
    assert.equal((await readdir(path)).length, 1);
    await journal.write(saved);
    await journal.remove(saved.write);
    await journal.remove(saved.write);
    assert.deepEqual(await readdir(path), []);
  });

  for (const [title, damage] of [
    ['cut off', (text: string) => text.slice(0, -9)],
    ['empty', () => ''],
    ['of another secret', (text: string) => text.replace(SECRET_NAME, 'another')],
  ] as const) {
    it(`No secret leaks: sets an entry aside that is ${title}, and says so without its contents`, async (t) => {
      const { path, journal, restart, onlyFile, reported } = await open(t);
      await journal.write(buildEntry());
      const file = await onlyFile();
      const text = damage(await readFile(file, 'utf8'));
      await writeFile(file, text);
      const next = restart();
      assert.equal(await next.read(SECRET_NAME), undefined);
      assert.equal(await next.read(SECRET_NAME), undefined);
      assert.equal(await readFile(`${file}.damaged`, 'utf8'), text);
      assert.equal(reported.length, 1);
      assert.match(
        reported[0] ?? '',
        /^journal \S+: the entry for token-refresher\/state\/pivot\/ayu is damaged and was set aside as [0-9a-f]{40}\.chain\.json\.damaged$/,
      );
      assert.ok(!reported.join().includes(CANARY));
      await next.write(buildEntry());
      assert.ok((await next.read(SECRET_NAME)) !== undefined);
      assert.equal((await readdir(path)).length, 2);
    });
  }

  it('No chain is lost by us: what a later release has written stays, stops its token, and keeps this one from starting', async (t) => {
    const { journal, restart, directory, onlyFile, reported } = await open(t);
    await journal.write(buildEntry());
    assert.equal(await findLaterEntry(directory), undefined);
    const file = await onlyFile();
    const text = (await readFile(file, 'utf8')).replace('"schema_version":1', '"schema_version":2');
    await writeFile(file, text);
    assert.equal(await restart().read(SECRET_NAME), 'unreadable');
    assert.equal(await readFile(file, 'utf8'), text);
    assert.match(reported.join(), /was written by a later release of token-refresher/);
    assert.match(
      (await findLaterEntry(directory)) ?? '',
      /^holds [0-9a-f]{40}\.chain\.json, which was written by/,
    );
    await rename(file, `${file}.tmp`);
    assert.equal(await restart().read(SECRET_NAME), 'unreadable', 'cut off before the last step');
    assert.match((await findLaterEntry(directory)) ?? '', /chain\.json\.tmp, which was written by/);
    assert.ok(!reported.join().includes(CANARY));
  });

  it('No chain is lost by us: an entry that cannot be read is not taken for none', async (t) => {
    const { path, journal, restart, directory, onlyFile, reported } = await open(t);
    await journal.write(buildEntry());
    const file = await onlyFile();
    await rename(file, join(path, 'elsewhere'));
    await symlink('elsewhere', file);
    assert.equal(await restart().read(SECRET_NAME), 'unreadable');
    assert.match(reported.join(), /the entry for \S+ cannot be read \(ELOOP\)/);
    assert.match(
      (await findLaterEntry(directory)) ?? '',
      /^holds [0-9a-f]{40}\.chain\.json, which cannot be read \(ELOOP\)$/,
    );
    await rename(join(path, 'elsewhere'), file);
    assert.equal((await readEntry(restart(), SECRET_NAME))?.write.requestToken, 'request-1');
  });

  it('No chain is lost by us: a crash before the last step of a write loses nothing, one in its middle harms nothing', async (t) => {
    const { path, journal, restart, onlyFile, reported } = await open(t);
    await journal.write(buildEntry());
    const file = await onlyFile();
    const text = await readFile(file, 'utf8');
    const newer = text.replace('request-1', 'request-2');
    await writeFile(`${file}.tmp`, newer.slice(0, 40));
    assert.equal((await readEntry(restart(), SECRET_NAME))?.write.requestToken, 'request-1');
    await writeFile(`${file}.tmp`, newer);
    const found = await readEntry(restart(), SECRET_NAME);
    assert.equal(found?.write.requestToken, 'request-2');
    assert.ok(found !== undefined);
    await restart().remove(found.write);
    assert.deepEqual(await readdir(path), []);
    assert.deepEqual(reported, []);
  });

  it('reports once that it cannot be written, again after it could, and never rejects', async (t) => {
    const { path, journal, reported } = await open(t);
    await rm(path, { recursive: true });
    await journal.write(buildEntry());
    await journal.write(buildEntry());
    assert.deepEqual(reported, [
      `journal ${path}: the refresh token for ${SECRET_NAME} cannot be written (ENOENT)`,
    ]);
    assert.equal(await journal.read(SECRET_NAME), undefined);
    await journal.remove(buildEntry().write);
    assert.equal(reported.length, 1, 'what is not there needs no removal');
  });
});
