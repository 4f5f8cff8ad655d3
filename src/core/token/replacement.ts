/**
 * Which token stays: rules about replacing one document by another.
 *
 * Guarantee: a live token is never replaced by one that expires earlier, except when the document claims to come from
 * the future, which only a clock that was wrong can have written, and when readers have reported that it is refused.
 */

import type { StoredText } from '../ports.ts';
import { formatRoughly } from '../wire/time-text.ts';
import { besideFingerprint, type PublishedToken, parseDocument, type TokenDocument } from './document.ts';
import { MIN_LIFETIME_MS } from './expiry-value.ts';
import { type FetchedToken, lifetimeMs, type TokenIdentity } from './token.ts';

/** Clocks of machines that run NTP differ by less; a document further ahead was written by a clock that was wrong. */
const CLOCK_TOLERANCE_MS = 60_000;

/** What a read of a token's secret means. */
export type Assessment =
  | { readonly kind: 'live'; readonly document: TokenDocument; readonly version: string }
  /** Nothing that a reader could use, for the stated reason. `version` is what a write has to replace. */
  | {
      readonly kind: 'absent';
      readonly why: string;
      readonly version: string | undefined;
      /** Generation of the last document, so that counting goes on. */
      readonly generation: number;
      /** What readers had, where its age is all that is wrong with it. */
      readonly expired?: Pick<TokenDocument, 'issuedAtMs' | 'expiresAtMs' | 'refreshAtMs' | 'generation'>;
    };

export function assessStored(
  stored: StoredText | undefined,
  identity: TokenIdentity,
  nowMs: number,
): Assessment {
  if (stored === undefined) return { kind: 'absent', why: 'no value yet', version: undefined, generation: 0 };
  const { version } = stored;
  const parsed = parseDocument(stored.text);
  if (!parsed.ok) return { kind: 'absent', why: `holds ${parsed.problem}`, version, generation: 0 };
  const { document } = parsed;
  const { generation } = document;
  if (stored.flaw !== undefined) return { kind: 'absent', why: `holds ${stored.flaw}`, version, generation };
  if (document.provider !== identity.provider || document.customer !== identity.customer) {
    const owner = [document.provider, document.customer].filter((part) => part !== undefined).join('/');
    return { kind: 'absent', why: `holds a token of ${owner}`, version, generation };
  }
  if (document.expiresAtMs <= nowMs) {
    const { issuedAtMs, expiresAtMs, refreshAtMs } = document;
    const why = `expired ${formatRoughly(nowMs - expiresAtMs)} ago`;
    const expired = { issuedAtMs, expiresAtMs, refreshAtMs, generation };
    return { kind: 'absent', why, version, generation, expired };
  }
  if (isFromFuture(document, nowMs)) {
    return { kind: 'absent', why: 'was issued in the future: a clock was wrong', version, generation };
  }
  return { kind: 'live', document, version };
}

/** Whether a token that was just fetched is worth a write. */
export function decideReplacement(
  fetched: Pick<FetchedToken, 'accessToken' | 'tokenType' | 'fields' | 'issuedAtMs' | 'expiresAtMs'>,
  published: PublishedToken | undefined,
  nowMs: number,
): 'replace' | 'unchanged' {
  if (published === undefined || published.expiresAtMs <= nowMs || isFromFuture(published, nowMs))
    return 'replace';
  if (fetched.accessToken.fingerprint() === published.fingerprint) {
    // What no first token may be short of is no gain either.
    if (fetched.expiresAtMs - nowMs < MIN_LIFETIME_MS) return 'unchanged';
    // A provider that hands out one token until it dies would show readers a field that has changed, or that has just
    // been configured, only with the next one. One that changes with every answer costs a few writes for each token: the
    // plan follows the life that is left, so that each comes after most of it.
    if (besideFingerprint(fetched) !== published.besideFingerprint) return 'replace';
    // A sliding session: readers learn of the later end when it is first stated. Less than half a life is a provider that
    // rounds, or counts down unevenly: publishing that would fetch and write again at once, and again.
    const gainMs = fetched.expiresAtMs - published.expiresAtMs;
    return gainMs * 2 >= lifetimeMs(fetched) ? 'replace' : 'unchanged';
  }
  return fetched.expiresAtMs > published.expiresAtMs ? 'replace' : 'unchanged';
}

/**
 * After a lost race for the secret: whether our document or the other one stays.
 * @param refused fingerprint of a token that readers were refused with
 */
export function decideConflict(
  ours: TokenDocument,
  stored: Assessment,
  refused?: string,
): 'publish-ours' | 'keep-theirs' {
  if (stored.kind === 'absent') return 'publish-ours';
  // Of the same token, the fields of the later answer count.
  const { document: theirs } = stored;
  const isSame = ours.accessToken.equals(theirs.accessToken);
  if (isSame && besideFingerprint(ours) !== besideFingerprint(theirs))
    return ours.issuedAtMs > theirs.issuedAtMs ? 'publish-ours' : 'keep-theirs';
  if (!isSame && refused !== undefined && theirs.accessToken.fingerprint() === refused) return 'publish-ours';
  return ours.expiresAtMs > theirs.expiresAtMs ? 'publish-ours' : 'keep-theirs';
}

/** By our clock, which may have been set back since it was issued. */
export function isFromFuture({ issuedAtMs }: Pick<TokenDocument, 'issuedAtMs'>, nowMs: number): boolean {
  return issuedAtMs > nowMs + CLOCK_TOLERANCE_MS;
}
