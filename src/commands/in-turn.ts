/** A command's turn at refreshing: never beside a daemon, or another command, that refreshes the same tokens. */
import type { Configuration } from '../config/configuration.ts';
import type { Leadership } from '../core/ports.ts';
import { ASK_MS, type RefreshReport } from '../core/wire/refresh-request.ts';
import { askLeader, createCoordinator } from '../wiring/coordination.ts';
import type { CommandPorts } from './configured.ts';

/** For who leads to be decided when nobody has died, on a machine that is busy with other things. */
const DECISION_MS = 8_000;

export interface InTurnDeps extends CommandPorts {
  /** {@link Terminal.stopRequest} */
  readonly stopRequest: Promise<string>;
}

export type Turn<Result> =
  | { readonly kind: 'done'; readonly result: Result }
  | { readonly kind: 'answered'; readonly reports: readonly RefreshReport[] }
  /** The program was asked to stop before it was decided. */
  | { readonly kind: 'stopped'; readonly signal: string }
  /** Somebody else leads, and has not been asked or has not answered. */
  | {
      readonly kind: 'not-ours';
      /** Why it is not even known whether somebody leads; `undefined`: it is. */
      readonly problem: string | undefined;
    };

/**
 * Works as the leader, or has the leader asked.
 * @param name what to ask for; `undefined`: nothing, the leader keeps its tokens fresh anyway
 */
export async function inTurn<Result>(
  configuration: Configuration,
  name: string | undefined,
  deps: InTurnDeps,
  work: (leadership: Leadership) => Promise<Result>,
): Promise<Turn<Result>> {
  const { coordination } = configuration;
  const coordinator = createCoordinator(configuration, deps);
  const decided = new AbortController();
  // A leader that has died keeps others away for so long.
  const leadMs =
    coordination.kind === 'none'
      ? 0
      : coordination.timing.leaseDurationMs + 2 * coordination.timing.retryPeriodMs;
  const decisionMs = leadMs + DECISION_MS;
  const problem = (): string | undefined => coordinator.unreadyReasons()[0];
  const leading = coordinator.lead(decided.signal);
  const asking = name === undefined ? undefined : askLeader(configuration, name, deps, decided.signal);
  const waiting = deps.clock.sleep(decisionMs, decided.signal).then(async () => {
    // Whoever cannot take part in the election can ask nobody either.
    if (name !== undefined && problem() === undefined)
      await deps.clock.sleep(Math.max(0, ASK_MS - decisionMs), decided.signal);
  });
  try {
    const first = await Promise.race([
      leading.then((leadership) => ({ kind: 'ours' as const, leadership })),
      waiting.then(() => ({ kind: 'not-ours' as const, problem: problem() })),
      deps.stopRequest.then((signal) => ({ kind: 'stopped' as const, signal })),
      ...(asking === undefined ? [] : [asking.then(describeAnswer)]),
    ]);
    if (first.kind !== 'ours') return first;
    decided.abort(new Error('it is decided who refreshes'));
    return { kind: 'done', result: await work(first.leadership) };
  } finally {
    decided.abort(new Error('it is decided who refreshes'));
    await Promise.allSettled([leading, asking, waiting]);
    await coordinator.release();
  }
}

/** Where there is nobody to ask, it is soon decided who leads: us. */
function describeAnswer(
  reports: readonly RefreshReport[] | undefined,
): Promise<{ readonly kind: 'answered'; readonly reports: readonly RefreshReport[] }> {
  return reports === undefined ? new Promise(() => {}) : Promise.resolve({ kind: 'answered', reports });
}
