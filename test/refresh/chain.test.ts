import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Failure } from '../../src/core/failure.ts';
import { SecretText } from '../../src/core/secret-text.ts';
import type { ChainState } from '../../src/core/token/chain-state.ts';
import {
  type Chain,
  type ChainFallback,
  decidePresentation,
  learnFailure,
  learnStored,
  notePresented,
  UNKNOWN_CHAIN,
} from '../../src/refresh/chain.ts';

const NOW_MS = 1_000_000;
const SECRET = 'tokens/pivot/state';

function state(text: string, changes: Partial<ChainState> = {}): ChainState {
  const refreshToken = new SecretText(text);
  return { refreshToken, refreshTokenExpiresAtMs: undefined, obtainedAtMs: 1, generation: 3, ...changes };
}

const NEWEST = state('newest');
const OTHER = state('other');
const STORED: Chain = { ...UNKNOWN_CHAIN, stored: { state: NEWEST, version: 'v1' } };

function doubting(kind: 'unclear' | 'refused', token: ChainState = NEWEST): Chain {
  return { ...STORED, doubt: { kind, token } };
}

function formerly(times: number, presented: ChainState = NEWEST): Chain {
  const { note } = notePresented(STORED, presented, SECRET);
  assert.ok(note?.kind === 'own');
  return { ...STORED, note: { kind: 'former', presentation: { ...note.presentation, times } } };
}

function presents(chain: Chain, fallback: ChainFallback): string {
  return decidePresentation(chain, fallback, NOW_MS).presents.kind;
}

describe('what the next fetch presents', () => {
  const expired: Chain = {
    ...STORED,
    stored: { state: { ...NEWEST, refreshTokenExpiresAtMs: NOW_MS }, version: 'v1' },
  };
  /** [what the process knows, where the provider has no other way, where the chain can start again] */
  const table: readonly [string, Chain, string, string][] = [
    ['nothing is stored', UNKNOWN_CHAIN, 'nothing', 'nothing'],
    ['the newest refresh token', STORED, 'token', 'token'],
    ['it has expired', expired, 'expired', 'nothing'],
    ['its outcome is unclear', doubting('unclear'), 'token', 'token'],
    ['it was refused', doubting('refused'), 'token', 'nothing'],
    ['another one was refused', doubting('refused', OTHER), 'token', 'token'],
    ['a former process presented it once', formerly(1), 'token', 'token'],
    ['former processes presented it twice', formerly(2), 'presented-before', 'nothing'],
    ['former processes presented another one', formerly(2, OTHER), 'token', 'token'],
    [
      'a seed that the chain has not grown from',
      { ...expired, seed: new SecretText('seed') },
      'token',
      'token',
    ],
  ];
  for (const [what, chain, none, startAgain] of table) {
    it(`${what}: ${none}, or ${startAgain} where the chain can start again`, () => {
      assert.equal(presents(chain, 'none'), none);
      assert.equal(presents(chain, 'start-again'), startAgain);
    });
  }

  it('what former processes have noted is taken into account once: then a human had the time to act', () => {
    const { chain, presents: first } = decidePresentation(formerly(2), 'none', NOW_MS);
    assert.equal(first.kind, 'presented-before');
    assert.equal(presents(chain, 'none'), 'token');
  });
});

describe('what a failed fetch means for the refresh token that it presented', () => {
  const lost: Failure = { code: 'provider-unavailable', retry: 'backoff', message: 'timed out' };
  const ended: Failure = { code: 'aborted', retry: 'soon', message: 'the program stops' };
  const refused: Failure = { code: 'chain-broken', retry: 'needs-human', message: 'refused' };
  /** [before, failure, is its outcome unclear, after, what follows]; after where there is no other way, if it differs */
  const table: readonly [string, Chain, Failure, boolean, string, string, string?][] = [
    ['nothing is known', STORED, lost, false, 'none', 'nothing'],
    ['nothing is known', STORED, lost, true, 'unclear', 'nothing'],
    ['nothing is known', STORED, refused, false, 'none', 'ask-store'],
    ['it was unclear once', doubting('unclear'), lost, false, 'unclear', 'nothing'],
    ['it was unclear once', doubting('unclear'), lost, true, 'refused', 'fall-back', 'unclear'],
    ['it was unclear once', doubting('unclear'), ended, true, 'refused', 'nothing', 'unclear'],
    ['another one was refused', doubting('refused', OTHER), lost, true, 'unclear', 'nothing'],
  ];
  for (const [before, chain, failure, isAmbiguous, doubt, follows, alone] of table) {
    it(`${before}, ${failure.code}${isAmbiguous ? ' and unclear' : ''}: ${doubt}, ${follows} follows`, () => {
      const learned = learnFailure(chain, NEWEST, failure, isAmbiguous, 'start-again');
      assert.equal(learned.chain.doubt.kind, doubt);
      assert.equal(learned.follows, follows);
      const other = learnFailure(chain, NEWEST, failure, isAmbiguous, 'none');
      assert.equal(other.chain.doubt.kind, alone ?? doubt);
      assert.equal(other.follows, alone === undefined ? follows : 'nothing');
    });
  }
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
  it('counts those of one refresh token, and remembers what was noted before', () => {
    const once = notePresented(STORED, NEWEST, SECRET);
    const twice = notePresented(once, NEWEST, SECRET);
    assert.ok(once.note?.kind === 'own' && twice.note?.kind === 'own');
    assert.equal(twice.note.presentation.times, 2);
    assert.deepEqual(twice.note.before, once.note.presentation);
    assert.deepEqual(notePresented(twice, OTHER, SECRET).note, notePresented(STORED, OTHER, SECRET).note);
  });
});
