import type { RefreshReport } from '../core/refresh-request.ts';
import { formatUtc } from '../core/time-text.ts';
import type { RefreshOutcome } from './refresh-run.ts';
import type { TokenKeeper } from './token-keeper.ts';

export function describeOutcome(
  { identity, published }: TokenKeeper,
  outcome: RefreshOutcome,
): RefreshReport {
  return {
    token: identity.token,
    secret: identity.secret,
    outcome: outcome.kind,
    ...(outcome.kind === 'failed' ? { code: outcome.failure.code, message: outcome.failure.message } : {}),
    ...(published === undefined
      ? {}
      : { expiresAt: formatUtc(published.expiresAtMs), generation: published.generation }),
  };
}
