import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CUSTOMERS, PIVOT, parseText } from '../support/configuration-text.ts';

describe('a literal credential', () => {
  const CANARY = 'c4n4ry';
  const places: readonly string[] = [
    PIVOT.replace('{ env: MERCHANT_ID }', CANARY),
    PIVOT.replace('{ env: MERCHANT_ID }', `[${CANARY}]`),
    PIVOT.replace('{ env: MERCHANT_ID }', `{ ${CANARY} }`),
    PIVOT.replace('{ env: MERCHANT_ID }', `{ value: ${CANARY} }`),
    PIVOT.replace('{ env: MERCHANT_ID }', `{ env: "${CANARY}-1" }`),
    PIVOT.replace('{ env: MERCHANT_ID }', `{ env: { value: ${CANARY} } }`),
    PIVOT.replace('{ env: MERCHANT_ID }', `{ file: "-----BEGIN\\n${CANARY}" }`),
    PIVOT.replace('{ env: MERCHANT_ID }', `{ awsSecret: "${CANARY} x" }`),
    PIVOT.replace('{ env: MERCHANT_ID }', `!plain ${CANARY}`),
    PIVOT.replace('{ env: MERCHANT_ID }', `"${CANARY}" ${CANARY}`),
    PIVOT.replace('{ env: MERCHANT_ID }', `*${CANARY}`),
    PIVOT.replace('{ env: MERCHANT_ID }', `"\\q${CANARY}"`),
    PIVOT.replace('{ env: MERCHANT_ID }', `@${CANARY}`),
    PIVOT.replace('kind: pivot', 'kind: pivto').replace('{ env: MERCHANT_ID }', CANARY),
    PIVOT.replace('kind: pivot', 'kind: pivto').replace(/\{ merchantId.*\}/, `{ ${CANARY} }`),
    PIVOT.replace(/\{ merchantId.*\}/, CANARY),
    PIVOT.replace(/\{ merchantId.*\}/, `{ ${CANARY} }`),
    PIVOT.replace(/\{ merchantId.*\}/, `[${CANARY}]`),
    `${PIVOT}    merchantSecret: ${CANARY}\n`,
    `${PIVOT}    baseUrl: https://user:${CANARY}@api.example.com\n`,
    `${PIVOT}    baseUrl: https://api.example.com/?key=${CANARY}\n`,
    `${PIVOT}    refreshAfter: ${CANARY.repeat(11)}\n`,
    `${PIVOT}    schedule: ${CANARY.repeat(11)}\n`,
    `${PIVOT}  - ${CANARY}\n`,
    CUSTOMERS.replace('{ env: AYU }', CANARY),
    CUSTOMERS.replace('bindingId: { env: AYU }', CANARY),
    CUSTOMERS.replace('bindingId: { env: AYU }', `binding: ${CANARY}`),
    CUSTOMERS.replace(/customers:[^]*/, `customers: [${CANARY}]\n`),
    CUSTOMERS.replace(/customers:[^]*/, `customers: ${CANARY}\n`),
    CUSTOMERS.replace(/customers:[^]*/, `customers: { ayu: ${CANARY} }\n`),
    CANARY,
    `}${CANARY}`,
    `%${CANARY}\n---\n${PIVOT}`,
  ];
  for (const [index, text] of places.entries()) {
    it(`is refused and never quoted, wherever it stands (${index + 1})`, () => {
      const parsed = parseText(text);
      assert.ok(!parsed.ok);
      assert.ok(parsed.problems.length > 0);
      assert.doesNotMatch(JSON.stringify(parsed.problems), new RegExp(CANARY));
    });
  }
});
