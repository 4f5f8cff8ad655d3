import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadConfiguration } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';
import { NOT_A_REGULAR_FILE } from '../../src/core/file-error.ts';
import { CATALOG } from '../../src/wiring/catalog.ts';
import { CUSTOMERS } from '../support/configuration-text.ts';

const TEXT = `${CUSTOMERS}    grant: authorization_code\n`;

type ReadFile = (path: string, mostBytes: number) => Promise<Uint8Array>;

/** The notes about files, of a configuration whose credential files `readFile` reads. */
async function notesOf(text: string, readFile: ReadFile): Promise<readonly string[]> {
  const loaded = await loadConfiguration('app.yaml', {
    ...CATALOG,
    readFile: async (path, mostBytes) =>
      path === 'app.yaml' ? new TextEncoder().encode(text) : readFile(path, mostBytes),
    notesFiles: true,
  });
  assert.ok(loaded.ok, JSON.stringify(loaded));
  return loaded.warnings.map(formatProblem).filter((note) => note.includes('.file: '));
}

describe('a file that a credential is to be read from', () => {
  const fails = (code: string) => async () => {
    throw Object.assign(new Error('s3cret text of an error'), { code });
  };
  const holds = (bytes: string | Uint8Array) => async () =>
    typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes;
  const contents = 'it has to hold the credential as text, and nothing else';

  const rows: readonly (readonly [what: string, readFile: ReadFile, note: string | undefined])[] = [
    ['holds a credential', holds('key\n'), undefined],
    [
      'is missing',
      fails('ENOENT'),
      'is not on this machine: create it or correct the path, unless it is mounted where token-refresher runs',
    ],
    [
      'is below a file',
      fails('ENOTDIR'),
      'cannot be there, since a file stands in the place of one of its folders: correct the path',
    ],
    ['is a folder', fails('EISDIR'), 'is a folder: name a file in it'],
    ...[NOT_A_REGULAR_FILE, 'ENXIO'].map(
      (code) =>
        [
          `is a pipe, a device or a socket (${code})`,
          fails(code),
          'is no regular file but a pipe, a device or a socket, which is never read: name a regular file',
        ] as const,
    ),
    ...['EACCES', 'EPERM'].map(
      (code) =>
        [
          `may not be read (${code})`,
          fails(code),
          'may not be read by the user that runs this: let the one that token-refresher runs as read it, and enter its folders',
        ] as const,
    ),
    [
      'does not answer',
      fails('ETIMEDOUT'),
      'was not read, since the file system did not answer for it or for others: look at the mount',
    ],
    [
      'breaks off',
      fails('EIO'),
      'cannot be read (EIO: the disk or the mount fails; look at the log of the machine)',
    ],
    ['is a circle of links', fails('ELOOP'), 'cannot be read (ELOOP): correct the path'],
    ['is empty', holds(''), `is empty; ${contents}`],
    ['is too long', holds(new Uint8Array(65_537)), `holds more than 65536 bytes; ${contents}`],
    ['is no text', holds(Uint8Array.of(0xff, 0xfe)), `is not UTF-8 text; ${contents}`],
    ['has quotes', holds('"s3cret"'), `has quotes around it: store it without; ${contents}`],
  ];
  for (const [what, readFile, note] of rows) {
    it(`${what}: ${note === undefined ? 'no note' : 'a note that says so'}`, async () => {
      const place = 'app.yaml:4:70 providers[0].credentials.privateKey.file: file key.pem';
      assert.deepEqual(await notesOf(TEXT, readFile), note === undefined ? [] : [`${place} ${note}`]);
    });
  }

  it('is not shown when its path may be the credential itself', async () => {
    const notes = await notesOf(TEXT.replace('key.pem', 'sk_live_4eC39HqLyjWDarjtT1'), fails('ENOENT'));
    assert.match(notes.join(), /privateKey\.file: the file is not on this machine/);
    assert.ok(!notes.join().includes('sk_live'));
  });

  it('is read once and noted once, however many places name it', async () => {
    const customers = Array.from(
      { length: 1000 },
      (_, index) => `      - { name: c${index}, bindingId: { file: binding } }\n`,
    );
    const reads: string[] = [];
    const notes = await notesOf(TEXT.replace('    grant', `${customers.join('')}    grant`), async (path) => {
      reads.push(path);
      return fails('ENOENT')();
    });
    assert.deepEqual(reads.toSorted(), ['binding', 'key.pem']);
    assert.equal(notes.length, 2);
    assert.match(
      notes[1] ?? '',
      /^app\.yaml:11:40 providers\[0\]\.customers\[2\]\.bindingId\.file: file binding .* \(named in 999 other places too\)$/,
    );
  });

  it('waits for its turn: of 10,000 files three at a time are read', async () => {
    const customers = Array.from(
      { length: 10_000 },
      (_, index) => `      - { name: c${index}, bindingId: { file: bindings/${index} } }\n`,
    );
    let reading = 0;
    let most = 0;
    let reads = 0;
    const notes = await notesOf(TEXT.replace('    grant', `${customers.join('')}    grant`), async () => {
      reads += 1;
      reading += 1;
      most = Math.max(most, reading);
      await Promise.resolve();
      reading -= 1;
      return new TextEncoder().encode('binding');
    });
    assert.deepEqual([notes, reads, most], [[], 10_001, 3]);
  });
});
