import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSameInstallation } from '../../src/core/installation.ts';
import { describeInstallation } from '../../src/wiring/installation.ts';
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

const [A, B, C] = [PROVIDER('a', 'payments/a'), PROVIDER('b', 'payments/b'), PROVIDER('c', 'payments/c')];

for (const [what, some, other, isSame] of [
  ['replicas of one configuration, in any order', [A, B], [B, A], true],
  ['replicas before and after a change that is rolled out', [A, B], [B, C], true],
  ['two that keep tokens of other providers', [A], [B, C], false],
  ['two that keep the same names in other secrets', [A], [PROVIDER('a', 'billing/a')], false],
] as const) {
  test(`${what} are ${isSame ? 'one installation' : 'two installations'}`, () => {
    assert.equal(isSameInstallation(installationOf(...some), installationOf(...other)), isSame);
  });
}

test('it is short and says nothing about what is configured', () => {
  const many = Array.from({ length: 100 }, (_, at) => PROVIDER(`p${at}`, `payments/p${at}`));
  assert.match(installationOf(...many), /^[0-9a-f]{8}(?:\.[0-9a-f]{8}){63}$/);
});
