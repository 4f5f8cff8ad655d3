/**
 * What the events have said about one token. Wall times in milliseconds.
 */
import type { FailureCode } from '../core/failure.ts';
import type { TokenIdentity } from '../core/token/token.ts';
import type { RefreshStrip } from './refresh-strip.ts';

/**
 * The worst first, which is how people want to see them. `expired` and `absent`: readers have no token. `failing`: they
 * have one, and replacing it fails. `due`: its refresh is. `unknown`: the store has not been read yet.
 */
export const TOKEN_STATES = ['expired', 'absent', 'failing', 'unknown', 'due', 'fresh'] as const;
export type TokenState = (typeof TOKEN_STATES)[number];

export interface FailureRecord {
  readonly code: FailureCode;
  /** Holds no secret. */
  readonly message: string;
  /** When the first attempt in a row failed. */
  readonly sinceMs: number;
  readonly attempts: number;
}

export interface TokenRecord {
  readonly identity: TokenIdentity;
  /** Whether the store has said what it holds. */
  isKnown: boolean;
  /** Of what readers see. */
  issuedAtMs: number | undefined;
  expiresAtMs: number | undefined;
  refreshAtMs: number | undefined;
  generation: number | undefined;
  /** As `refreshAtMs`, or the next attempt while refreshes fail. */
  nextAttemptAtMs: number | undefined;
  isRefreshing: boolean;
  /** Undefined once a refresh has succeeded. */
  failure: FailureRecord | undefined;
  /** Undefined until a refresh has ended. */
  strip: RefreshStrip | undefined;
}

export function createTokenRecord(identity: TokenIdentity): TokenRecord {
  return {
    identity,
    isKnown: false,
    issuedAtMs: undefined,
    expiresAtMs: undefined,
    refreshAtMs: undefined,
    generation: undefined,
    nextAttemptAtMs: undefined,
    isRefreshing: false,
    failure: undefined,
    strip: undefined,
  };
}

export function decideTokenState(
  record: Pick<TokenRecord, 'isKnown' | 'expiresAtMs' | 'refreshAtMs' | 'failure'>,
  nowMs: number,
): TokenState {
  const { expiresAtMs, refreshAtMs, failure } = record;
  if (expiresAtMs === undefined) return record.isKnown ? 'absent' : 'unknown';
  if (expiresAtMs <= nowMs) return 'expired';
  if (failure !== undefined) return 'failing';
  return refreshAtMs !== undefined && refreshAtMs <= nowMs ? 'due' : 'fresh';
}
