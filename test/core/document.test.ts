import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  createDocument,
  parseDocument,
  serializeDocument,
  type TokenDocument,
} from '../../src/core/document.ts';
import { isJsonObject, type JsonObject, parseJson } from '../../src/core/json.ts';
import { SecretText } from '../../src/core/secret-text.ts';
import { buildIdentity, NOON_MS } from '../support/sample-events.ts';
import { buildDocument, buildToken } from '../support/token-builder.ts';

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
        const values = Object.values(toJson(document));
        assert.ok(
          values.every((value) => typeof value !== 'object'),
          'flat',
        );
      }),
    );
  });
});

describe('createDocument', () => {
  it('takes the token as issued and the plan as decided', () => {
    const token = buildToken({ tokenType: 'bearer' });
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
