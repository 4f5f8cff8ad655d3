/** What a process knows of a token's chain of refresh tokens: one value, replaced and never mutated, and its reducers. */

import type { Presentation, SecretWrite } from '../core/ports.ts';
import type { SecretText } from '../core/secret-text.ts';
import { type ChainState, chooseRefreshToken } from '../core/token/chain-state.ts';
import type { FetchedToken } from '../core/token/token.ts';

/** What the state secret holds; no `state` when that is none, or nothing that can be read as one. */
export interface StoredChain {
  readonly state: ChainState | undefined;
  readonly version: string | undefined;
}

/** A refresh token that the store does not have yet: its write, with bytes and request token that never change. */
export interface UnsavedChain {
  /** `recovered`: the journal held it at start, and it has not been compared with the store. */
  readonly kind: 'recovered' | 'own';
  readonly state: ChainState;
  readonly write: SecretWrite;
}

/** `unread`: the journal, which may hold one, has to be read. */
export type Unsaved = { readonly kind: 'unread' } | { readonly kind: 'none' } | UnsavedChain;

/**
 * What speaks against a refresh token: `doubted` was presented with an outcome that nobody knows, `refused` was refused
 * or can never be saved, `spent` is both, or was doubted twice.
 */
export type Objection =
  | { readonly kind: 'none' }
  | { readonly kind: 'doubted' | 'refused' | 'spent'; readonly refreshToken: SecretText };

/** The last presentation that is on record. `former`: of a former process, not compared with the newest refresh token. */
export type PresentationNote =
  | { readonly kind: 'none' }
  | { readonly kind: 'former' | 'own'; readonly presentation: Presentation };

export interface Chain {
  readonly stored: StoredChain;
  readonly unsaved: Unsaved;
  /** The refresh token among the credentials, as it was read last. */
  readonly seed: SecretText | undefined;
  readonly objection: Objection;
  readonly note: PresentationNote;
}

/** What the next fetch presents. */
export type Choice =
  | { readonly kind: 'present'; readonly state: ChainState }
  /** Nothing: the chain starts again, or for the first time. */
  | { readonly kind: 'start' }
  | { readonly kind: 'expired' }
  /** Former processes have presented it so often, and nobody knows whether it was spent. */
  | { readonly kind: 'presented'; readonly times: number };

export const UNREAD_CHAIN: Chain = {
  stored: { state: undefined, version: undefined },
  unsaved: { kind: 'unread' },
  seed: undefined,
  objection: { kind: 'none' },
  note: { kind: 'none' },
};

/** Of one refresh token whose outcome nobody knows. */
const MAX_PRESENTATIONS = 2;

export function unsavedOf({ unsaved }: Chain): UnsavedChain | undefined {
  return unsaved.kind === 'recovered' || unsaved.kind === 'own' ? unsaved : undefined;
}

/** The refresh token that counts, of those that are saved. */
export function newestOf({ stored, seed }: Chain): ChainState | undefined {
  return chooseRefreshToken(stored.state, seed);
}

/** Reads may be stale right after a write: never steps back behind what this process has saved itself. */
export function learnStored(chain: Chain, stored: StoredChain): Chain {
  const known = chain.stored.state;
  const isOlder =
    known !== undefined && (stored.state === undefined || stored.state.generation < known.generation);
  return isOlder ? chain : { ...chain, stored };
}

/** The store has what was not saved. */
export function noteSaved(chain: Chain, state: ChainState, version: string): Chain {
  return { ...chain, stored: { state, version }, unsaved: { kind: 'none' } };
}

/** What an answer makes of the chain: its newest refresh token, which has to be saved. */
export function nextState(
  { stored: { state }, seed }: Chain,
  refreshToken: SecretText,
  { refreshTokenExpiresAtMs, issuedAtMs }: Pick<FetchedToken, 'refreshTokenExpiresAtMs' | 'issuedAtMs'>,
): ChainState {
  return {
    refreshToken,
    refreshTokenExpiresAtMs,
    obtainedAtMs: issuedAtMs,
    generation: (state?.generation ?? 0) + 1,
    // Of a chain that has started again as well: the seed comes before it, and must not come again.
    seed: seed?.fingerprint() ?? state?.seed,
  };
}

