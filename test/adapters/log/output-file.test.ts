import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { MAX_WAITING_BYTES, OutputFile } from '../../../src/adapters/system/output-file.ts';

const LINE = `${'x'.repeat(1023)}\n`;
const { signal: PATIENT } = new AbortController();

/** A pipe, of which the test is the reader. */
async function makePipe(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'token-refresher-pipe-'));
  const path = join(folder, 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY);
  let isRead = true;
  const close = (): void => {
    if (isRead) closeSync(reader);
    isRead = false;
  };
  t.after(async () => {
    close();
    closeSync(writer);
    await rm(folder, { recursive: true });
  });
  /** Takes what is there; nothing when there is nothing. */
  const take = (): string => {
    const taken = Buffer.alloc(4 * MAX_WAITING_BYTES);
    try {
      return taken.toString('utf8', 0, readSync(reader, taken));
    } catch {
      return '';
    }
  };
  return { writer, take, close };
}

describe('OutputFile', () => {
  it('writes at once while the reader reads', async (t) => {
    const { writer, take } = await makePipe(t);
    const output = new OutputFile(writer);
    assert.equal(output.writeLine('one\n'), true);
    output.write('two\n');
    assert.equal(take(), 'one\ntwo\n');
  });

  it('never waits for a reader that has stopped: lines wait up to a bound and are then refused; it gets them when it goes on', async (t) => {
    const { writer, take } = await makePipe(t);
    const output = new OutputFile(writer);
    let written = 0;
    while (output.writeLine(LINE)) written += 1;
    assert.ok(written * LINE.length >= MAX_WAITING_BYTES);
    assert.ok(
      written * LINE.length <= MAX_WAITING_BYTES + 2 ** 20 + LINE.length,
      'and what the pipe itself holds',
    );
    const enough = new AbortController();
    const flushed = output.flush(PATIENT).then(() => enough.abort());
    let text = '';
    while (!enough.signal.aborted) {
      text += take();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await flushed;
    assert.equal(text + take(), LINE.repeat(written));
    assert.equal(output.writeLine('again\n'), true);
    assert.equal(take(), 'again\n');
  });

  it('refuses no part of a result, however slow its reader is', async (t) => {
    const { writer } = await makePipe(t);
    const output = new OutputFile(writer);
    while (output.writeLine(LINE));
    output.write(LINE);
    assert.equal(output.writeLine(LINE), false);
  });

  it('gives a flush up when asked to', async (t) => {
    const { writer } = await makePipe(t);
    const output = new OutputFile(writer);
    while (output.writeLine(LINE));
    const enough = new AbortController();
    const flushed = output.flush(enough.signal);
    enough.abort();
    await flushed;
  });

  it('says that its reader has gone away, and goes on', async (t) => {
    const { writer, close } = await makePipe(t);
    const output = new OutputFile(writer);
    close();
    assert.equal(output.writeLine('one\n'), false);
    await output.closed;
    assert.equal(output.writeLine('two\n'), false);
  });

  it('loses what a full disk does not take, without an error', () => {
    const fd = openSync('/dev/full', constants.O_WRONLY);
    const output = new OutputFile(fd);
    assert.equal(output.writeLine('one\n'), false);
    output.write('two\n');
    closeSync(fd);
  });

  it('counts as the loss of a result what is lost of it, and not what a log loses after it', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'token-refresher-link-'));
    t.after(() => rm(folder, { recursive: true }));
    const full = openSync('/dev/full', constants.O_WRONLY);
    t.after(() => closeSync(full));
    const lost = new OutputFile(full);
    lost.write('result\n');
    assert.notEqual(lost.loss, undefined);
    const url = new URL('../../../src/adapters/system/output-file.ts', import.meta.url).href;
    const program = `
      import { OutputFile } from ${JSON.stringify(url)};
      const output = new OutputFile(1);
      output.write('result\\n');
      const line = 'x'.repeat(699) + '\\n';
      const taken = [line, line].map((each) => output.writeLine(each));
      process.stderr.write(JSON.stringify([taken, output.loss === undefined]));`;
    const found = execFileSync(
      'bash',
      [
        '-c',
        'ulimit -f 1; exec "$0" --input-type=module -e "$1" 2>&1 >>"$2"',
        process.execPath,
        program,
        join(folder, 'log'),
      ],
      { encoding: 'utf8', env: { PATH: process.env['PATH'] } },
    );
    assert.deepEqual(JSON.parse(found), [[true, false], true]);
  });

  it('leaves no half line in front of the first one that a disk takes again', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'token-refresher-limited-'));
    t.after(() => rm(folder, { recursive: true }));
    const path = join(folder, 'log');
    const url = new URL('../../../src/adapters/system/output-file.ts', import.meta.url).href;
    const program = `
      import { truncateSync } from 'node:fs';
      import { OutputFile } from ${JSON.stringify(url)};
      const output = new OutputFile(1);
      const line = 'x'.repeat(699) + '\\n';
      const taken = [line, line, line].map((each) => output.writeLine(each));
      truncateSync(${JSON.stringify(path)}, 1000);
      taken.push(output.writeLine('last\\n'));
      process.stderr.write(JSON.stringify(taken));`;
    // A file that must not grow beyond 1 KiB is a disk that is full, with room for a part of the second line.
    const taken = execFileSync(
      'bash',
      [
        '-c',
        'ulimit -f 1; exec "$0" --input-type=module -e "$1" 2>&1 >>"$2"',
        process.execPath,
        program,
        path,
      ],
      { encoding: 'utf8', env: { PATH: process.env['PATH'] } },
    );
    assert.deepEqual(JSON.parse(taken), [true, false, false, true]);
    assert.deepEqual(
      readFileSync(path, 'utf8')
        .split('\n')
        .map(({ length }) => length),
      [699, 300, 4, 0],
    );
  });
});
