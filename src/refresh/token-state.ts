/**
 * How one token is, as far as this process knows: one union, replaced and never mutated.
 *
 * Guarantee: what readers see is replaced by something better or not at all; a retry of a write is the same write.
 */

import type { SecretWrite } from '../core/ports.ts';
import { msUntil, type Now } from '../core/schedule/moment.ts';
import { createPublishedToken, type TokenDocument } from '../core/token/document.ts';
import { type Assessment, decideConflict } from '../core/token/replacement.ts';
import type { PlannedToken } from './planned-token.ts';

/** What the next write follows on. */
export interface Stored {
  /** `undefined`: the secret has no value yet. */
  readonly version: string | undefined;
  /** Of the last document; 0 before the first. */
  readonly generation: number;
}

/** Fetched, and not readable yet: its write, with bytes and request token that never change for a retry. */
export interface PendingToken extends PlannedToken {
  readonly document: TokenDocument;
  readonly write: SecretWrite;
  /** It could not be published at once: when it has become due itself meanwhile, a newer one is worth more. */
  readonly hasWaited: boolean;
}

export type TokenState =
  /** The store has to be read: it never was, or others may have written since. */
  | {
      readonly kind: 'unread';
      readonly published: PlannedToken | undefined;
      readonly pending: PendingToken | undefined;
    }
  /** Readers see nothing that they could use. */
  | { readonly kind: 'absent'; readonly stored: Stored }
  | { readonly kind: 'published'; readonly stored: Stored; readonly published: PlannedToken }
  | {
      readonly kind: 'pending';
      readonly stored: Stored;
      readonly published: PlannedToken | undefined;
      readonly pending: PendingToken;
    };

export const UNREAD: TokenState = { kind: 'unread', published: undefined, pending: undefined };

/** What readers see; `undefined` when that is nothing, or no token. */
export function publishedOf(state: TokenState): PlannedToken | undefined {
  return state.kind === 'absent' ? undefined : state.published;
}

export function pendingOf(state: TokenState): PendingToken | undefined {
  return state.kind === 'unread' || state.kind === 'pending' ? state.pending : undefined;
}

/** Something has failed, and what is pending has to wait. */
export function delay(state: TokenState): TokenState {
  return state.kind === 'pending' ? { ...state, pending: { ...state.pending, hasWaited: true } } : state;
}

/**
 * Whether what is pending is dropped: the store was away for so long that it is due itself. The store is then read before
 * anything is fetched, so that no token is fetched for a store that does not answer.
 */
export function isStale(pending: PendingToken | undefined, now: Now): boolean {
  return pending?.hasWaited === true && msUntil(pending.refreshAt, now) <= 0;
}

/** What is known of the store may be out of date: it is read before anything is fetched. */
export function invalidate(state: TokenState): TokenState {
  return { kind: 'unread', published: publishedOf(state), pending: pendingOf(state) };
}

/** The same token, with other moments. */
export function withPublished(state: TokenState, published: PlannedToken): TokenState {
  return state.kind === 'absent' ? state : { ...state, published };
}

/** Something that is published, or nothing that readers could use. */
export function settled(stored: Stored, published: PlannedToken | undefined): TokenState {
  return published === undefined ? { kind: 'absent', stored } : { kind: 'published', stored, published };
}

export function storedIn(read: Assessment): Stored {
  const { generation } = read.kind === 'live' ? read.document : read;
  return { version: read.version, generation };
}

/**
 * A pending token beside what the store turned out to hold.
 * @param recount makes another write, for a document with another generation
 * @returns `undefined`: somebody else has published one that is as good
 */
export function rebase(
  pending: PendingToken,
  read: Assessment,
  recount: (document: TokenDocument, stored: Stored) => SecretWrite,
): PendingToken | undefined {
  if (read.kind === 'live' && decideConflict(pending.document, read) === 'keep-theirs') return undefined;
  const stored = storedIn(read);
  if (stored.generation < pending.document.generation)
    return { ...pending, write: { ...pending.write, expectedVersion: stored.version } };
  // Readers may rely on the generation: where somebody else has counted on, ours has to be other bytes.
  const document = { ...pending.document, generation: stored.generation + 1 };
  return {
    ...pending,
    token: createPublishedToken(document),
    document,
    write: recount(document, stored),
  };
}
