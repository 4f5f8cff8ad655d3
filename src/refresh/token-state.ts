/**
 * How one token is, as far as this process knows (one union, replaced and never mutated), and what its secret says of it.
 *
 * Guarantee: what readers see is replaced by something better or not at all; a retry of a write is the same write.
 */

import type { Clock, Random, RefreshEvents, TextReader, TokenStore } from '../core/ports.ts';
import { type Result, succeed } from '../core/result.ts';
import type { CadencePolicy } from '../core/schedule/cadence.ts';
import { createPublishedToken, type TokenDocument } from '../core/token/document.ts';
import { type Assessment, assessStored, decideConflict } from '../core/token/replacement.ts';
import type { TokenIdentity } from '../core/token/token.ts';
import {
  createWrite,
  keepEarlierMoments,
  type PendingToken,
  type PlannedToken,
  planStored,
  type Stored,
} from './planned-token.ts';
import type { TokenChain } from './token-chain.ts';

export type TokenState =
  /** The store has to be read: it never was, or others may have written since. */
  | {
      readonly kind: 'unread';
      readonly published: PlannedToken | undefined;
      readonly pending: PendingToken | undefined;
    }
  /** Readers see nothing that they could use. */
  | {
      readonly kind: 'absent';
      readonly stored: Stored;
      readonly published?: undefined;
      readonly pending?: undefined;
    }
  | {
      readonly kind: 'published';
      readonly stored: Stored;
      readonly published: PlannedToken;
      readonly pending?: undefined;
    }
  | {
      readonly kind: 'pending';
      readonly stored: Stored;
      readonly published: PlannedToken | undefined;
      readonly pending: PendingToken;
    };

export const UNREAD: TokenState = { kind: 'unread', published: undefined, pending: undefined };

/** Something has failed, and what is pending has to wait. */
export function delay(state: TokenState): TokenState {
  return state.kind === 'pending' ? { ...state, pending: { ...state.pending, hasWaited: true } } : state;
}

/** What is known of the store may be out of date: it is read before anything is fetched. */
export function invalidate({ published, pending }: TokenState): TokenState {
  return { kind: 'unread', published, pending };
}

/** The same token, with other moments. */
export function withPublished(state: TokenState, published: PlannedToken): TokenState {
  return state.kind === 'absent' ? state : { ...state, published };
}

export function storedIn(read: Assessment): Stored {
  const { generation } = read.kind === 'live' ? read.document : read;
  return { version: read.version, generation };
}

/**
 * A pending token beside what the store turned out to hold.
 * @returns `undefined`: another process has published one that is as good
 */
export function rebase(
  pending: PendingToken,
  read: Assessment,
  identity: TokenIdentity,
  random: Random,
): PendingToken | undefined {
  if (read.kind === 'live' && decideConflict(pending.document, read) === 'keep-theirs') return undefined;
  const stored = storedIn(read);
  if (stored.generation < pending.document.generation)
    return { ...pending, write: { ...pending.write, expectedVersion: stored.version } };
  // Readers may rely on the generation: where another process has counted on, ours has to be other bytes.
  const document = { ...pending.document, generation: stored.generation + 1 };
  return {
    ...pending,
    token: createPublishedToken(document),
    document,
    write: createWrite(identity, document, stored, random),
  };
}

export interface TokenSecretDeps {
  readonly identity: TokenIdentity;
  readonly policy: CadencePolicy;
  readonly store: TokenStore;
  /** For kinds with refresh tokens. */
  readonly chain: TokenChain | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: RefreshEvents;
}

/** @param reader in place of the store, when its texts have been read ahead */
export async function readSecret(
  { identity, store, clock }: TokenSecretDeps,
  signal: AbortSignal,
  reader: TextReader = store,
): Promise<Result<Assessment>> {
  const read = await reader.read(identity.secret, signal);
  return read.ok ? succeed(assessStored(read.value, identity, clock.now())) : read;
}

/** What the store holds, beside what is pending. */
export function learn(
  deps: TokenSecretDeps,
  known: PlannedToken | undefined,
  read: Assessment,
  pending: PendingToken | undefined,
): TokenState {
  const stored = storedIn(read);
  const published = read.kind === 'live' ? adopt(deps, read.document, known) : undefined;
  const rebased = pending === undefined ? undefined : rebase(pending, read, deps.identity, deps.random);
  if (rebased !== undefined) return { kind: 'pending', stored, published, pending: rebased };
  return published === undefined ? { kind: 'absent', stored } : { kind: 'published', stored, published };
}

/** Takes over a live document that this process did not write. */
function adopt(
  { policy, chain, clock, events, identity }: TokenSecretDeps,
  document: TokenDocument,
  known: PlannedToken | undefined,
): PlannedToken {
  const { issuedAtMs, expiresAtMs, generation } = document;
  const read = planStored(document, chain?.expiresAtMs, policy, clock);
  const refreshAtMs = read.refreshAt.wallMs;
  events({ event: 'token-restored', identity, issuedAtMs, expiresAtMs, refreshAtMs, generation });
  return keepEarlierMoments(read, known);
}
