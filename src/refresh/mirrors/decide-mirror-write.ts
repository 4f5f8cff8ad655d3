/**
 * What becomes of a mirror's copy of one token. Pure.
 *
 * Guarantee: a live copy is replaced by a later generation of the same token, or by one that was issued later and lives
 * longer (generations count from the beginning when the authority's secret was made again), or not at all.
 */
import type { StoredText } from '../../core/ports.ts';
import { parseDocument, type TokenDocument } from '../../core/token/document.ts';
import { assessStored, isFromFuture } from '../../core/token/replacement.ts';
import type { TokenIdentity } from '../../core/token/token.ts';

/** What the authority holds, and what the mirror does. */
export interface MirrorFacts {
  readonly authority: StoredText | undefined;
  readonly mirror: StoredText | undefined;
  readonly identity: TokenIdentity;
  /** The authority is known to hold this generation or a later one; `undefined`: it was not heard of. */
  readonly wantedGeneration: number | undefined;
}

export type MirrorStep =
  /** `expectedVersion` as in `SecretWrite`. */
  | {
      readonly kind: 'write';
      readonly source: StoredText;
      readonly generation: number;
      readonly expiresAtMs: number;
      readonly expectedVersion: string | undefined;
    }
  /** The copy is the newest token, or the authority has none that a reader could use. */
  | {
      readonly kind: 'leave';
      /** Of the last document that the authority had; 0: none. What is published meanwhile is later. */
      readonly generation: number;
      readonly expiresAtMs: number | undefined;
    }
  /** The read of the authority came too early. */
  | { readonly kind: 'read-again' }
  /** The copy counts further than the authority and is no worse: it stays for as long as it is good. */
  | { readonly kind: 'keep-until'; readonly expiresAtMs: number }
  /** The secret has the token of somebody else. */
  | { readonly kind: 'foreign'; readonly owner: string };

export function decideMirrorWrite(
  { authority, mirror, identity, wantedGeneration = 0 }: MirrorFacts,
  nowMs: number,
): MirrorStep {
  const [ours, theirs] = [readDocument(authority), readDocument(mirror)];
  // By a clock that was set back, what was just issued is from the future: then each counts as if it were new.
  const isAhead = ours !== undefined && isFromFuture(ours, nowMs);
  const timeOf = (document: TokenDocument | undefined): number =>
    isAhead ? Math.max(nowMs, document?.issuedAtMs ?? nowMs) : nowMs;
  const source = assessStored(authority, identity, timeOf(ours));
  const { generation } = source.kind === 'live' ? source.document : source;
  if (generation < wantedGeneration) return { kind: 'read-again' };
  if (source.kind === 'absent' || authority === undefined)
    return { kind: 'leave', generation, expiresAtMs: undefined };
  const owner = theirs && ownerOf(theirs, identity);
  if (owner !== undefined) return { kind: 'foreign', owner };
  const held = assessStored(mirror, identity, timeOf(theirs));
  const { document } = source;
  if (held.kind === 'absent' || isNewer(document, held.document, isAhead)) {
    const { expiresAtMs } = document;
    return { kind: 'write', source: authority, generation, expiresAtMs, expectedVersion: held.version };
  }
  if (held.document.generation === generation && held.document.accessToken.equals(document.accessToken))
    return { kind: 'leave', generation, expiresAtMs: held.document.expiresAtMs };
  return { kind: 'keep-until', expiresAtMs: held.document.expiresAtMs };
}

/** @param isAhead times say nothing */
function isNewer(ours: TokenDocument, theirs: TokenDocument, isAhead: boolean): boolean {
  if (ours.generation > theirs.generation) return true;
  return !isAhead && ours.issuedAtMs > theirs.issuedAtMs && ours.expiresAtMs > theirs.expiresAtMs;
}

function readDocument(stored: StoredText | undefined): TokenDocument | undefined {
  const parsed = stored === undefined ? undefined : parseDocument(stored.text);
  return parsed?.ok === true ? parsed.document : undefined;
}

function ownerOf({ provider, customer }: TokenDocument, identity: TokenIdentity): string | undefined {
  if (provider === identity.provider && customer === identity.customer) return undefined;
  return [provider, customer].filter((part) => part !== undefined).join('/');
}
