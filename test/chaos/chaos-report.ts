import type { ChaosAction } from './chaos-plan.ts';
import type { Finding, Verdict } from './finding.ts';
import { CHECK_NAMES, type Judgement } from './judgement.ts';
import type { LossKind, TakeOver } from './take-over.ts';

/** What is told while a run goes on, to be shown around what went wrong. */
export interface ToldLine {
  readonly atMs: number;
  readonly line: string;
}

/** The broken promises, by name of the check. */
export function findBroken({ verdicts }: Judgement): readonly (Finding & { readonly check: string })[] {
  return CHECK_NAMES.flatMap((check) => verdicts[check].findings.map((finding) => ({ ...finding, check })));
}

/** What only looks like a broken promise, one a line. */
export function formatExcused({ verdicts }: Judgement, startMs: number): string {
  return CHECK_NAMES.flatMap((check) =>
    verdicts[check].excused.map(
      ({ atMs, what, excuse }) => `${formatMoment(atMs, startMs)}  ${check}: ${what}: ${excuse}`,
    ),
  ).join('\n');
}

export function formatReport(judgement: Judgement): string {
  const { plan, takeOvers, reads, refreshes, reports, lateMoves, lateRefusals, stalledMs, verdicts } =
    judgement;
  const rows: (readonly [string, string])[] = [
    ...countKinds(plan).map(([kind, count]) => [kind, String(count)] as const),
    ['', ''],
    ...formatTakeOvers(takeOvers),
    ['', ''],
    ['reads', String(reads)],
    ['refreshes', String(refreshes)],
    ['reports of refused tokens', String(reports)],
    ...CHECK_NAMES.map((check) => [check, formatCount(verdicts[check])] as const),
    ['writes of an earlier leader that arrived late and were refused', String(lateRefusals)],
    ['the same, taken because nobody else had written that secret', String(lateMoves)],
    ['machine kept the runner waiting', `${Math.round(stalledMs)} ms`],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`.trimEnd()).join('\n');
}

/** What was told around a finding. */
export function formatTimeline(told: readonly ToldLine[], { atMs }: Finding, startMs: number): string {
  return told
    .filter((each) => each.atMs > atMs - 20_000 && each.atMs < atMs + 3000)
    .map((each) => `    ${formatMoment(each.atMs, startMs)}  ${each.line}`)
    .join('\n');
}

/** `+ 83.2 s` */
export function formatMoment(atMs: number, startMs: number): string {
  return `+${((atMs - startMs) / 1000).toFixed(1).padStart(6)} s`;
}

function countKinds(plan: readonly ChaosAction[]): readonly (readonly [string, number])[] {
  return [...Map.groupBy(plan, ({ kind }) => kind)].map(([kind, actions]) => [kind, actions.length] as const);
}

function formatTakeOvers(takeOvers: readonly TakeOver[]): readonly (readonly [string, string])[] {
  const kinds: readonly LossKind[] = ['kill', 'stop', 'hand-over'];
  return kinds.flatMap((kind) =>
    [false, true].flatMap((isHampered) => {
      const times = takeOvers
        .filter((each) => each.kind === kind && each.isOver && each.hamperedMs > 0 === isHampered)
        .map(({ tookMs }) => tookMs)
        .toSorted((a, b) => a - b);
      if (times.length === 0) return [];
      const name = `take-over after ${kind}${isHampered ? ', API server failing or just back' : ''}`;
      const median = times[(times.length - 1) >> 1] ?? 0;
      return [[name, `${times.length} times, median ${median} ms, max ${times.at(-1) ?? 0} ms`] as const];
    }),
  );
}

function formatCount({ findings, excused }: Verdict): string {
  const reasons = [...Map.groupBy(excused, ({ excuse }) => excuse)].map(
    ([excuse, same]) => `${same.length} ${excuse}`,
  );
  return reasons.length === 0
    ? String(findings.length)
    : `${findings.length} (excused: ${reasons.join(', ')})`;
}
