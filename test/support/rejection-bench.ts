import type { Clock } from '../../src/core/ports.ts';
import type { Reissue, RejectionVerdict } from '../../src/core/rejection/decide-rejection.ts';
import { SecretText } from '../../src/core/secret-text.ts';
import { RejectionDesk } from '../../src/refresh/rejection-desk.ts';
import type { FakeTokenSource } from './fake-token-source.ts';
import { createSchedulerBench, type SchedulerBench, type SchedulerBenchOptions } from './scheduler-bench.ts';

/** A scheduler with one token of 15 minutes, and the desk that takes reports about it. */
export interface RejectionBench extends SchedulerBench {
  readonly desk: RejectionDesk;
  readonly source: FakeTokenSource;
  /** What readers see. */
  current(): string;
  /** A reader reports that this token was refused, by default the one that it sees. */
  report(token?: string): RejectionVerdict | undefined;
  /** The same as one word: what became of it. */
  outcome(token?: string): string;
}

export function createRejectionBench(
  clock: Clock,
  { reissue = 'new', ...options }: SchedulerBenchOptions & { readonly reissue?: Reissue } = {},
): RejectionBench {
  const bench = createSchedulerBench(clock, options);
  const [only] = bench.tokens;
  if (only === undefined) throw new Error('the bench has no token');
  const { events, scheduler } = bench;
  const desk = new RejectionDesk({ reissue, scheduler, clock, events: events.record });
  const current = (): string => only.published()?.accessToken.reveal() ?? 'none';
  const report = (token = current()): RejectionVerdict | undefined => {
    const fingerprint = new SecretText(token).fingerprint();
    return desk.report(only.managed, { fingerprint, status: 401, caller: 'payments/checkout' });
  };
  const outcome = (token?: string): string => {
    const verdict = report(token);
    return verdict?.kind === 'blocked' ? verdict.reason : (verdict?.kind ?? 'not leading');
  };
  return { ...bench, desk, source: only.source, current, report, outcome };
}
