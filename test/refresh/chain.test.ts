import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SecretText } from '../../src/core/secret-text.ts';
import type { ChainState } from '../../src/core/token/chain-state.ts';
import {
  type Chain,
  choosePresented,
  clearDoubt,
  doubt,
  learnStored,
  notePresentation,
  type Objection,
  refuse,
  takeBackPresentation,
  UNREAD_CHAIN,
} from '../../src/refresh/chain.ts';

const NOW_MS = 1_000_000;
const SECRET = 'tokens/pivot/state';

function state(text: string, changes: Partial<ChainState> = {}): ChainState {
  const refreshToken = new SecretText(text);
  return { refreshToken, refreshTokenExpiresAtMs: undefined, obtainedAtMs: 1, generation: 3, ...changes };
}

const NEWEST = state('newest');
const OTHER = state('other');
const STORED: Chain = { ...UNREAD_CHAIN, stored: { state: NEWEST, version: 'v1' } };

function objected(kind: Exclude<Objection['kind'], 'none'>, to: ChainState = NEWEST): Chain {
  return { ...STORED, objection: { kind, refreshToken: to.refreshToken } };
}

function formerly(times: number, presented: ChainState = NEWEST): Chain {
  const { note } = notePresentation(STORED, SECRET, presented);
  if (note.kind === 'none') throw new Error('a presentation is noted');
  return { ...STORED, note: { kind: 'former', presentation: { ...note.presentation, times } } };
}

describe('what the next fetch presents', () => {
  const expired: Chain = {
    ...STORED,
    stored: { state: { ...NEWEST, refreshTokenExpiresAtMs: NOW_MS }, version: 'v1' },
  };
  /** [what the process knows, where the provider has no other way, where the chain can start again] */
  const table: readonly [string, Chain, string, string][] = [
    ['nothing is stored', UNREAD_CHAIN, 'start', 'start'],
    ['the newest refresh token', STORED, 'present', 'present'],
    ['it has expired', expired, 'expired', 'start'],
    ['it is doubted', objected('doubted'), 'present', 'present'],
    ['it was refused', objected('refused'), 'present', 'start'],
    ['it may be spent', objected('spent'), 'present', 'start'],
    ['another one was refused', objected('refused', OTHER), 'present', 'present'],
    ['a former process presented it once', formerly(1), 'present', 'present'],
    ['former processes presented it twice', formerly(2), 'presented', 'start'],
    ['former processes presented another one', formerly(2, OTHER), 'present', 'present'],
    [
      'a seed that the chain has not grown from',
      { ...expired, seed: new SecretText('seed') },
      'present',
      'present',
    ],
  ];
  for (const [what, chain, without, again] of table) {
    it(`${what}: ${without}, or ${again} where the chain can start again`, () => {
      assert.equal(choosePresented(chain, false, NOW_MS).choice.kind, without);
      assert.equal(choosePresented(chain, true, NOW_MS).choice.kind, again);
    });
  }

  it('what former processes have noted is taken into account once: then a human had the time to act', () => {
    const { chain, choice } = choosePresented(formerly(2), false, NOW_MS);
    assert.equal(choice.kind, 'presented');
    assert.equal(choosePresented(chain, false, NOW_MS).choice.kind, 'present');
  });
});

describe('what speaks against a refresh token', () => {
  const objections = {
    none: STORED,
    doubted: objected('doubted'),
    refused: objected('refused'),
    spent: objected('spent'),
  };
  /** [before, after an unknown outcome, after a refusal, after an answer with a token] */
  const table: readonly [keyof typeof objections, string, string, string][] = [
    ['none', 'doubted', 'refused', 'none'],
    ['doubted', 'spent', 'spent', 'none'],
    ['refused', 'spent', 'refused', 'refused'],
    ['spent', 'spent', 'spent', 'refused'],
  ];
  for (const [before, doubted, refused, cleared] of table) {
    it(`${before}: ${doubted} after an unknown outcome, ${refused} after a refusal, ${cleared} after an answer`, () => {
      const chain = objections[before];
      assert.equal(doubt(chain, NEWEST).objection.kind, doubted);
      assert.equal(refuse(chain, NEWEST).objection.kind, refused);
      assert.equal(clearDoubt(chain).objection.kind, cleared);
    });
  }

  it('is forgotten when something speaks against another one', () => {
    assert.deepEqual(doubt(objected('spent'), OTHER).objection, {
      kind: 'doubted',
      refreshToken: OTHER.refreshToken,
    });
  });
});

describe('what the state secret shows', () => {
  it('is believed unless it is older than what is known', () => {
    const older = { state: { ...OTHER, generation: 2 }, version: 'v0' };
    const newer = { state: { ...OTHER, generation: 4 }, version: 'v2' };
    assert.deepEqual(learnStored(STORED, older).stored, STORED.stored);
    assert.deepEqual(learnStored(STORED, { state: undefined, version: 'v3' }).stored, STORED.stored);
    assert.deepEqual(learnStored(STORED, newer).stored, newer);
  });
});

describe('the note of a presentation', () => {
  it('counts those of one refresh token, and is taken back one by one', () => {
    const once = notePresentation(STORED, SECRET, NEWEST);
    const twice = notePresentation(once, SECRET, NEWEST);
    assert.equal(twice.note.kind === 'own' && twice.note.presentation.times, 2);
    assert.deepEqual(takeBackPresentation(twice).note, once.note);
    assert.deepEqual(takeBackPresentation(once).note, { kind: 'none' });
    assert.deepEqual(
      notePresentation(twice, SECRET, OTHER).note,
      notePresentation(STORED, SECRET, OTHER).note,
    );
  });
});
