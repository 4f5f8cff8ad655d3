import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeInstallation } from '../../src/config/installation.ts';
import { parseText } from '../support/configuration-text.ts';

const PROVIDER = (name: string, secret: string): string =>
  `  - { name: ${name}, kind: apimw, secret: ${secret}, credentials: { apiKey: { env: KEY }, apiSecret: { env: SECRET } } }\n`;

function installationOf(...providers: readonly string[]): string {
  const parsed = parseText(`store: { region: ap-southeast-3 }\nproviders:\n${providers.join('')}`, {
    KEY: 'canary',
    SECRET: 'canary',
  });
  assert.ok(parsed.ok, JSON.stringify(parsed));
  return describeInstallation(parsed.configuration);
}

test('replicas of one configuration are one installation, and those that keep other tokens another', () => {
  const [a, b] = [PROVIDER('a', 'payments/a'), PROVIDER('b', 'payments/b')];
  assert.match(installationOf(a, b), /^[0-9a-f]{16}$/);
  assert.equal(installationOf(a, b), installationOf(b, a));
  assert.equal(new Set([installationOf(a), installationOf(b), installationOf(a, b)]).size, 3);
  assert.notEqual(installationOf(a), installationOf(PROVIDER('a', 'billing/a')));
});
