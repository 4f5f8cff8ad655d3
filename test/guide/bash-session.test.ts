import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, it } from 'node:test';
import { BashSession } from './bash-session.ts';

function start(): BashSession {
  return new BashSession({ cwd: tmpdir(), env: { PATH: process.env['PATH'] ?? '' } });
}

describe('a bash session', () => {
  it('keeps what a block sets for the next one, and shows what each writes', async () => {
    await using bash = start();
    assert.deepEqual(await bash.run('A=1\ngreet() { echo "hello $A" >&2; }'), { exitCode: 0, output: '' });
    assert.deepEqual(await bash.run('A=2\ngreet'), { exitCode: 0, output: 'hello 2\n' });
  });

  for (const [what, script] of [
    ['a command that fails', 'false\necho on'],
    ['a command that does not exist', 'kubectll get pods\necho on'],
    ['a failure before a pipe', 'false | cat\necho on'],
    ['a variable that nobody has set', 'echo "$NOBODY_HAS_SET_IT"\necho on'],
    ['a quotation mark that is missing', 'echo "on'],
  ] as const) {
    it(`ends with ${what}`, async () => {
      await using bash = start();
      const { exitCode, output } = await bash.run(script);
      assert.notEqual(exitCode, 0);
      assert.doesNotMatch(output, /^on$/m);
    });
  }

  for (const [what, script] of [
    ['a command that fails', 'false'],
    ['exit', 'echo bye; exit 0'],
    ['a program in the place of bash', 'exec true'],
  ] as const) {
    it(`fails the blocks after one that has ended it with ${what}, and names that`, async () => {
      await using bash = start();
      assert.notEqual((await bash.run(script)).exitCode, 0);
      assert.deepEqual(await bash.run('echo on'), {
        exitCode: 1,
        output: `bash was ended by this block:\n${script}\n`,
      });
    });
  }

  it('gives commands nothing to read, least of all the next block', async () => {
    await using bash = start();
    assert.deepEqual(await bash.run('cat; echo end'), { exitCode: 0, output: 'end\n' });
  });

  it('gives up on a block that does not end, and ends what it has started', async () => {
    const bash = start();
    const { output } = await bash.run('sleep 600 & echo $!');
    const { exitCode } = await bash.run('until false; do sleep 0.05; done', () => undefined, 200);
    assert.equal(exitCode, 124);
    await bash[Symbol.asyncDispose]();
    // Somebody else's to reap: until then it has a number, and nothing else.
    const path = `/proc/${output.trim()}/cmdline`;
    assert.equal(existsSync(path) ? readFileSync(path, 'utf8') : '', '');
  });
});
