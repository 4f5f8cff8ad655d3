import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createProgram } from '../../src/commands/program.ts';
import { VERSION } from '../../src/core/version.ts';
import { startLoopbackServer } from '../support/loopback-server.ts';
import { ProgramTerminal, runInProcess, startInProcess } from '../support/program-terminal.ts';
import { startProgramWorld } from '../support/program-world.ts';

const CONFIGURED = ['run', 'check', 'plan', 'refresh', 'status'];
const COMMANDS = [...CONFIGURED, 'schema', 'sandbox'];

describe('help', () => {
  for (const command of COMMANDS) {
    it(`of ${command} ends with 0 and shows examples`, async () => {
      const { code, stdout, stderr } = await runInProcess([command, '--help']);
      assert.equal(code, 0);
      assert.equal(stderr, '');
      assert.match(stdout, new RegExp(`^Usage: token-refresher ${command} `));
      assert.match(stdout, new RegExp(`\\nExamples:\\n(  token-refresher ${command}.*\\n)+`));
    });
  }

  it('of the program lists every command and every exit code', async () => {
    const { code, stdout } = await runInProcess(['--help']);
    assert.equal(code, 0);
    for (const command of COMMANDS) assert.match(stdout, new RegExp(`^  ${command} `, 'm'));
    assert.match(stdout, /Exit codes:\n {2}0 {2}done\n {2}1 .*\n {2}2 .*/);
  });

  it('is not needed for the version', async () => {
    assert.deepEqual(await runInProcess(['--version']), { code: 0, stdout: `${VERSION}\n`, stderr: '' });
  });
});

describe('wrong usage', () => {
  const cases: readonly (readonly [args: readonly string[], says: RegExp])[] = [
    [[], /^Usage: token-refresher/],
    [['rnu'], /^error: unknown command 'rnu'\n\(Did you mean run\?\)/],
    [['plan', '--jsno'], /^error: unknown option '--jsno'\n\(Did you mean --json\?\)/],
    [['plan', 'extra'], /^error: too many arguments for 'plan'/],
    [['plan', '--config'], /^error: option '--config <file>' argument missing/],
    [['refresh'], /^error: missing required argument 'name'/],
    [
      ['schema', 'secrets'],
      /^error: .*'secrets' is invalid.*Allowed choices are configuration, token-document/,
    ],
    [['sandbox', '--speed', '0.5'], /^error: .*--speed.*Allowed: a number from 1 to 60\./],
    [['sandbox', '--speed', 'fast'], /^error: .*--speed.*Allowed: a number from 1 to 60\./],
    [['sandbox', '--version-wall', '1.5'], /^error: .*--version-wall.*Allowed: a whole number, 1 or more\./],
    [
      ['sandbox', '--fault', 'pivto:503', '--fault', 'store:thrott'],
      /^fault "pivto:503": .*did you mean "pivot"\?.*\nfault "store:thrott": .*did you mean "throttle"\?.*\n$/,
    ],
  ];
  for (const [args, says] of cases) {
    it(`"${args.join(' ')}" ends with 2 and says what is wrong on standard error`, async () => {
      const { code, stdout, stderr } = await runInProcess(args);
      assert.equal(code, 2);
      assert.match(stderr, says);
      assert.equal(stdout, '');
    });
  }
});

describe('a configuration that cannot be used', () => {
  for (const command of CONFIGURED) {
    const args = command === 'refresh' ? [command, 'pivot'] : [command];

    it(`ends ${command} with 2 when there is none`, async () => {
      const { code, stdout, stderr } = await runInProcess(args);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, /^no configuration: give --config FILE or set TOKEN_REFRESHER_CONFIG/);
    });

    it(`ends ${command} with 2 and all of its problems, nothing being started`, async (t) => {
      const config = await writeConfig(t, 'stor: {}\nhttp: { port: eighty }\nproviders: []\n');
      const { code, stdout, stderr } = await runInProcess([...args, '--config', config]);
      assert.deepEqual([code, stdout], [2, '']);
      const starts = ['1:1 stor: ', '2:15 http.port: ', '3:12 providers: '];
      for (const start of starts) assert.ok(stderr.includes(`${config}:${start}`), `${start} in ${stderr}`);
      assert.match(stderr, /\n3 problems; nothing was started\n$/);
    });
  }

  it('may be named by TOKEN_REFRESHER_CONFIG, and --config goes before it', async () => {
    const env = { TOKEN_REFRESHER_CONFIG: 'config/nowhere.yaml' };
    const named = await runInProcess(['plan'], { env });
    assert.equal(named.code, 2);
    assert.match(named.stderr, /^config\/nowhere\.yaml/);
    const given = await runInProcess(['plan', '--config', 'config/example.yaml'], { env });
    assert.deepEqual([given.code, given.stderr], [0, '']);
  });
});

describe('a request to stop', () => {
  for (const args of [['check', '--live'], ['plan'], ['status']]) {
    it(`ends ${args.join(' ')} at once, with 1 and a word about it, whatever it waits for`, async () => {
      await using world = await startProgramWorld();
      await using store = await startLoopbackServer(() => undefined);
      const config = await world.copyConfig('silent-store.yaml', { set: { 'store.endpoint': store.url } });
      const run = startInProcess([...args, '--json', '--config', config]);
      run.terminal.stop();
      assert.equal(await run.exit, 1);
      const message = 'SIGTERM: stopped before it was done';
      assert.equal(run.output.stderr, `${message}\n`);
      assert.deepEqual(JSON.parse(run.output.stdout), { config, problems: [{ message }] });
    });
  }
});

it('an error that nobody expected ends with 1 and says where it came from, not what it says', async () => {
  class BrokenTerminal extends ProgramTerminal {
    override readonly out = (): void => {
      throw new TypeError('quotes a secret-token');
    };
  }
  const terminal = new BrokenTerminal();
  assert.equal(await createProgram(terminal).run(['plan', '--config', 'config/example.yaml']), 1);
  const { stderr } = terminal.output;
  assert.match(stderr, /^unexpected failure, .*\{"errorName":"TypeError","frames":\["at .*program\.test\.ts/);
  assert.ok(!stderr.includes('secret-token'));
});

async function writeConfig(t: TestContext, text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'token-refresher-test-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'config.yaml');
  await writeFile(path, text);
  return path;
}
