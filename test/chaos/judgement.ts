import { dirname } from 'node:path';
import { timeOf } from '../support/program-output.ts';
import { SecretSearch } from '../support/program-secrets.ts';
import type { ChaosAction } from './chaos-plan.ts';
import type { ChaosWorld } from './chaos-world.ts';
import { type Disturbance, isDisturbed } from './disturbance.ts';
import { checkFetchReasons } from './fetch-reason.ts';
import { type Verdict, VerdictBuilder } from './finding.ts';
import { checkCopies, type MirrorReader } from './mirror-reader.ts';
import { checkExpiredReads } from './read-check.ts';
import type { Ending, Replica } from './replica.ts';
import { checkRefusedTokens, checkReportFetches } from './report-check.ts';
import { checkSpentTokens } from './spent-token.ts';
import { checkTakeOvers, findTakeOvers, type LeaderLoss, type TakeOver } from './take-over.ts';
import type { TokenReader } from './token-reader.ts';
import { checkWriteOrder } from './write-order.ts';

/** What came of a run. */
export interface Judgement {
  readonly plan: readonly ChaosAction[];
  readonly takeOvers: readonly TakeOver[];
  readonly reads: number;
  /** Documents that became readable. */
  readonly refreshes: number;
  /** Reports of refused tokens that were answered. */
  readonly reports: number;
  readonly lateMoves: number;
  readonly lateRefusals: number;
  /** How long the machine kept this process from running. */
  readonly stalledMs: number;
  /** By the name of the check. */
  readonly verdicts: Readonly<Record<CheckName, Verdict>>;
}

export const CHECK_NAMES = [
  'expired reads',
  'steps back',
  'double fetches',
  'refresh tokens presented twice',
  'interleaved writes',
  'late writes',
  'slow take-overs',
  'slow or failed ends',
  'faults in the log',
  'secrets in the log',
  'fetches for reports',
  'refused tokens that stay',
  'steps back in the mirror',
  'copies that stay behind',
] as const;

export type CheckName = (typeof CHECK_NAMES)[number];

export interface Evidence {
  readonly world: ChaosWorld;
  readonly plan: readonly ChaosAction[];
  readonly losses: readonly LeaderLoss[];
  readonly reader: TokenReader;
  readonly mirrorReader: MirrorReader;
  /** When the replicas were asked to end. */
  readonly endMs: number;
  readonly stalledMs: number;
}

/** Promise 9: SIGTERM ends within 10 s. */
const END_MS = 10_000;

export async function judge({
  world,
  plan,
  losses,
  reader,
  mirrorReader,
  endMs,
  stalledMs,
}: Evidence): Promise<Judgement> {
  const { observed, replicas } = world;
  for (const { process, output } of replicas.flatMap(({ outputs }) => outputs)) {
    for (const line of output.linesOf('leadership-lost'))
      observed.history.note(process, 'lost-term', timeOf(line));
    for (const line of output.linesOf('token-fetched', ({ code }) => code === 'provider-unavailable'))
      observed.history.note(process, 'gave-up', timeOf(line));
  }
  const order = checkWriteOrder(observed);
  const acquisitions = replicas.flatMap((replica) => replica.acquisitions);
  const takeOvers = findTakeOvers(losses, acquisitions, observed.disturbances, endMs);
  return {
    plan,
    takeOvers,
    reads: reader.ledger.reads,
    refreshes: observed.writes.filter((each) => each.movesCurrent && each.secret.startsWith('sandbox/'))
      .length,
    reports: observed.reports.length,
    lateMoves: order.lateMoves,
    lateRefusals: order.lateRefusals,
    stalledMs,
    verdicts: {
      'expired reads': checkExpiredReads(reader.ledger.expired, observed.disturbances),
      'steps back': reader.ledger.backwards,
      'double fetches': checkFetchReasons(observed),
      'refresh tokens presented twice': checkSpentTokens(observed),
      'interleaved writes': { findings: order.interleaved, excused: [] },
      'late writes': order.late,
      'slow take-overs': checkTakeOvers(takeOvers),
      'slow or failed ends': checkEndings(
        replicas.flatMap(({ endings }) => endings),
        stalledMs,
        observed.disturbances,
      ),
      'faults in the log': checkFaults(replicas),
      'secrets in the log': await checkSecrets(world),
      'fetches for reports': checkReportFetches(observed),
      'refused tokens that stay': checkRefusedTokens(observed, endMs),
      'steps back in the mirror': mirrorReader.ledger.backwards,
      'copies that stay behind': checkCopies(
        reader.ledger.newest,
        mirrorReader.ledger.newest,
        [...observed.mirrorFaults, ...observed.disturbances],
        endMs,
      ),
    },
  };
}

/** One that gives up in time what it could not finish ends with 1: where the machine kept it from running, that is all right. */
export function checkEndings(
  endings: readonly Ending[],
  stalledMs: number,
  disturbances: readonly Disturbance[],
): Verdict {
  const verdict = new VerdictBuilder();
  for (const { process, atMs, tookMs, exit } of endings) {
    const how = `after SIGTERM ${process} ended with ${exit.signal ?? `exit code ${exit.code}`} in ${tookMs} ms`;
    const isInTime = tookMs <= END_MS + stalledMs;
    const stoodStill = isDisturbed(disturbances, 'machine', { fromMs: atMs, toMs: atMs + tookMs });
    const excuse = isInTime && exit.code === 1 && stoodStill ? 'the machine stood still' : undefined;
    if (exit.code !== 0 || !isInTime) verdict.add(atMs, how, excuse);
  }
  return verdict;
}

function checkFaults(replicas: readonly Replica[]): Verdict {
  const verdict = new VerdictBuilder();
  for (const { process, output } of replicas.flatMap(({ outputs }) => outputs)) {
    for (const line of output.linesOf('fault'))
      verdict.add(Date.parse(String(line['time'])), `${process}: ${JSON.stringify(line)}`, undefined);
    if (output.stderr !== '') verdict.add(Date.now(), `${process} on stderr: ${output.stderr}`, undefined);
  }
  return verdict;
}

async function checkSecrets({ program, replicas }: ChaosWorld): Promise<Verdict> {
  const search = new SecretSearch();
  await search.addCredentials(dirname(program.sandbox.configPath));
  for (const [index, secret] of program.issued.entries()) search.add(`secret ${index}`, secret);
  const verdict = new VerdictBuilder();
  for (const { process, output } of replicas.flatMap(({ outputs }) => outputs)) {
    for (const name of search.find(output.stdout))
      verdict.add(Date.now(), `the log of ${process} holds ${name}`, undefined);
  }
  return verdict;
}
