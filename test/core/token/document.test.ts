import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SecretText } from '../../../src/core/secret-text.ts';
import {
  besideFingerprint,
  createDocument,
  createPublishedToken,
  describeFieldProblem,
  parseDocument,
  serializeDocument,
  type TokenDocument,
} from '../../../src/core/token/document.ts';
import { isJsonObject, type JsonObject, parseJson } from '../../../src/core/wire/json.ts';
import { fc } from '../../support/property.ts';
import { buildIdentity, NOON_MS } from '../../support/sample-events.ts';
import { buildDocument, buildToken } from '../../support/token-builder.ts';

function toJson(document: TokenDocument): JsonObject {
  const parsed = parseJson(serializeDocument(document).reveal());
  assert.ok(isJsonObject(parsed));
  return parsed;
}

/** What can be compared: the token's text instead of its wrapping. */
function comparable(document: TokenDocument): object {
  return { ...document, accessToken: document.accessToken.reveal() };
}

const times = fc.integer({ min: Date.UTC(2001, 0, 1), max: Date.UTC(2200, 0, 1) });
const fieldSets = fc.dictionary(
  fc.stringMatching(/^[a-z][a-z0-9_]{0,62}$/),
  fc.string({ minLength: 1, maxLength: 200, unit: 'grapheme' }),
  { maxKeys: 16, noNullPrototype: true },
);
const documents: fc.Arbitrary<TokenDocument> = fc.record({
  accessToken: fc.string({ minLength: 1, unit: 'binary' }).map((text) => new SecretText(text)),
  tokenType: fc.string({ minLength: 1, unit: 'grapheme' }),
  issuedAtMs: times,
  expiresAtMs: times,
  refreshAtMs: times,
  expiresInSeconds: fc.integer({ min: 1, max: 315_360_000 }),
  provider: fc.string({ minLength: 1 }),
  customer: fc.option(fc.string({ minLength: 1 }), { nil: undefined }),
  generation: fc.integer({ min: 1, max: 1_000_000 }),
  fields: fieldSets,
});

describe('serializeDocument', () => {
  it('writes flat JSON with times in RFC 3339, UTC', () => {
    assert.deepEqual(toJson(buildDocument({ customer: 'alice', generation: 7 })), {
      schema_version: 1,
      access_token: 'published-canary',
      token_type: 'Bearer',
      authorization: 'Bearer published-canary',
      issued_at: '2026-11-21T12:00:00.000Z',
      expires_at: '2026-11-21T12:15:00.000Z',
      expires_at_epoch: 1_795_263_300,
      expires_in: 900,
      refresh_at: '2026-11-21T12:14:00.000Z',
      provider: 'pik',
      customer: 'alice',
      generation: 7,
    });
  });

  it('rounds the epoch down, so that nobody uses a token past its end', () => {
    const json = toJson(buildDocument({ expiresAtMs: NOON_MS + 900_999 }));
    assert.equal(json['expires_at_epoch'], NOON_MS / 1000 + 900);
  });

  it('leaves customer out where there is none', () => {
    assert.ok(!('customer' in toJson(buildDocument())));
  });

  it('yields the same bytes every time, because a retry has to be the same write', () => {
    fc.assert(
      fc.property(documents, (document) => {
        assert.ok(serializeDocument(document).equals(serializeDocument({ ...document })));
      }),
    );
  });

  it('is read back as it was, for any token text', () => {
    fc.assert(
      fc.property(documents, (document) => {
        const parsed = parseDocument(serializeDocument(document));
        assert.ok(parsed.ok);
        assert.deepEqual(comparable(parsed.document), comparable(document));
        const { fields, ...others } = toJson(document);
        assert.equal(fields === undefined, Object.keys(document.fields).length === 0);
        assert.ok(
          Object.values(others).every((value) => typeof value !== 'object'),
          'flat',
        );
      }),
    );
  });
});

