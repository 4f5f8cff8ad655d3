import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { format, inspect } from 'node:util';
import { SecretText } from '../../src/core/secret-text.ts';
import { serializeChainState } from '../../src/core/token/chain-state.ts';
import { serializeDocument } from '../../src/core/token/document.ts';
import { fc } from '../support/property.ts';
import { buildIdentity } from '../support/sample-events.ts';
import { buildChainState, buildDocument, buildToken } from '../support/token-builder.ts';

const DEEP = { depth: 10, showHidden: true, getters: true } as const;

/** Every way in which a value is turned into text. */
const ways: readonly { readonly way: string; readonly write: (value: unknown) => string }[] = [
  { way: 'String()', write: (value) => String(value) },
  { way: 'a template literal', write: (value) => `${String(value)}` },
  { way: 'JSON.stringify', write: (value) => JSON.stringify(value) },
  { way: 'inspect', write: (value) => inspect(value, DEEP) },
  {
    way: 'inspect without custom inspection',
    write: (value) => inspect(value, { ...DEEP, customInspect: false }),
  },
  { way: 'format', write: (value) => format('%s %o %O %j', value, value, value, value) },
  {
    way: 'an error message',
    write: (value) => String(new Error(`failed: ${String(value)}`, { cause: value })),
  },
  { way: 'its own properties', write: (value) => JSON.stringify(Object.getOwnPropertyNames(value)) },
];

describe('SecretText', () => {
  for (const { way, write } of ways) {
    it(`No secret leaks: does not give its text away through ${way}`, () => {
      const text = write(new SecretText('canary'));
      assert.doesNotMatch(text, /canary/);
    });
  }

  it('says that it is redacted', () => {
    const secret = new SecretText('canary');
    assert.deepEqual(
      [String(secret), JSON.stringify({ secret }), inspect(secret), inspect([secret])],
      ['[redacted]', '{"secret":"[redacted]"}', '[redacted]', '[ [redacted] ]'],
    );
  });

  it('is revealed by name only, unchanged', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const secret = new SecretText(text);
        assert.equal(secret.reveal(), text);
        assert.equal(secret.length, text.length);
        assert.ok(secret.equals(new SecretText(text)));
        assert.ok(!secret.equals(new SecretText(`${text}.`)));
        assert.ok(!secret.equals(undefined));
      }),
    );
  });

  it('has a fingerprint that is the same for the same text alone, and does not show it', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 8, unit: 'binary' }), (text) => {
        const fingerprint = new SecretText(text).fingerprint();
        assert.match(fingerprint, /^[\w-]{43}$/);
        assert.equal(new SecretText(text).fingerprint(), fingerprint);
        assert.notEqual(new SecretText(`${text}.`).fingerprint(), fingerprint);
        assert.ok(!fingerprint.includes(text));
      }),
    );
  });
});

describe('everything that holds a secret', () => {
  const document = buildDocument();
  const state = buildChainState();
  const write = {
    secretName: 'payments/pik',
    text: serializeDocument(document),
    requestToken: 'a',
    expectedVersion: undefined,
  };
  for (const { what, value } of [
    { what: 'a fetched token', value: buildToken({ refreshToken: new SecretText('refresh-canary') }) },
    { what: 'a document', value: document },
    { what: 'a chain state', value: state },
    { what: 'the bytes of a state secret', value: serializeChainState(buildIdentity(), state) },
    { what: 'a write', value: write },
    { what: 'what a store returned', value: { text: write.text, version: 'v' } },
  ]) {
    it(`No secret leaks: ${what} can be written anywhere`, () => {
      for (const { write: turnIntoText } of ways) assert.doesNotMatch(turnIntoText(value), /canary/);
    });
  }
});
