/** What a process knows of one chain of refresh tokens, and the rules of `token-chain.ts` as pure functions of it. */
import type { Failure } from '../core/failure.ts';
import type { Presentation, SecretWrite } from '../core/ports.ts';
import type { SecretText } from '../core/secret-text.ts';
import { type ChainState, chooseRefreshToken } from '../core/token/chain-state.ts';
import type { FetchedToken } from '../core/token/token.ts';

/** A value that is replaced, never mutated. */
export interface Chain {
  readonly stored: Found;
  /** The refresh token among the credentials, as it was read last. */
  readonly seed: SecretText | undefined;
  /** What the store does not have yet. */
  readonly unsaved: Unsaved | undefined;
  readonly doubt: Doubt;
  readonly note: Note | undefined;
}

/** What the state secret holds; no `state` when that is none, or nothing that can be read as one. */
export interface Found {
  readonly state: ChainState | undefined;
  readonly version: string | undefined;
}

export interface Unsaved {
  /** `journal`: a former process has left it behind, and it was not compared with the store yet. */
  readonly from: 'answer' | 'journal';
  readonly state: ChainState;
  /** Bytes and request token never change for a retry. */
  readonly write: SecretWrite;
}

/** Whether a refresh token may have been spent. */
export type Doubt =
  | { readonly kind: 'none' }
  /** It was presented once, and its outcome is not known. */
  | { readonly kind: 'unclear'; readonly token: ChainState }
  /** The provider has refused it, or it was unclear twice and something else can be presented. */
  | { readonly kind: 'refused'; readonly token: ChainState };

/** What the journal says about the last presentation. */
export type Note =
  /** Left behind by a former process, and not compared with the newest refresh token yet. */
  | { readonly kind: 'former'; readonly presentation: Presentation }
  /** `before`: what was noted of the same refresh token when this presentation began. */
  | {
      readonly kind: 'own';
      readonly presentation: Presentation;
      readonly before: Presentation | undefined;
    };

/** What the next fetch presents, or why it must not be made. */
export type Presentable =
  | { readonly kind: 'token'; readonly token: ChainState }
  /** It is made without a refresh token. */
  | { readonly kind: 'nothing' }
  | { readonly kind: 'expired' }
  /** Former processes have presented it so often and never knew the outcome. */
  | { readonly kind: 'presented-before'; readonly times: number };

/** `start-again`: the provider also hands out tokens without a refresh token. */
export type ChainFallback = 'start-again' | 'none';

export const UNKNOWN_CHAIN: Chain = {
  stored: { state: undefined, version: undefined },
  seed: undefined,
  unsaved: undefined,
  doubt: { kind: 'none' },
  note: undefined,
};

/** Of one refresh token whose outcome is not known. */
const MAX_PRESENTATIONS = 2;

/** The refresh token that counts. */
export function chosenIn({ stored, seed }: Chain): ChainState | undefined {
  return chooseRefreshToken(stored.state, seed);
}

/** Reads may be stale right after a write: never steps back behind what this process has saved itself. */
export function learnStored(chain: Chain, found: Found): Chain {
  const { state: known } = chain.stored;
  const isBehind =
    known !== undefined && (found.state === undefined || found.state.generation < known.generation);
  return isBehind ? chain : { ...chain, stored: found };
}

/** The refresh token of an answer as the next state of the chain. */
export function nextState(
  { stored, seed }: Chain,
  refreshToken: SecretText,
  { refreshTokenExpiresAtMs, issuedAtMs }: Pick<FetchedToken, 'refreshTokenExpiresAtMs' | 'issuedAtMs'>,
): ChainState {
  return {
    refreshToken,
    refreshTokenExpiresAtMs,
    obtainedAtMs: issuedAtMs,
    generation: (stored.state?.generation ?? 0) + 1,
    // Of a chain that has started again as well: the seed comes before it, and must not come again.
    seed: seed?.fingerprint() ?? stored.state?.seed,
  };
}

