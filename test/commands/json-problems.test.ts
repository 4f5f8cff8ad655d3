import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { PIVOT } from '../support/configuration-text.ts';
import { createPrivateFolder } from '../support/private-folder.ts';
import { runInProcess } from '../support/program-terminal.ts';

const COMMANDS = [['check'], ['plan'], ['status'], ['refresh', 'pivot'], ['alert-test']] as const;

describe('with --json, what keeps a command from running is JSON on standard output', () => {
  for (const command of COMMANDS) {
    it(`${command[0]}: each mistake of a file with its place, what was found and what is allowed`, async (t) => {
      const config = join(await createPrivateFolder(t), 'app.yaml');
      await writeFile(config, `${PIVOT}    refreshAftr: 14m\nlog: { level: 5 }\n`);
      const { code, stdout, stderr } = await runInProcess([...command, '--json', '--config', config], {
        env: { MERCHANT_ID: 'm', MERCHANT_SECRET: 's' },
      });
      assert.equal(code, 2);
      assert.match(stderr, /^.*app\.yaml:7:5 .*\n.*\n2 problems; nothing was started\n$/);
      const { config: named, problems } = JSON.parse(stdout);
      assert.equal(named, config);
      assert.deepEqual(
        problems.map(({ allowed, message, ...problem }: Record<string, unknown>) => {
          assert.match(
            `${String(message)} ${String(allowed)}`,
            /app\.yaml:.*; allowed: .*name, kind|debug, info/,
          );
          return problem;
        }),
        [
          {
            file: config,
            line: 7,
            column: 5,
            path: 'providers[0].refreshAftr',
            found: 'unknown key',
            suggestion: 'refreshAfter',
          },
          { file: config, line: 8, column: 15, path: 'log.level', found: 'found 5' },
        ],
      );
    });

    for (const [what, args, pattern] of [
      ['no configuration', [], /^no configuration/],
      ['a configuration that is not there', ['--config', '/nonexistent/app.yaml'], /there is no such file/],
      ['an unknown option', ['--colour'], /unknown option '--colour'/],
    ] as const) {
      it(`${command[0]}: ${what}`, async () => {
        const { code, stdout } = await runInProcess([...command, '--json', ...args]);
        assert.equal(code, 2);
        assert.match(JSON.parse(stdout).problems[0].message, pattern);
      });
    }
  }

  it('all of them, of which standard error shows the first hundred', async (t) => {
    const config = join(await createPrivateFolder(t), 'app.yaml');
    const keys = Array.from({ length: 250 }, (_, index) => `k${index}: 1\n`).join('');
    await writeFile(config, `${PIVOT}${keys}`);
    const { code, stdout, stderr } = await runInProcess(['plan', '--json', '--config', config]);
    assert.equal(code, 2);
    assert.equal(JSON.parse(stdout).problems.length, 250);
    const lines = stderr.trimEnd().split('\n');
    assert.equal(lines.length, 102);
    assert.deepEqual(lines.slice(-2), ['… and 150 more', '250 problems; nothing was started']);
  });

  it('alert-test: nobody to tell; refresh: nothing of that name', async (t) => {
    const config = join(await createPrivateFolder(t), 'app.yaml');
    await writeFile(config, `${PIVOT}store: { region: eu-west-1, endpoint: "http://127.0.0.1:1" }\n`);
    const env = { MERCHANT_ID: 'm', MERCHANT_SECRET: 's' };
    for (const [command, pattern] of [
      [['alert-test'], /alerts\.sinks is empty/],
      [['refresh', 'pvot'], /no token or provider "pvot"; there are pivot/],
    ] as const) {
      const { code, stdout } = await runInProcess([...command, '--json', '--config', config], { env });
      assert.equal(code, 2);
      assert.match(JSON.parse(stdout).problems[0].message, pattern);
    }
  });
});
