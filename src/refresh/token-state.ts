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
  | KnownState
  /** The store has to be read before anything is fetched: it never was, or others may have written since. */
  | (Omit<KnownState, 'stored'> & { readonly stored: 'unread' });

export interface KnownState {
  /** What the next write follows on. */
  readonly stored: Stored;
  /** `undefined`: readers see nothing that they could use. */
  readonly published: PlannedToken | undefined;
  readonly pending: PendingToken | undefined;
}

export const UNREAD: TokenState = { stored: 'unread', published: undefined, pending: undefined };

/** Something has failed, and what is pending has to wait. */
export function delay(state: TokenState): TokenState {
  const { pending } = state;
  return pending === undefined ? state : { ...state, pending: { ...pending, hasWaited: true } };
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

/** What the store holds, beside what is pending: that is dropped when another process has published one as good. */
export function learn(
  deps: TokenSecretDeps,
  known: PlannedToken | undefined,
  read: Assessment,
  pending: PendingToken | undefined,
): KnownState {
  const published = read.kind === 'live' ? adopt(deps, read.document, known) : undefined;
  return { stored: storedIn(read), published, pending: pending && rebase(pending, read, deps) };
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

/**
 * A pending token beside what the store turned out to hold.
 * @returns `undefined`: another process has published one that is as good
 */
export function rebase(
  pending: PendingToken,
  read: Assessment,
  { identity, random }: TokenSecretDeps,
): PendingToken | undefined {
  if (read.kind === 'live' && decideConflict(pending.document, read, pending.replaces) === 'keep-theirs')
    return undefined;
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

export function storedIn(read: Assessment): Stored {
  const { generation } = read.kind === 'live' ? read.document : read;
  return { version: read.version, generation };
}
