/** What a token's secret holds: reading it, and making sense of it beside what is pending. */

import type { Clock, Random, RefreshEvents, TextReader, TokenStore } from '../core/ports.ts';
import { type Result, succeed } from '../core/result.ts';
import type { CadencePolicy } from '../core/schedule/cadence.ts';
import type { TokenDocument } from '../core/token/document.ts';
import { type Assessment, assessStored } from '../core/token/replacement.ts';
import type { TokenIdentity } from '../core/token/token.ts';
import { keepEarlierMoments, type PendingToken, type PlannedToken, planStored } from './planned-token.ts';
import type { TokenChain } from './token-chain.ts';
import { rebase, storedIn, type TokenState } from './token-state.ts';

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
