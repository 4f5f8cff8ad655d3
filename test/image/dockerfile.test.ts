import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import { VERSION } from '../../src/core/version.ts';
import { IMAGE_ENVIRONMENT, IMAGE_FLAGS } from '../bench/token-memory.ts';
import { readDockerfile } from '../support/dockerfile.ts';
import { PROJECT } from '../support/program-process.ts';

const image = readDockerfile();

test('the image has the Node.js that the tests run on, in every stage', () => {
  const manifest = z
    .object({ devDependencies: z.record(z.string(), z.string()) })
    .parse(JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8')));
  // With or without a digest.
  assert.equal(image.args['NODE_IMAGE']?.split('@')[0], `node:${manifest.devDependencies['node']}-slim`);
  assert.equal(process.versions.node, manifest.devDependencies['node']);
  assert.deepEqual(image.baseImages, ['${NODE_IMAGE}', '${NODE_IMAGE}']);
});

test('the image runs the program itself, without a shell, as a user by number', () => {
  assert.equal(image.entrypoint[0], 'node');
  assert.equal(image.entrypoint.at(-1), '/app/dist/main.js');
  assert.deepEqual(image.command, ['run']);
  assert.deepEqual(image.user, { uid: 65_532, gid: 65_532 });
  assert.equal(image.stopSignal, 'SIGTERM');
  assert.ok(image.entrypoint.includes('--disable-sigusr1'), 'a signal must not open a debugger');
});

test('the image starts the program with what its memory is measured with', () => {
  for (const [name, value] of Object.entries(IMAGE_ENVIRONMENT)) assert.equal(image.env[name], value, name);
  assert.deepEqual(image.entrypoint.slice(1, -1), [...IMAGE_FLAGS, '--disable-sigusr1']);
});

test('the image says what it is', () => {
  assert.equal(image.args['VERSION'], VERSION);
  const names = ['title', 'description', 'version', 'revision', 'created', 'base.name'];
  assert.deepEqual(
    Object.keys(image.labels).toSorted(),
    names.map((name) => `org.opencontainers.image.${name}`).toSorted(),
  );
});

test('the image takes over the application layer and nothing else', () => {
  assert.deepEqual(image.copied, [{ from: '/layer/app', to: '/app' }]);
});
