#!/usr/bin/env node
/** From the command line to a command: the only place that reads arguments and sets the exit code. */
import type { Terminal } from './commands/terminal.ts';
import { findNodeProblem } from './core/required-node.ts';

const { stdout, stderr } = process;

// An older Node.js fails while it imports the rest, with a stack trace that does not say so.
const problem = findNodeProblem(process.versions.node);
if (problem !== undefined) {
  stderr.write(`${problem}\n`);
  process.exit(2);
}
const { createProgram, explainUncaught } = await import('./commands/program.ts');

// Node would print the error with everything that hangs on it.
process.on('uncaughtException', (error) => {
  stderr.write(`${explainUncaught(error)}\n`);
  process.exit(1);
});

const terminal: Terminal = {
  out: (text) => void stdout.write(text),
  err: (text) => void stderr.write(text),
  isInteractive: stdout.isTTY,
  hasColor: stdout.isTTY && !process.env['NO_COLOR'],
  columns: () => stdout.columns,
  lines: () => stdout.rows,
  // A copy: each look into `process.env` makes a new string, and 10,000 tokens may share one credential.
  env: { ...process.env },
  stopRequest: () =>
    new Promise((resolve) => {
      for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve);
    }),
  outputClosed: () =>
    new Promise((resolve) => {
      stdout.once('error', () => resolve());
    }),
};

// A reader that has gone away (`plan | head`) is no reason for a stack trace.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

process.exitCode = await createProgram(terminal).run(process.argv.slice(2));