/** Notes that a refresh token is about to be presented. */
export function notePresentation(chain: Chain, secretName: string, { refreshToken }: ChainState): Chain {
  const fingerprint = refreshToken.fingerprint();
  const { note } = chain;
  const isSame = note.kind !== 'none' && note.presentation.fingerprint === fingerprint;
  const times = isSame ? note.presentation.times + 1 : 1;
  return { ...chain, note: { kind: 'own', presentation: { secretName, fingerprint, times } } };
}

/** The last presentation spent nothing; those of the same refresh token before it stay noted. */
export function takeBackPresentation(chain: Chain): Chain {
  const { note } = chain;
  if (note.kind === 'none' || note.presentation.times <= 1) return { ...chain, note: { kind: 'none' } };
  const { presentation } = note;
  return {
    ...chain,
    note: { kind: 'own', presentation: { ...presentation, times: presentation.times - 1 } },
  };
}

/** A provider that has answered with a token leaves no doubt; what it has refused stays refused. */
export function clearDoubt(chain: Chain): Chain {
  const { objection } = chain;
  if (objection.kind === 'doubted') return { ...chain, objection: { kind: 'none' } };
  return objection.kind === 'spent' ? { ...chain, objection: { ...objection, kind: 'refused' } } : chain;
}

export function isDoubted(chain: Chain, presented: ChainState): boolean {
  const kind = objectionTo(chain, presented);
  return kind === 'doubted' || kind === 'spent';
}

/** It was presented, and nobody knows whether it was spent. */
export function doubt(chain: Chain, presented: ChainState): Chain {
  const kind = objectionTo(chain, presented) === 'none' ? 'doubted' : 'spent';
  return { ...chain, objection: { kind, refreshToken: presented.refreshToken } };
}

/** The provider has refused it, or has spent it for one that can never be saved. */
export function refuse(chain: Chain, presented: ChainState): Chain {
  const kind = isDoubted(chain, presented) ? 'spent' : 'refused';
  return { ...chain, objection: { kind, refreshToken: presented.refreshToken } };
}

/** Whether the chain has met a refusal, whatever refresh token that was about. */
export function hasRefusal({ objection: { kind } }: Chain): boolean {
  return kind === 'refused' || kind === 'spent';
}

/**
 * Decides what the next fetch presents, and takes into account, once, what a former process has noted.
 * @param canStartAgain the provider also hands out tokens without a refresh token
 */
export function choosePresented(
  chain: Chain,
  canStartAgain: boolean,
  nowMs: number,
): { readonly chain: Chain; readonly choice: Choice } {
  const newest = newestOf(chain);
  if (newest === undefined) return { chain, choice: { kind: 'start' } };
  const compared = compareFormer(chain, newest);
  const { objection, note } = compared;
  const isNewlySpent = objection !== chain.objection && objection.kind === 'spent';
  if (isNewlySpent && !canStartAgain && note.kind !== 'none')
    return { chain: compared, choice: { kind: 'presented', times: note.presentation.times } };
  const isExpired = newest.refreshTokenExpiresAtMs !== undefined && newest.refreshTokenExpiresAtMs <= nowMs;
  // Without a fallback a refused one is presented again after a human had the time to act, never sooner.
  const isRefused = hasRefusal(compared) && objectionTo(compared, newest) !== 'none';
  if (canStartAgain && (isRefused || isExpired)) return { chain: compared, choice: { kind: 'start' } };
  return { chain: compared, choice: isExpired ? { kind: 'expired' } : { kind: 'present', state: newest } };
}

/** A former process presented the newest refresh token and ended before it knew the outcome: it may be spent. */
function compareFormer(chain: Chain, { refreshToken }: ChainState): Chain {
  const { note } = chain;
  if (note.kind !== 'former') return chain;
  const known: Chain = { ...chain, note: { ...note, kind: 'own' } };
  if (note.presentation.fingerprint !== refreshToken.fingerprint()) return known;
  const kind = note.presentation.times < MAX_PRESENTATIONS ? 'doubted' : 'spent';
  return { ...known, objection: { kind, refreshToken } };
}

function objectionTo({ objection }: Chain, { refreshToken }: ChainState): Objection['kind'] {
  return objection.kind !== 'none' && objection.refreshToken.equals(refreshToken) ? objection.kind : 'none';
}