export function decidePresentation(
  before: Chain,
  fallback: ChainFallback,
  nowMs: number,
): { readonly chain: Chain; readonly presents: Presentable } {
  const newest = chosenIn(before);
  if (newest === undefined) return { chain: before, presents: { kind: 'nothing' } };
  const chain = believeFormer(before, newest);
  const isRefused = chain.doubt.kind === 'refused' && isSame(chain.doubt.token, newest);
  const { refreshTokenExpiresAtMs } = newest;
  const isExpired = refreshTokenExpiresAtMs !== undefined && refreshTokenExpiresAtMs <= nowMs;
  if (fallback === 'start-again')
    return {
      chain,
      presents: isRefused || isExpired ? { kind: 'nothing' } : { kind: 'token', token: newest },
    };
  const { note } = before;
  if (note?.kind === 'former' && chain.doubt.kind === 'refused' && chain.doubt !== before.doubt)
    return { chain, presents: { kind: 'presented-before', times: note.presentation.times } };
  // A refused one is presented again after a human had the time to act, never sooner.
  return { chain, presents: isExpired ? { kind: 'expired' } : { kind: 'token', token: newest } };
}

/** A former process presented the newest refresh token and ended before it knew the outcome: it may be spent. */
function believeFormer(chain: Chain, newest: ChainState): Chain {
  if (chain.note?.kind !== 'former') return chain;
  const { presentation } = chain.note;
  const note: Note = { kind: 'own', presentation, before: presentation };
  if (presentation.fingerprint !== newest.refreshToken.fingerprint()) return { ...chain, note };
  const kind = presentation.times < MAX_PRESENTATIONS ? 'unclear' : 'refused';
  return { ...chain, note, doubt: { kind, token: newest } };
}

/** A refresh token is about to be presented. */
export function notePresented(chain: Chain, { refreshToken }: ChainState, secretName: string): Chain {
  const fingerprint = refreshToken.fingerprint();
  const noted = chain.note?.presentation;
  const before = noted?.fingerprint === fingerprint ? noted : undefined;
  const presentation = { secretName, fingerprint, times: (before?.times ?? 0) + 1 };
  return { ...chain, note: { kind: 'own', presentation, before } };
}

/**
 * What a fetch with a refresh token that brought no new one means for the chain. `ask-store`: it may be a lost race;
 * `fall-back`: that refresh token is not presented any more.
 */
export function learnFailure(
  chain: Chain,
  presented: ChainState,
  { code }: Failure,
  isAmbiguous: boolean,
  fallback: ChainFallback,
): { readonly chain: Chain; readonly follows: 'nothing' | 'ask-store' | 'fall-back' } {
  if (code === 'chain-broken') return { chain, follows: 'ask-store' };
  if (!isAmbiguous) return { chain, follows: 'nothing' };
  const { doubt } = chain;
  if (doubt.kind === 'none' || !isSame(doubt.token, presented))
    return { chain: { ...chain, doubt: { kind: 'unclear', token: presented } }, follows: 'nothing' };
  // Nothing else can be presented: a provider that has spent it will say so, and a gateway in an outage never has.
  if (fallback === 'none') return { chain, follows: 'nothing' };
  const refused: Chain = { ...chain, doubt: { kind: 'refused', token: presented } };
  return { chain: refused, follows: code === 'aborted' ? 'nothing' : 'fall-back' };
}

/**
 * Whether the store has this refresh token, or a newer one. What still follows on the store's version was obtained with
 * it, so it is newer whatever a clock that was set back in between has put into it.
 * @param seed fingerprint of the present one: of two chains that meet, its chain stays
 */
export function isSuperseded(
  { state, write }: Unsaved,
  { state: stored, version }: Found,
  seed: string | undefined,
): boolean {
  if (stored === undefined || write.expectedVersion === version) return false;
  const isDecidedBySeed = stored.seed !== state.seed && (seed === stored.seed || seed === state.seed);
  return isDecidedBySeed ? seed === stored.seed : stored.obtainedAtMs >= state.obtainedAtMs;
}

export function isSame(one: ChainState, other: ChainState): boolean {
  return one.refreshToken.equals(other.refreshToken);
}
