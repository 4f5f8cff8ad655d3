import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { z } from 'zod';
import { VERSION } from '../../src/core/version.ts';

test('the version is the one in package.json', () => {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  assert.equal(VERSION, z.object({ version: z.string() }).parse(JSON.parse(text)).version);
});
