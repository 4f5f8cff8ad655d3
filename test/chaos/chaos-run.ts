import { setTimeout as sleep } from 'node:timers/promises';
import { LEASE_NAMESPACE } from '../support/lease-api.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { ChaosActions } from './chaos-actions.ts';
import { CHAOS_KINDS, type ChaosAction, planChaos } from './chaos-plan.ts';
import { SHORTEST_MARGIN_MS } from './chaos-timing.ts';
import { type ChaosWorld, READERS_TOKEN, startChaosWorld, TOKENS } from './chaos-world.ts';
import { type Judgement, judge } from './judgement.ts';
import { MirrorReader } from './mirror-reader.ts';
import { watchStalls } from './stall-watch.ts';
import { TokenReader } from './token-reader.ts';
import { reportAtRandom } from './token-report.ts';

export interface ChaosRunOptions {
  readonly seed: number;
  /** How long actions are begun; starting and settling come on top. */
  readonly durationMs: number;
  /** How long at most to wait for every token to be fresh again, at the end. By default for all that may need. */
  readonly settleMs?: number;
  /** Ends everything at once. */
  readonly signal: AbortSignal;
  /** Told what is done, with the moment. */
  readonly tell: (line: string, atMs: number) => void;
}

/** Seconds on idle cores; where three daemons share them with much else, a lease of 3 s is lost again and again. */
const START_MS = 400_000;
/** After an expiry the next attempt may be a minute away. */
const SETTLE_MS = 60_000 + SHORTEST_MARGIN_MS;

/** Starts three daemons, makes things go wrong as planned, and judges what was seen. No process is left behind. */
export async function runChaos(options: ChaosRunOptions): Promise<Judgement> {
  const { seed, durationMs, settleMs = SETTLE_MS, signal, tell } = options;
  const plan = planChaos({ seed, durationMs });
  await using world = await startChaosWorld({ signal });
  const say = (line: string): void => tell(line, Date.now());
  // From the first fetch on: a leader may be kept from renewing its lease while it starts.
  using stalls = watchStalls(
    (stall) => world.observed.disturbances.push({ source: 'machine', ...stall }),
    () =>
      new Map(
        world.replicas.flatMap(({ process, pid }) => (pid === undefined ? [] : [[process, pid] as const])),
      ),
  );
  for (const replica of world.replicas) replica.start();
  await until(() => TOKENS.every((token) => isPublished(world, token)), START_MS, signal, 'first tokens');
  await Promise.all(world.replicas.map((replica) => replica.untilStarted()));
  say('three replicas run, all tokens are published');
  const startStalledMs = stalls.totalMs;

  const { endpoint } = world.program.sandbox.store;
  const reader = new TokenReader({ endpoint, region: world.program.sandbox.secretsManager.region }, TOKENS);
  const actions = new ChaosActions(world, signal, say);
  const mirrorReader = new MirrorReader(world.leaseServer.api, LEASE_NAMESPACE, TOKENS);
  const reporting = new AbortController();
  const reports = reportAtRandom({
    urls: world.replicas.map(({ reportsUrl }) => reportsUrl),
    bearer: READERS_TOKEN,
    tokens: TOKENS,
    held: reader.held,
    random: createSeededRandom(seed * 16 + Object.keys(CHAOS_KINDS).length),
    signal: AbortSignal.any([signal, reporting.signal]),
    tell: say,
    onReport: (report) => void world.observed.reports.push(report),
  });
  const startedMs = Date.now();
  try {
    await Promise.all(
      Object.keys(CHAOS_KINDS).map((track) =>
        runTrack(
          plan.filter((action) => action.track === track),
          actions,
          startedMs,
          signal,
        ),
      ),
    );
    reporting.abort();
    await reports;
    say('nothing goes wrong any more');
    await untilSettled(world, reader, mirrorReader, settleMs, signal);
  } finally {
    reporting.abort();
    await mirrorReader[Symbol.asyncDispose]();
    await reader[Symbol.asyncDispose]();
  }
  say('SIGTERM to all');
  const endMs = Date.now();
  const running = world.replicas.filter(({ isRunning }) => isRunning);
  await Promise.all(running.map((replica) => replica.askToEnd()));
  return await judge({
    world,
    plan,
    losses: actions.losses,
    reader,
    mirrorReader,
    endMs,
    stalledMs: stalls.totalMs - startStalledMs,
  });
}

async function runTrack(
  plan: readonly ChaosAction[],
  actions: ChaosActions,
  startedMs: number,
  signal: AbortSignal,
): Promise<void> {
  for (const action of plan) {
    const waitMs = startedMs + action.atMs - Date.now();
    if (waitMs > 0) await sleep(waitMs, undefined, { signal });
    signal.throwIfAborted();
    await actions.run(action);
  }
}

function isPublished({ observed }: ChaosWorld, token: string): boolean {
  return observed.writes.some(({ secret, movesCurrent }) => movesCurrent && secret === `sandbox/${token}`);
}

/** Until everybody leads or follows again and no token is overdue. What is not by then the judgement will say. */
async function untilSettled(
  world: ChaosWorld,
  reader: TokenReader,
  mirrorReader: MirrorReader,
  settleMs: number,
  signal: AbortSignal,
): Promise<void> {
  const isSettled = (): boolean =>
    world.findLeader() !== undefined &&
    [...reader.ledger.newest.values()].every(
      ({ token, generation, refreshAtMs, readAtMs }) =>
        refreshAtMs + 2500 > readAtMs &&
        (mirrorReader.ledger.newest.get(token)?.generation ?? 0) >= generation,
    );
  await until(isSettled, settleMs, signal, undefined);
}

/** @param what for the error when it does not come to pass; `undefined`: then it is left at that */
async function until(
  isSo: () => boolean,
  limitMs: number,
  signal: AbortSignal,
  what: string | undefined,
): Promise<void> {
  const giveUpAtMs = Date.now() + limitMs;
  while (!isSo()) {
    if (Date.now() > giveUpAtMs) {
      if (what === undefined) return;
      throw new Error(`${what}: not within ${limitMs} ms`);
    }
    await sleep(50, undefined, { signal });
  }
}
