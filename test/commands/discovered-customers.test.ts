/** The commands and customers that are discovered. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { runInProcess } from '../support/program-terminal.ts';
import { type ProgramWorld, startProgramWorld } from '../support/program-world.ts';

/** A configuration of pivot-b2b2c alone, whose customers are discovered. */
async function discover(world: ProgramWorld): Promise<string> {
  return world.copyConfig('discover.yaml', {
    only: ['pivot-b2b2c'],
    setProviders: { customers: { discover: { tag: 'app=pivot' } } },
  });
}

/** What an application does after an account binding of the sandbox's customer `ayu`. */
async function bind({ sandbox }: ProgramWorld, secretName: string, binding?: object): Promise<void> {
  const path = join(dirname(sandbox.configPath), 'credentials/pivot-b2b2c/ayu/bindingId');
  const created = sandbox.secretsManager.execute('CreateSecret', {
    Name: secretName,
    SecretString: JSON.stringify(binding ?? { bindingId: await readFile(path, 'utf8') }),
    ClientRequestToken: secretName.padEnd(36, '-'),
    Tags: [{ Key: 'app', Value: 'pivot' }],
  });
  assert.ok(created.ok);
}

describe('customers that are discovered', () => {
  it('are refreshed by run --once, and shown by status', async () => {
    await using world = await startProgramWorld();
    const config = await discover(world);
    await bind(world, 'bindings/ayu');
    const once = await runInProcess(['run', '--once', '--config', config]);
    assert.deepEqual([once.code, once.stderr], [0, '']);
    const status = await runInProcess(['status', '--config', config]);
    assert.equal(status.code, 0);
    assert.match(status.stdout, /^pivot-b2b2c\/ayu +sandbox\/pivot-b2b2c\/ayu +live +/m);
  });

  it('can be refreshed by name, and by the name of their provider', async () => {
    await using world = await startProgramWorld();
    const config = await discover(world);
    await bind(world, 'bindings/ayu');
    for (const name of ['pivot-b2b2c/ayu', 'pivot-b2b2c']) {
      const { code, stdout } = await runInProcess(['refresh', name, '--config', config]);
      assert.equal(code, 0);
      assert.match(stdout, /^pivot-b2b2c\/ayu: (refreshed|the provider handed out no newer token)/);
    }
    const unknown = await runInProcess(['refresh', 'pivot-b2b2c/citra', '--config', config]);
    assert.deepEqual(
      [unknown.code, unknown.stderr],
      [2, 'no token or provider "pivot-b2b2c/citra"; there are pivot-b2b2c/ayu\n'],
    );
  });

  it('are checked with --live, and a binding that cannot be used is told beside', async () => {
    await using world = await startProgramWorld();
    const config = await discover(world);
    await bind(world, 'bindings/ayu');
    await bind(world, 'bindings/bad', { binding: 'canary' });
    const { code, stdout, stderr } = await runInProcess(['check', '--live', '--config', config]);
    assert.equal(code, 0);
    assert.match(stdout, /: good, 0 tokens, and those of customers that are discovered\n/);
    assert.match(stdout, /^ok {4}pivot-b2b2c: discovery\nok {4}pivot-b2b2c\/ayu: credentials\n/m);
    assert.equal(
      stderr,
      'note: pivot-b2b2c: secret bindings/bad cannot be used as a binding: bindingId is missing, empty or not a text\n',
    );
  });

  for (const [command, told] of [
    [
      ['run', '--once'],
      /^pivot-b2b2c: customers cannot be discovered: store-denied: AWS denied secretsmanager:ListSecrets /m,
    ],
    [['status'], /^pivot-b2b2c: customers cannot be discovered: store-denied: /m],
    [['check', '--live'], /^FAIL {2}pivot-b2b2c: discovery: store-denied: /m],
    [['refresh', 'pivot-b2b2c/ayu'], /customers cannot be listed, known ones stay managed: AWS denied /],
  ] as const) {
    it(`make ${command.join(' ')} end with 1 when they cannot be discovered, and it says why`, async () => {
      await using world = await startProgramWorld();
      const config = await discover(world);
      world.addFault('store:denied');
      const { code, stdout, stderr } = await runInProcess([...command, '--config', config]);
      assert.equal(code, 1);
      assert.match(stdout + stderr, told);
    });
  }

  it('are one line in the plan, because it works without the store', async () => {
    await using world = await startProgramWorld();
    const config = await discover(world);
    const { stdout } = await runInProcess(['plan', '--config', config]);
    assert.match(stdout, /^pivot-b2b2c\/\{customer\} +sandbox\/pivot-b2b2c\/\{customer\} +15m +14m /m);
    assert.match(
      stdout,
      /^note: pivot-b2b2c: one token for each secret with the tag app=pivot; status lists them$/m,
    );
    assert.equal(world.sandbox.store.requests.size, 0);
  });
});
