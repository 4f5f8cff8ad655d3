/**
 * `npm run chaos -- --minutes 10 --seed 7`: exit code 0 when every promise held, 1 when one was broken, 2 for wrong
 * usage. `--excused` lists what only looks like a broken promise, with its reason.
 */
import { parseArgs } from 'node:util';
import {
  findBroken,
  formatExcused,
  formatMoment,
  formatReport,
  formatTimeline,
  type ToldLine,
} from './chaos-report.ts';
import { runChaos } from './chaos-run.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 100_000) },
    excused: { type: 'boolean', default: false },
  },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed);

if (!(minutes > 0 && minutes <= 240) || !Number.isInteger(seed) || seed < 0) {
  console.error('usage: npm run chaos -- [--minutes 10] [--seed 7] [--excused]');
  process.exitCode = 2;
} else {
  const ending = new AbortController();
  // Also when this process ends for a reason that nobody has thought of.
  for (const event of ['SIGINT', 'SIGTERM', 'exit'] as const)
    process.once(event, () => ending.abort(new Error(`ended by ${event}`)));

  const startMs = Date.now();
  const told: ToldLine[] = [];
  console.log(`seed ${seed}, ${minutes} minutes`);
  try {
    const judgement = await runChaos({
      seed,
      durationMs: minutes * 60_000,
      signal: ending.signal,
      tell: (line, atMs) => {
        told.push({ atMs, line });
        console.log(`${formatMoment(atMs, startMs)}  ${line}`);
      },
    });
    console.log(`\n${formatReport(judgement)}\n`);
    if (values.excused) console.log(`${formatExcused(judgement, startMs)}\n`);
    const broken = findBroken(judgement);
    for (const finding of broken.slice(0, 20)) {
      console.log(`BROKEN ${formatMoment(finding.atMs, startMs)}  ${finding.check}: ${finding.what}`);
      console.log(formatTimeline(told, finding, startMs));
    }
    console.log(
      broken.length === 0 ? `seed ${seed}: every promise held` : `seed ${seed}: ${broken.length} broken`,
    );
    process.exitCode = broken.length === 0 ? 0 : 1;
  } catch (error) {
    console.error(ending.signal.aborted ? String(ending.signal.reason) : error);
    process.exitCode = 1;
  }
}