describe('further fields of a document', () => {
  it('are left out when there are none, and written in the order of their names', () => {
    assert.ok(!('fields' in toJson(buildDocument())));
    const fields = { instance_url: 'https://one.example.com', api: 'v2' };
    const text = serializeDocument(buildDocument({ fields })).reveal();
    assert.match(
      text,
      /"generation":1,"fields":\{"api":"v2","instance_url":"https:\/\/one\.example\.com"\}\}$/,
    );
    const turned = { api: fields.api, instance_url: fields.instance_url };
    assert.equal(serializeDocument(buildDocument({ fields: turned })).reveal(), text);
  });

  it('are empty in what an earlier version has written', () => {
    const parsed = parseDocument(serializeDocument(buildDocument()));
    assert.ok(parsed.ok);
    assert.deepEqual(parsed.document.fields, {});
  });

  it('have their limits, which the problem names without a value', () => {
    const names = Array.from({ length: 17 }, (_, index) => `field_${index}`);
    const fill = (count: number) => Object.fromEntries(names.slice(0, count).map((name) => [name, 'canary']));
    const cases: readonly (readonly [Readonly<Record<string, string>>, string | undefined])[] = [
      [{}, undefined],
      [fill(16), undefined],
      [{ a: 'x'.repeat(1024), [`a${'_'.repeat(62)}`]: 'x', constructor: 'x' }, undefined],
      [fill(17), 'has 17 further fields, at most 16 are published'],
      [{ a: '' }, 'has 0 characters in fields.a, 1 to 1024 are published'],
      [{ b: 'x', a: 'canary'.repeat(200) }, 'has 1200 characters in fields.a, 1 to 1024 are published'],
      ...['', 'A', '1a', 'a-b', '_a', 'é', 'a b', `a${'_'.repeat(63)}`].map(
        (name) =>
          [
            { [name]: 'canary' },
            'has a further field whose name is not made of lower-case letters, digits and underscores',
          ] as const,
      ),
    ];
    for (const [fields, problem] of cases) {
      assert.equal(describeFieldProblem(fields), problem);
      const parsed = parseDocument(serializeDocument(buildDocument({ fields })));
      assert.equal(parsed.ok, problem === undefined, JSON.stringify(fields));
      assert.ok(parsed.ok || !parsed.problem.includes('canary'));
    }
  });

  it('that no document can hold are named before they are written, whatever an answer says', () => {
    const anything = fc.dictionary(fc.string(), fc.string({ maxLength: 1100 }), { maxKeys: 20 });
    fc.assert(
      fc.property(fc.oneof(anything, fieldSets), (fields) => {
        const parsed = parseDocument(serializeDocument(buildDocument({ fields })));
        assert.equal(parsed.ok, describeFieldProblem(fields) === undefined);
      }),
    );
  });

  it('and the token type are known again without being kept', () => {
    const fingerprintOf = (changes: Partial<TokenDocument>) =>
      createPublishedToken(buildDocument(changes)).besideFingerprint;
    const full = { a: 'canary', b: 'two' };
    assert.equal(fingerprintOf({ fields: full }), fingerprintOf({ fields: { b: 'two', a: 'canary' } }));
    assert.doesNotMatch(fingerprintOf({ fields: full }), /canary/);
    const all = [{}, { fields: full }, { fields: { a: 'canary' } }, { fields: { ...full, b: 'x' } }];
    const texts = [...all, { tokenType: 'none' }, { fields: full, tokenType: 'none' }].map(fingerprintOf);
    assert.equal(new Set(texts).size, 6);
    assert.equal(besideFingerprint({ tokenType: 'Bearer', fields: {} }), fingerprintOf({}));
  });
});

describe('authorization', () => {
  it('is the token alone where the API wants no scheme', () => {
    const json = toJson(buildDocument({ tokenType: 'none' }));
    assert.deepEqual([json['authorization'], json['token_type']], ['published-canary', 'none']);
  });
});

describe('createDocument', () => {
  it('takes the token as issued and the plan as decided', () => {
    const token = buildToken({ tokenType: 'bearer', fields: { api: 'v2' } });
    const document = createDocument(buildIdentity('pivot/alice'), token, {
      refreshAtMs: NOON_MS + 840_000,
      generation: 3,
    });
    assert.deepEqual(comparable(document), {
      accessToken: 'access-canary',
      tokenType: 'bearer',
      issuedAtMs: NOON_MS,
      expiresAtMs: NOON_MS + 900_000,
      expiresInSeconds: 900,
      refreshAtMs: NOON_MS + 840_000,
      provider: 'pivot',
      customer: 'alice',
      generation: 3,
      fields: { api: 'v2' },
    });
  });
});

describe('parseDocument', () => {
  for (const { title, change, problem } of [
    {
      title: 'a missing token',
      change: { access_token: undefined },
      problem: 'no token document (access_token)',
    },
    { title: 'an empty token', change: { access_token: '' }, problem: 'no token document (access_token)' },
    {
      title: 'another version of the schema',
      change: { schema_version: 2 },
      problem: 'no token document (schema_version)',
    },
    {
      title: 'a local time',
      change: { expires_at: '2026-11-21T12:15:00' },
      problem: 'no token document (expires_at)',
    },
    {
      title: 'a time with an offset',
      change: { issued_at: '2026-11-21T19:00:00+07:00' },
      problem: 'no token document (issued_at)',
    },
    { title: 'a generation of zero', change: { generation: 0 }, problem: 'no token document (generation)' },
    {
      title: 'several wrong fields at once',
      change: { expires_in: 'canary', provider: 7, refresh_at: 'canary' },
      problem: 'no token document (expires_in, refresh_at, provider)',
    },
  ]) {
    it(`names the field for ${title}`, () => {
      const text = JSON.stringify({ ...toJson(buildDocument()), ...change });
      assert.deepEqual(parseDocument(new SecretText(text)), { ok: false, problem });
    });
  }

  for (const { title, text } of [
    { title: 'no JSON', text: 'secret-canary' },
    { title: 'nothing', text: '' },
    { title: 'a JSON string', text: '"secret-canary"' },
    { title: 'a list', text: '["secret-canary"]' },
    { title: 'null', text: 'null' },
    { title: 'JSON that is cut off', text: '{"access_token":"secret-canary"' },
  ]) {
    it(`No secret leaks: says nothing about the content of ${title}`, () => {
      assert.deepEqual(parseDocument(new SecretText(text)), {
        ok: false,
        problem: 'no token document (not a JSON object)',
      });
    });
  }

  it('No secret leaks: never quotes a value, whatever a field holds', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(toJson(buildDocument()))),
        fc.jsonValue(),
        (field, value) => {
          const canary = { canary: ['canary', value] };
          const parsed = parseDocument(
            new SecretText(JSON.stringify({ ...toJson(buildDocument()), [field]: canary })),
          );
          assert.deepEqual(parsed, { ok: false, problem: `no token document (${field})` });
        },
      ),
    );
  });

  it('ignores fields that a later version has added', () => {
    const text = JSON.stringify({ ...toJson(buildDocument()), added_later: true });
    assert.ok(parseDocument(new SecretText(text)).ok);
  });
});
