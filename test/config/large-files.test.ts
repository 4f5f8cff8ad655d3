import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PIVOT, parseText, problemsOf } from '../support/configuration-text.ts';
import { assertLinear } from '../support/linear-work.ts';

function unknownKeys(count: number): string {
  return Array.from({ length: count }, (_, index) => `k${index}: 1\n`).join('') + PIVOT;
}

/** Names to adopt, each of them like a name that is written to and none of them one. */
function adopting(count: number): string {
  const adopt = Array.from({ length: count }, (_, index) => `customers/token-of-${index}/adopted`);
  const customers = Array.from(
    { length: count },
    (_, index) => `      - { name: c${index}, bindingId: { env: A } }\n`,
  );
  return `store: { adopt: [${adopt.join(', ')}] }
providers:
  - name: b2b2c
    kind: pivot-b2b2c
    credentials: { clientId: { env: CLIENT_ID }, privateKey: { file: key.pem } }
    secret: customers/token-of-{customer}/written
    customers:
${customers.join('')}`;
}

describe('a large file', () => {
  it('with 200,000 unknown keys is answered, each key at its place', () => {
    const problems = problemsOf(parseText(unknownKeys(200_000)));
    assert.equal(problems.length, 200_000);
    assert.match(problems.at(-1) ?? '', /^app\.yaml:200000:1 k199999: unknown key/);
  });

  it('with one key 100,000 times is answered, each repetition at its place', () => {
    const problems = problemsOf(parseText(`${PIVOT}${'log: {}\n'.repeat(100_000)}`));
    assert.equal(problems.length, 99_999);
    assert.equal(problems.at(-1), 'app.yaml:100006:1 this key stands here twice');
  });

  it('with long unknown keys is answered: none is compared with what it cannot be', () => {
    const keys = Array.from({ length: 10_000 }, (_, index) => `${'k '.repeat(400)}${index}: 1\n`).join('');
    assert.equal(problemsOf(parseText(`${keys}${PIVOT}`)).length, 10_000);
  });

  it('with thousands of names to adopt that nothing is written to is answered', () => {
    const parsed = parseText(adopting(5000));
    assert.ok(parsed.ok);
    assert.ok(parsed.warnings.length >= 5000);
  });

  for (const { what, size, text } of [
    { what: 'unknown keys', size: 4000, text: unknownKeys },
    {
      what: 'repetitions of one key',
      size: 2000,
      text: (count: number) => PIVOT + 'log: {}\n'.repeat(count),
    },
    { what: 'names to adopt', size: 500, text: adopting },
    {
      what: 'lines with a mistake',
      size: 4000,
      text: (count: number) => 'a: !foo x\n'.repeat(count),
    },
    {
      what: 'mistakes on one line',
      size: 4000,
      text: (count: number) => `a: [${'!foo x,'.repeat(count)}]\n`,
    },
  ])
    it(`with ten times as many ${what} takes about ten times the work`, () =>
      assertLinear((count) => void parseText(text(count)), size));
});
