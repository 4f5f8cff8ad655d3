import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StoredText } from '../../../src/core/ports.ts';
import { SecretText } from '../../../src/core/secret-text.ts';
import {
  createPublishedToken,
  serializeDocument,
  type TokenDocument,
} from '../../../src/core/token/document.ts';
import { assessStored, decideConflict, decideReplacement } from '../../../src/core/token/replacement.ts';
import { fc } from '../../support/property.ts';
import { buildIdentity, NOON_MS } from '../../support/sample-events.ts';
import { buildDocument, buildToken, HOUR_MS, MINUTE_MS } from '../../support/token-builder.ts';

function store(changes: Partial<TokenDocument> = {}): StoredText {
  return { text: serializeDocument(buildDocument({ generation: 5, ...changes })), version: 'v5' };
}

describe('assessStored', () => {
  it('takes a live document of this token', () => {
    const assessment = assessStored(store(), buildIdentity(), NOON_MS);
    assert.ok(assessment.kind === 'live');
    assert.deepEqual([assessment.version, assessment.document.generation], ['v5', 5]);
  });

  for (const { title, stored, nowMs, why, version, generation } of [
    {
      title: 'no secret',
      stored: undefined,
      nowMs: NOON_MS,
      why: 'no value yet',
      version: undefined,
      generation: 0,
    },
    {
      title: 'something else',
      stored: { text: new SecretText('{"password":"canary"}'), version: 'v1' },
      nowMs: NOON_MS,
      why: /^holds no token document \(schema_version, access_token, /,
      version: 'v1',
      generation: 0,
    },
    {
      title: 'an expired document',
      stored: store(),
      nowMs: NOON_MS + 15 * MINUTE_MS + 12_000,
      why: 'expired 12s ago',
      version: 'v5',
      generation: 5,
    },
    {
      title: 'a document in the moment of its end',
      stored: store(),
      nowMs: NOON_MS + 15 * MINUTE_MS,
      why: 'expired 0s ago',
      version: 'v5',
      generation: 5,
    },
    {
      title: "another provider's document",
      stored: store({ provider: 'pivot', customer: 'alice' }),
      nowMs: NOON_MS,
      why: 'holds a token of pivot/alice',
      version: 'v5',
      generation: 5,
    },
    {
      title: "another customer's document",
      stored: store({ customer: 'bob' }),
      nowMs: NOON_MS,
      why: 'holds a token of pik/bob',
      version: 'v5',
      generation: 5,
    },
    {
      title: 'a document from the future',
      stored: store({ issuedAtMs: NOON_MS + HOUR_MS }),
      nowMs: NOON_MS,
      why: 'was issued in the future: a clock was wrong',
      version: 'v5',
      generation: 5,
    },
  ]) {
    it(`finds nothing that a reader could use in ${title}, and says why`, () => {
      const assessment = assessStored(stored, buildIdentity(), nowMs);
      assert.ok(assessment.kind === 'absent');
      if (typeof why === 'string') assert.equal(assessment.why, why);
      else assert.match(assessment.why, why);
      assert.doesNotMatch(assessment.why, /canary/);
      assert.deepEqual([assessment.version, assessment.generation], [version, generation]);
    });
  }

  it('Wrong clocks are seen: tolerates clocks that differ by a minute', () => {
    assert.equal(assessStored(store(), buildIdentity(), NOON_MS - MINUTE_MS).kind, 'live');
    assert.equal(assessStored(store(), buildIdentity(), NOON_MS - MINUTE_MS - 1).kind, 'absent');
  });
});

describe('decideReplacement', () => {
  const document = buildDocument();
  const published = createPublishedToken(document);
  for (const { title, token, nowMs, decision } of [
    {
      title: 'a token that lives longer',
      token: { expiresAtMs: published.expiresAtMs + 1 },
      nowMs: NOON_MS,
      decision: 'replace',
    },
    {
      title: 'a token that ends at the same time',
      token: { expiresAtMs: published.expiresAtMs },
      nowMs: NOON_MS,
      decision: 'unchanged',
    },
    {
      title: 'a token that ends earlier',
      token: { expiresAtMs: published.expiresAtMs - 1 },
      nowMs: NOON_MS,
      decision: 'unchanged',
    },
    {
      title: 'the same token, when a later end is stated for it',
      token: { accessToken: document.accessToken, expiresAtMs: published.expiresAtMs + HOUR_MS },
      nowMs: NOON_MS,
      decision: 'replace',
    },
    {
      title: 'the same token, when its end wavers',
      token: { accessToken: document.accessToken, expiresAtMs: published.expiresAtMs + 60_000 },
      nowMs: NOON_MS,
      decision: 'unchanged',
    },
    {
      title: 'the same token with another further field, whatever is said of its end',
      token: {
        accessToken: document.accessToken,
        expiresAtMs: published.expiresAtMs - 1000,
        fields: { api: 'v3' },
      },
      nowMs: NOON_MS,
      decision: 'replace',
    },
    {
      title: 'the same token with another scheme',
      token: { accessToken: document.accessToken, expiresAtMs: published.expiresAtMs, tokenType: 'none' },
      nowMs: NOON_MS,
      decision: 'replace',
    },
    {
      title: 'another token with other fields that ends earlier',
      token: { expiresAtMs: published.expiresAtMs - 1, fields: { api: 'v3' } },
      nowMs: NOON_MS,
      decision: 'unchanged',
    },
    {
      title: 'the same token, when its later end is near too',
      token: { accessToken: document.accessToken, expiresAtMs: published.expiresAtMs + 8000 },
      nowMs: published.expiresAtMs - 1000,
      decision: 'unchanged',
    },
    {
      title: 'any token when the published one has expired',
      token: { accessToken: document.accessToken, expiresAtMs: published.expiresAtMs + 1000 },
      nowMs: published.expiresAtMs,
      decision: 'replace',
    },
    {
      title: 'any token when the published one is from the future',
      token: { expiresAtMs: published.expiresAtMs - 2 * HOUR_MS },
      nowMs: NOON_MS - HOUR_MS,
      decision: 'replace',
    },
  ]) {
    it(`Never worse: says ${decision} for ${title}`, () => {
      assert.equal(decideReplacement(buildToken(token), published, nowMs), decision);
    });
  }

  it('replaces nothing', () => {
    assert.equal(decideReplacement(buildToken(), undefined, NOON_MS), 'replace');
  });
});

describe('decideConflict', () => {
  it('Never worse: of two live tokens the one that ends later stays, and of equals the one that is there', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e9 }), fc.integer({ min: 1, max: 1e9 }), (oursMs, theirsMs) => {
        const ours = buildDocument({ expiresAtMs: NOON_MS + oursMs });
        const stored = assessStored(store({ expiresAtMs: NOON_MS + theirsMs }), buildIdentity(), NOON_MS);
        assert.equal(decideConflict(ours, stored), oursMs > theirsMs ? 'publish-ours' : 'keep-theirs');
      }),
    );
  });

  it('of the same token lets the fields of the later answer stay', () => {
    const { accessToken, expiresAtMs } = buildDocument();
    for (const [issuedAtMs, decision] of [
      [NOON_MS + 1, 'publish-ours'],
      [NOON_MS, 'keep-theirs'],
      [NOON_MS - 1, 'keep-theirs'],
    ] as const) {
      // An end that is stated a little later or earlier is no reason against it.
      for (const waverMs of [-1000, 0, 1000]) {
        const ours = buildDocument({ issuedAtMs, expiresAtMs: expiresAtMs + waverMs, fields: { api: 'v3' } });
        const theirs = store({ accessToken, expiresAtMs, fields: { api: 'v2' } });
        const stored = assessStored(theirs, buildIdentity(), NOON_MS);
        assert.equal(decideConflict(ours, stored), decision);
      }
    }
  });

  it('publishes ours over what no reader can use', () => {
    const stored = assessStored(store({ provider: 'other' }), buildIdentity(), NOON_MS);
    assert.equal(decideConflict(buildDocument(), stored), 'publish-ours');
  });
});
