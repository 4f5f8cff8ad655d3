#!/usr/bin/env node
/**
 * From the command line to a command: the only place that reads arguments and sets the exit code.
 *
 * Guarantee: the process ends when its command has ended, or {@link STOP_LIMIT_MS} after it was asked to stop, whatever
 * connections, timers and threads are left.
 */
import { createSystemClock, nextTurn } from './adapters/system/clock.ts';
import { OutputFile } from './adapters/system/output-file.ts';
import { describeOpenResources, endProcess } from './adapters/system/process-end.ts';
import { secureProcess } from './adapters/system/process-safety.ts';
import { listenForStop } from './adapters/system/stop-signals.ts';
import type { Terminal } from './commands/terminal.ts';
import { explainFault } from './core/fault.ts';
import { describeMachineTrouble, errnoOf } from './core/file-error.ts';
import { findNodeProblem, findPackageProblem } from './core/required-node.ts';
import { formatDuration } from './core/wire/duration.ts';

/** Behind every limit of the commands' own; Kubernetes kills after 30 s, people after 10. */
const STOP_LIMIT_MS = 9_000;
/** For what has been written and not been read when the program is asked to stop. */
const LAST_LINES_MS = 300;

// An older Node.js would fail in what follows, with a stack trace that does not say why.
const nodeProblem = findNodeProblem(process.versions.node);
if (nodeProblem !== undefined) {
  process.stderr.write(`${nodeProblem}\n`);
  process.exit(2);
}

// Before all else: what is imported below takes some tenths of a second.
const stopRequest = listenForStop();
const safety = secureProcess(process.env, process.execArgv);
const clock = createSystemClock();
const stdout = new OutputFile(1);
const stderr = new OutputFile(2);

/** Ends the process once its output was taken. */
async function end(code: number): Promise<never> {
  const enough = new AbortController();
  // A result waits for its reader (`plan | less`) until somebody wants the program to stop; what else there is, not.
  void stopRequest.then(() => clock.sleep(LAST_LINES_MS)).then(() => enough.abort());
  await stdout.flush(enough.signal);
  if (stdout.loss !== undefined)
    stderr.write(
      `standard output cannot be written (${describeMachineTrouble(stdout.loss) ?? errnoOf(stdout.loss)})\n`,
    );
  await stderr.flush(enough.signal);
  return endProcess(code === 0 && stdout.loss !== undefined ? 1 : code);
}

// Node would print the error with everything that hangs on it.
process.on('uncaughtException', (error) => {
  stderr.write(`${explainFault(error)}\n`);
  void end(1);
});

if (safety.refusal !== undefined) {
  stderr.write(`${safety.refusal}\n`);
  await end(2);
}

const isDumb = process.env['TERM'] === 'dumb';
const terminal: Terminal = {
  out: (text) => stdout.write(text),
  line: (lines) => stdout.writeLine(lines),
  err: (text) => stderr.write(text),
  isInteractive: process.stdout.isTTY,
  hasCursor: process.stdout.isTTY && !isDumb,
  // As Node.js has it, from what the terminal can do, NO_COLOR, and FORCE_COLOR, of which 0 means none.
  hasColor: process.stdout.isTTY && !isDumb && process.stdout.hasColors(),
  columns: () => process.stdout.columns,
  lines: () => process.stdout.rows,
  onScreenChange: (listener) => {
    process.stdout.on('resize', () => listener('resized'));
    process.on('SIGCONT', () => listener('continued'));
  },
  changesHeard: nextTurn,
  // A copy: each look into `process.env` makes a new string, and 10,000 tokens may share one credential.
  env: { ...process.env },
  warnings: safety.warnings,
  stopRequest: () => stopRequest,
  outputClosed: () => stdout.closed,
};

void stopRequest
  .then((signal) => clock.sleep(STOP_LIMIT_MS).then(() => signal))
  .then((signal) => {
    stderr.write(
      `not ended ${formatDuration(STOP_LIMIT_MS)} after ${signal}, ends now; still open: ${describeOpenResources()}\n`,
    );
    return end(1);
  });

const { createProgram } = await import('./commands/program.ts').catch((error: unknown) => {
  const problem = findPackageProblem(error);
  if (problem === undefined) throw error;
  stderr.write(`${problem}\n`);
  return end(2);
});
await end(await createProgram(terminal).run(process.argv.slice(2)));
