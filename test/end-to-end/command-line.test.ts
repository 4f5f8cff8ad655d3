/** The command line as a shell sees it: exit codes, and what goes to which output. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { PROJECT, runProgram } from '../support/program-process.ts';
import { startProgramWorld } from '../support/program-world.ts';

describe('the command line', { concurrency: true, timeout: 600_000 }, () => {
  it('ends with 0 when all went well, and leaves standard error empty', async (t) => {
    await using world = await startProgramWorld();
    const { configPath } = world.sandbox;
    const run = await runProgram(['run', '--once'], {
      signal: t.signal,
      env: { TOKEN_REFRESHER_CONFIG: configPath },
    });
    assert.deepEqual([run.code, run.stderr], [0, '']);
    const status = await runProgram(['status', '--json', '--config', configPath], t);
    assert.deepEqual([status.code, status.stderr], [0, '']);
    assert.match(status.stdout, /^\[\{"token":"pik",.*\}\]\n$/);
  });

  it('ends with 1 when something failed, and names it on standard error', async (t) => {
    await using world = await startProgramWorld();
    world.addFault('pivot:wrong-credentials');
    const { code, stderr } = await runProgram(['run', '--once', '--config', world.sandbox.configPath], t);
    assert.equal(code, 1);
    assert.match(stderr, /^pivot: credentials-rejected: /);
  });

  it('ends with 2 for wrong usage and for a configuration that cannot be used', async (t) => {
    for (const args of [['rnu'], ['run', '--config', 'config/nowhere.yaml']]) {
      const { code, stdout, stderr } = await runProgram(args, t);
      assert.deepEqual([code, stdout], [2, '']);
      assert.notEqual(stderr, '');
    }
  });

  it('does not mind a reader that goes away', async () => {
    const child = spawn(process.execPath, ['src/main.ts', 'plan', '--config', 'config/example.yaml'], {
      cwd: PROJECT,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    await once(child, 'close');
    assert.deepEqual([child.exitCode, stderr], [0, '']);
  });
});
