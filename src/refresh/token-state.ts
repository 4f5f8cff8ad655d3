/**
 * How one token is, as far as this process knows: one union, replaced and never mutated.
 *
 * Guarantee: what readers see is replaced by something better or not at all; a retry of a write is the same write.
 */

import type { Random } from '../core/ports.ts';
import { msUntil, type Now } from '../core/schedule/moment.ts';
import { createPublishedToken } from '../core/token/document.ts';
import { type Assessment, decideConflict } from '../core/token/replacement.ts';
import type { TokenIdentity } from '../core/token/token.ts';
import { createWrite, type PendingToken, type PlannedToken, type Stored } from './planned-token.ts';

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

/**
 * Whether what is pending is dropped: the store was away for so long that it is due itself. The store is then read before
 * anything is fetched, so that no token is fetched for a store that does not answer.
 */
export function isStale(pending: PendingToken | undefined, now: Now): boolean {
  return pending?.hasWaited === true && msUntil(pending.refreshAt, now) <= 0;
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
 * @returns `undefined`: somebody else has published one that is as good
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
  // Readers may rely on the generation: where somebody else has counted on, ours has to be other bytes.
  const document = { ...pending.document, generation: stored.generation + 1 };
  return {
    ...pending,
    token: createPublishedToken(document),
    document,
    write: createWrite(identity, document, stored, random),
  };
}
