/** `npm run guide`: the dry run of docs/install-eks.md, as a person would see it. */

import { runGuide } from './guide-run.ts';
import { findGuideProblem } from './guide-tools.ts';

const problem = findGuideProblem();
if (problem === undefined) {
  const startedAtMs = performance.now();
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
  const steps = await runGuide({
    onText: (text) => void process.stdout.write(text),
    signal: stopping.signal,
  });
  const last = steps.at(-1);
  const seconds = Math.round((performance.now() - startedAtMs) / 1000);
  if (last === undefined || last.exitCode !== 0 || last.missing.length > 0) {
    process.stdout.write(`\nFAILED after ${seconds} s in "${last?.block.title}": `);
    process.stdout.write(
      last?.exitCode === 0 ? `not seen: ${last.missing.join(', ')}\n` : `exit code ${last?.exitCode}\n`,
    );
    process.exitCode = 1;
  } else process.stdout.write(`\n${steps.length} blocks, all as the guide says, in ${seconds} s\n`);
} else {
  process.stderr.write(`the guide cannot be run here: ${problem}\n`);
  process.exitCode = 1;
}
