import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { runInProcess } from '../support/program-terminal.ts';

describe('schema', () => {
  for (const [args, file] of [
    [['schema'], 'config/schema.json'],
    [['schema', 'configuration'], 'config/schema.json'],
    [['schema', 'token-document'], 'config/token-document.schema.json'],
    [['schema', 'alert-notification'], 'config/alert-notification.schema.json'],
  ] as const) {
    it(`"${args.join(' ')}" prints what ${file} holds`, async () => {
      const { code, stdout, stderr } = await runInProcess(args);
      assert.deepEqual([code, stderr], [0, '']);
      assert.deepEqual(JSON.parse(stdout), JSON.parse(await readFile(file, 'utf8')));
    });
  }
});
