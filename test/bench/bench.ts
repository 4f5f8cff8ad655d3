/**
 * `npm run bench`: what refreshing costs, each figure as a ratio or against a limit, with its target beside it. It
 * measures and does not judge: a missed target is in the table, and the exit code is 0. `--quick` takes two
 * minutes instead of seven; `--json FILE` writes the figures, `--json -` prints them instead of the table.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { type BenchScale, FULL_SCALE, QUICK_SCALE } from './bench-scale.ts';
import { buildProgram } from './built-program.ts';
import { measureConnectionFlood } from './connection-flood.ts';
import type { Figure } from './figure.ts';
import { describeRun, formatReport } from './figure-report.ts';
import { formatFigures } from './figure-table.ts';
import { measureIdleCost } from './idle-cost.ts';
import { measureRefreshCost } from './refresh-cost.ts';
import { measureStartTime } from './start-time.ts';
import { measureTimeLapse } from './time-lapse.ts';
import { measureTokenMemory } from './token-memory.ts';
import { measureVirtualLateness } from './virtual-lateness.ts';

const MEASUREMENTS: Readonly<Record<string, (scale: BenchScale) => Promise<readonly Figure[]>>> = {
  'CPU per refresh': measureRefreshCost,
  memory: measureTokenMemory,
  'idle CPU': measureIdleCost,
  start: measureStartTime,
  'lateness in time-lapse': measureTimeLapse,
  'lateness in a flood of connections': measureConnectionFlood,
  'lateness on a virtual clock': measureVirtualLateness,
};

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, json: { type: 'string' } },
});
const scale = options.quick ? QUICK_SCALE : FULL_SCALE;

await buildProgram();
const figures: Figure[] = [];
for (const [name, measure] of Object.entries(MEASUREMENTS)) {
  process.stderr.write(`measuring ${name} ...\n`);
  const startedAtMs = performance.now();
  figures.push(...(await measure(scale)));
  process.stderr.write(`  took ${Math.round((performance.now() - startedAtMs) / 1000)} s\n`);
}

const report = formatReport(figures, describeRun(options.quick ? 'quick' : 'full'));
if (options.json !== '-') process.stdout.write(formatFigures(figures));
if (options.json === '-') process.stdout.write(report);
else if (options.json !== undefined) await writeFile(options.json, report);
