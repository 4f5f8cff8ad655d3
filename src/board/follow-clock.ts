/**
 * What it makes of records that the clock was set: waits go on as they were, so that since when and when next are told by the
 * clock as it is now. When tokens were issued and expire is by the clock of their provider, and stays.
 */
import type { FailureRecord, MirrorRecord, TokenRecord } from '../core/board.ts';

export function moveToken(record: TokenRecord, byMs: number): TokenRecord {
  const { failure, refusal } = record;
  if (failure === undefined && refusal === undefined) return record;
  return {
    ...record,
    failure: moveFailure(failure, byMs),
    refusal: refusal && {
      ...refusal,
      sinceMs: refusal.sinceMs + byMs,
      reportedAtMs: refusal.reportedAtMs + byMs,
      retryAtMs: move(refusal.retryAtMs, byMs),
    },
  };
}

export function moveMirror(record: MirrorRecord, byMs: number): MirrorRecord {
  const { failure, behindSinceMs } = record;
  return { ...record, failure: moveFailure(failure, byMs), behindSinceMs: move(behindSinceMs, byMs) };
}

function moveFailure(failure: FailureRecord | undefined, byMs: number): FailureRecord | undefined {
  return (
    failure && {
      ...failure,
      sinceMs: failure.sinceMs + byMs,
      nextAttemptAtMs: failure.nextAttemptAtMs + byMs,
    }
  );
}

function move(timeMs: number | undefined, byMs: number): number | undefined {
  return timeMs === undefined ? undefined : timeMs + byMs;
}
