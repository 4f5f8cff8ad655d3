import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SecretText } from '../../../src/core/secret-text.ts';
import { parseBinding } from '../../../src/core/token/binding.ts';
import { fc } from '../../support/property.ts';

const FIELDS = { bindingId: {}, pin: { optional: true } };

function parse(secretName: string, binding: unknown) {
  return parseBinding(secretName, new SecretText(JSON.stringify(binding)), FIELDS);
}

describe('parseBinding', () => {
  for (const { secretName, binding, customer, credentials } of [
    {
      secretName: 'bindings/pivot/ayu',
      binding: { bindingId: 'x' },
      customer: 'ayu',
      credentials: ['bindingId'],
    },
    { secretName: 'ayu', binding: { bindingId: 'x' }, customer: 'ayu', credentials: ['bindingId'] },
    {
      secretName: 'bindings/a+b',
      binding: { customer: 'budi', bindingId: 'x', pin: '1', other: [1] },
      customer: 'budi',
      credentials: ['bindingId', 'pin'],
    },
  ]) {
    it(`reads ${JSON.stringify(binding)} of ${secretName}`, () => {
      assert.deepEqual(parse(secretName, binding), { ok: true, customer, credentials });
    });
  }

  for (const { what, binding, problem } of [
    { what: 'a text', binding: 'x', problem: 'it holds no JSON object' },
    { what: 'null', binding: null, problem: 'it holds no JSON object' },
    {
      what: 'nothing that is needed',
      binding: { binding: 'x' },
      problem: 'bindingId is missing, empty or not a text',
    },
    {
      what: 'an optional credential of another type',
      binding: { bindingId: 'x', pin: 1 },
      problem: 'pin is missing, empty or not a text',
    },
    {
      what: 'a customer that is no text',
      binding: { customer: 7, bindingId: 'x' },
      problem: 'customer is not a name of letters, digits and inner hyphens and underscores, at most 63',
    },
  ]) {
    it(`refuses ${what}`, () => {
      assert.deepEqual(parse('bindings/ayu', binding), { ok: false, problem });
    });
  }

  it('No secret leaks: tells no value of a binding, whatever it holds', () => {
    fc.assert(
      fc.property(fc.json(), fc.string({ minLength: 12 }), (json, canary) => {
        const text = `{"bindingId":${json},"customer":${JSON.stringify(canary)},"pin":${JSON.stringify(canary)}}`;
        const parsed = parseBinding('bindings/ayu', new SecretText(text), FIELDS);
        if (!parsed.ok) assert.ok(!parsed.problem.includes(canary));
      }),
    );
  });
});
