import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PIVOT, parseText, problemsOf } from '../support/configuration-text.ts';

/** Far above what linear work takes, far below what quadratic work does (many minutes). */
const LINEAR = { timeout: 60_000 };

describe('a large file', () => {
  it('with 200,000 unknown keys is answered, each key at its place', LINEAR, () => {
    const keys = Array.from({ length: 200_000 }, (_, index) => `k${index}: 1\n`).join('');
    const problems = problemsOf(parseText(`${keys}${PIVOT}`));
    assert.equal(problems.length, 200_000);
    assert.match(problems.at(-1) ?? '', /^app\.yaml:200000:1 k199999: unknown key/);
  });

  it('with one key 100,000 times is answered, each repetition at its place', LINEAR, () => {
    const problems = problemsOf(parseText(`${PIVOT}${'log: {}\n'.repeat(100_000)}`));
    assert.equal(problems.length, 99_999);
    assert.equal(problems.at(-1), 'app.yaml:100006:1 this key stands here twice');
  });

  it('with long unknown keys is answered: none is compared with what it cannot be', LINEAR, () => {
    const keys = Array.from({ length: 10_000 }, (_, index) => `${'k '.repeat(400)}${index}: 1\n`).join('');
    assert.equal(problemsOf(parseText(`${keys}${PIVOT}`)).length, 10_000);
  });

  it('with thousands of names to adopt that nothing is written to is answered', LINEAR, () => {
    const adopt = Array.from({ length: 5000 }, (_, index) => `customers/token-of-${index}/adopted`);
    const customers = Array.from(
      { length: 5000 },
      (_, index) => `      - { name: c${index}, bindingId: { env: A } }\n`,
    );
    const text = `store: { adopt: [${adopt.join(', ')}] }
providers:
  - name: b2b2c
    kind: pivot-b2b2c
    credentials: { clientId: { env: CLIENT_ID }, privateKey: { file: key.pem } }
    secret: customers/token-of-{customer}/written
    customers:
${customers.join('')}`;
    const parsed = parseText(text);
    assert.ok(parsed.ok);
    assert.ok(parsed.warnings.length >= 5000);
  });
});
