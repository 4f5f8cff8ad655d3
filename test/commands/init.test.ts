import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { parse } from 'yaml';
import { isJsonObject } from '../../src/core/wire/json.ts';
import { findPreset, listPresets } from '../../src/wiring/connections.ts';
import { exampleOptionsOf } from '../support/preset-example.ts';
import { certificateOf } from '../support/preset-material.ts';
import { runInProcess } from '../support/program-terminal.ts';
import { rsaKeyPair, toPem } from '../support/rsa-key.ts';

const KEY = toPem(rsaKeyPair().privateKey);
const CERTIFICATE = certificateOf(KEY);

/** Made where the credentials of a block are environment variables. */
function environmentOf(block: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...block.matchAll(/\{ env: (\w+) \}/g)].map(([, name = '']) => [name, `value-of-${name}`]),
  );
}

/** What is to be filled in, as the preset's example has it; nothing else is touched. */
function fillIn(block: string, name: string): string {
  const options = exampleOptionsOf(findPreset(name));
  return block
    .replace('https://FILL-IN', 'https://api.example.com')
    .replace('versionBudget: FILL-IN', 'versionBudget: none')
    .replaceAll(/^( *(\w+): )FILL-IN/gm, (_, start: string, option: string) => {
      assert.ok(Object.hasOwn(options, option), `${name}: its example has no ${option}`);
      return `${start}${JSON.stringify(options[option])}`;
    });
}

function writeConfiguration(t: TestContext, block: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'token-refresher-init-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [, file = ''] of block.matchAll(/\{ file: (\S+) \}/g)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), file.includes('certificate') ? CERTIFICATE : KEY);
  }
  const path = join(folder, 'config.yaml');
  writeFileSync(path, `providers:\n${block}store: { region: ap-southeast-3 }\n`);
  return path;
}

describe('init', () => {
  for (const name of ['http', 'oauth2', 'snap', ...listPresets()]) {
    it(`prints a ${name} that check, plan and try take when it is filled in`, async (t) => {
      const { code, stdout } = await runInProcess(['init', name]);
      assert.equal(code, 0);
      const config = writeConfiguration(t, fillIn(stdout, name));
      const entry: unknown = parse(stdout)?.[0];
      assert.ok(isJsonObject(entry) && typeof entry['name'] === 'string');
      for (const command of [['check'], ['plan'], ['try', entry['name']]]) {
        const result = await runInProcess([...command, '--config', config], { env: environmentOf(stdout) });
        assert.equal(result.code, 0, `${command.join(' ')}: ${result.stdout}${result.stderr}`);
        assert.equal(result.stderr, '', command.join(' '));
      }
    });
  }

  it('says which name was probably meant', async () => {
    const { code, stdout, stderr } = await runInProcess(['init', 'paypl']);
    assert.deepEqual(
      [code, stdout, stderr],
      [2, '', 'no preset "paypl"; did you mean "paypal"? (presets lists them all)\n'],
    );
  });

  it('prints what can stand in a list beside other providers, indented as these are', async (t) => {
    const { stdout } = await runInProcess(['init', 'paypal']);
    const { stdout: other } = await runInProcess(['init', 'spotify']);
    const config = writeConfiguration(t, `  - ${stdout.slice(stdout.indexOf('name:'))}${other}`);
    const result = await runInProcess(['check', '--config', config], { env: environmentOf(stdout + other) });
    assert.deepEqual([result.code, result.stderr], [0, '']);
  });

  it('says of a block that is not filled in what is missing', async (t) => {
    const { stdout } = await runInProcess(['init', 'github-app']);
    const result = await runInProcess(['check', '--config', writeConfiguration(t, stdout)], {
      env: environmentOf(stdout),
    });
    assert.equal(result.code, 2);
    assert.match(result.stderr, /installationId: is still to be filled in/);
  });
});
