import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SecretText } from '../../../src/core/secret-text.ts';
import {
  type ChainState,
  describeExcess,
  parseChainState,
  serializeChainState,
} from '../../../src/core/token/chain-state.ts';
import { isJsonObject, parseJson } from '../../../src/core/wire/json.ts';
import { fc } from '../../support/property.ts';
import { buildIdentity } from '../../support/sample-events.ts';
import { buildChainState, HOUR_MS } from '../../support/token-builder.ts';

const identity = buildIdentity('pivot/alice');
const OBTAINED_AT_MS = buildChainState().obtainedAtMs;

function comparable(state: ChainState): object {
  return { ...state, refreshToken: state.refreshToken.reveal() };
}

describe('serializeChainState', () => {
  it('writes flat JSON with times in RFC 3339, UTC', () => {
    const state = buildChainState({ refreshTokenExpiresAtMs: OBTAINED_AT_MS + HOUR_MS, generation: 4 });
    assert.deepEqual(parseJson(serializeChainState(identity, state).reveal()), {
      schema_version: 1,
      refresh_token: 'refresh-canary',
      refresh_token_expires_at: '2026-11-21T13:00:00.000Z',
      obtained_at: '2026-11-21T12:00:00.000Z',
      provider: 'pivot',
      customer: 'alice',
      generation: 4,
    });
  });

  it('is read back as it was, for any refresh token, in the same bytes every time', () => {
    const times = fc.integer({ min: Date.UTC(2001, 0, 1), max: Date.UTC(2200, 0, 1) });
    fc.assert(
      fc.property(
        fc.record({
          refreshToken: fc.string({ minLength: 1, unit: 'binary' }).map((text) => new SecretText(text)),
          refreshTokenExpiresAtMs: fc.option(times, { nil: undefined }),
          obtainedAtMs: times,
          generation: fc.integer({ min: 1, max: 1_000_000 }),
        }),
        (state) => {
          const text = serializeChainState(identity, state);
          assert.ok(text.equals(serializeChainState(identity, { ...state })));
          const parsed = parseChainState(text, identity);
          assert.ok(parsed.ok);
          assert.deepEqual(comparable(parsed.state), comparable(state));
        },
      ),
    );
  });
});

describe('parseChainState', () => {
  for (const { title, change, problem } of [
    {
      title: 'an empty refresh token',
      change: { refresh_token: '' },
      problem: 'no chain state (refresh_token)',
    },
    { title: 'a missing date', change: { obtained_at: undefined }, problem: 'no chain state (obtained_at)' },
    {
      title: 'a token document',
      change: { refresh_token: undefined, generation: 'canary' },
      problem: 'no chain state (refresh_token, generation)',
    },
  ]) {
    it(`No secret leaks: names the field and not its value for ${title}`, () => {
      const json = parseJson(serializeChainState(identity, buildChainState()).reveal());
      assert.ok(isJsonObject(json));
      const text = new SecretText(JSON.stringify({ ...json, ...change }));
      assert.deepEqual(parseChainState(text, identity), { ok: false, isForeign: false, problem });
    });
  }

  for (const [owner, changes] of [
    ['pik/budi', { customer: 'budi' }],
    ['pik', { customer: undefined }],
    ['pivot/ayu', { provider: 'pivot' }],
  ] as const) {
    it(`says whose chain it is when it is that of ${owner}`, () => {
      const ayu = buildIdentity('pik/ayu');
      const theirs = serializeChainState({ ...ayu, ...changes }, buildChainState());
      assert.deepEqual(parseChainState(theirs, ayu), {
        ok: false,
        isForeign: true,
        problem: `the refresh token of ${owner}`,
      });
    });
  }

  for (const text of ['', 'refresh-canary', '"refresh-canary"', '[]', 'null']) {
    it(`No secret leaks: says nothing about the content of ${text === '' ? 'nothing' : text}`, () => {
      assert.deepEqual(parseChainState(new SecretText(text), identity), {
        ok: false,
        isForeign: false,
        problem: 'no chain state (not a JSON object)',
      });
    });
  }
});

describe('describeExcess', () => {
  it('measures in bytes against what the store holds, and quotes nothing', () => {
    const text = new SecretText('ж'.repeat(5));
    assert.equal(describeExcess('it', text, 10), undefined);
    assert.equal(
      describeExcess('it', text, 9),
      'it would be 10 bytes in its secret, which holds 9: it can never be saved and is given up',
    );
  });
});
