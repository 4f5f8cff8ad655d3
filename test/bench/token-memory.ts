/** Memory by number of tokens, and the restore that puts them there: the daemon, started on a store that has them all. */
import { setTimeout as sleep } from 'node:timers/promises';
import { CUSTOMER_PROVIDER, customerName, customerSecret } from './bench-configuration.ts';
import { BenchProgram, type MemoryUsage } from './bench-program.ts';
import type { BenchScale } from './bench-scale.ts';
import { BenchWorld, countOperations, type WorldCounts } from './bench-world.ts';
import type { Figure } from './figure.ts';

const MEGABYTE = 1_000_000;
const MOST_RSS_MB = 160;
const MOST_HEAP_BYTES = 2200;
const MOST_BATCH_CALLS = 500;
/** `BatchGetSecretValue` takes so many names. */
const NAMES_PER_BATCH = 20;

/** As long as a JSON Web Token with some claims. */
const TOKEN_LENGTH = 1000;
const LIFETIME_MS = 900_000;
/** Far enough away that nothing is fetched while memory is measured. */
const FIRST_DUE_IN_MS = 420_000;
const LAST_DUE_IN_MS = 840_000;

/** As the image starts it, both: memory is measured as it is in production. */
export const IMAGE_ENVIRONMENT = { MALLOC_ARENA_MAX: '1' };
export const IMAGE_FLAGS = [
  '--max-semi-space-size=1',
  '--max-old-space-size-percentage=60',
  '--heap-growing-percent=30',
];

interface Restored {
  readonly tokens: number;
  readonly memory: MemoryUsage;
  readonly counts: WorldCounts;
  readonly startToReadyMs: number;
}

export async function measureTokenMemory({ tokenCounts, settleMs }: BenchScale): Promise<readonly Figure[]> {
  const measured: Restored[] = [];
  for (const tokens of tokenCounts) measured.push(await restore(tokens, { settleMs }));
  const fewer = measured.at(-2);
  const most = measured.at(-1);
  if (fewer === undefined || most === undefined) throw new Error('two counts of tokens are needed');
  const discovered = await restore(most.tokens, { settleMs, isDiscovering: true });
  return [
    ...measured.map(
      ({ tokens, memory }): Figure => ({
        metric: `RSS, ${name(tokens)} tokens, listed`,
        value: memory.rssBytes / MEGABYTE,
        unit: 'MB',
        ...(tokens === most.tokens ? { target: MOST_RSS_MB } : {}),
      }),
    ),
    {
      metric: `RSS, ${name(most.tokens)} tokens, discovered`,
      value: discovered.memory.rssBytes / MEGABYTE,
      unit: 'MB',
      target: MOST_RSS_MB,
    },
    {
      metric: `Heap per token beyond its strings, ${name(fewer.tokens)} to ${name(most.tokens)}`,
      value:
        (most.memory.heapUsedBytes - fewer.memory.heapUsedBytes) / (most.tokens - fewer.tokens) -
        stringBytesPerToken(),
      unit: 'bytes',
      target: MOST_HEAP_BYTES,
    },
    ...describeRestore(most),
  ];
}

async function restore(
  tokens: number,
  { settleMs, isDiscovering = false }: { readonly settleMs: number; readonly isDiscovering?: boolean },
): Promise<Restored> {
  await using world = await BenchWorld.start();
  await world.seed({
    customers: tokens,
    tokenLength: TOKEN_LENGTH,
    lifetimeMs: LIFETIME_MS,
    firstDueInMs: FIRST_DUE_IN_MS,
    lastDueInMs: LAST_DUE_IN_MS,
    hasBindings: isDiscovering,
  });
  const configPath = await world.writeConfiguration({ customers: tokens, isDiscovering });
  await using program = await BenchProgram.start(world, configPath, {
    nodeFlags: IMAGE_FLAGS,
    env: IMAGE_ENVIRONMENT,
  });
  const restored = program.child.output.linesOf('token-restored').length;
  if (restored !== tokens) throw new Error(`${restored} of ${tokens} tokens were restored`);
  const { startToReadyMs } = program;
  await sleep(settleMs);
  return { tokens, memory: await program.memory(), counts: await world.counts(), startToReadyMs };
}

function describeRestore({ tokens, counts, startToReadyMs }: Restored): readonly Figure[] {
  const times = Object.values(counts.operations);
  const firstAtMs = Math.min(...times.map((each) => each.firstAtMs));
  const lastAtMs = Math.max(...times.map((each) => each.lastAtMs));
  const batches = countOperations(counts, 'BatchGetSecretValue');
  return [
    {
      metric: `Restore of ${name(tokens)}: store calls`,
      value: countOperations(counts),
      unit: 'calls',
      target: Math.min(MOST_BATCH_CALLS, Math.ceil(tokens / NAMES_PER_BATCH)),
      note: `Calls of BatchGetSecretValue among the calls of the restore: ${batches}.`,
    },
    {
      metric: `Restore of ${name(tokens)}: provider requests`,
      value: counts.providerRequests,
      unit: 'requests',
      target: 0,
    },
    {
      metric: `Restore of ${name(tokens)}: first to last store call`,
      value: lastAtMs - firstAtMs,
      unit: 'ms',
    },
    { metric: `Start to ready with ${name(tokens)} tokens`, value: startToReadyMs, unit: 'ms' },
  ];
}

/** A token's names, as V8 keeps them: a header of 16 bytes, then whole words. Its text is not kept. */
function stringBytesPerToken(): number {
  const customer = customerName(0);
  const lengths = [customer.length, customerSecret(0).length, `${CUSTOMER_PROVIDER}/${customer}`.length];
  return lengths.reduce((sum, length) => sum + 16 + 8 * Math.ceil(length / 8), 0);
}

function name(tokens: number): string {
  return tokens.toLocaleString('en-US');
}
