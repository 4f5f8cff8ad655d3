import { createProgram } from '../../src/commands/program.ts';
import type { ExitCode, Terminal } from '../../src/commands/terminal.ts';
import { ProgramOutput } from './program-output.ts';

export interface ProgramTerminalOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly isInteractive?: boolean;
  /** Where it is interactive; true by default. */
  readonly hasCursor?: boolean;
  /** Sees standard output as it is written. */
  readonly onOut?: (text: string) => void;
}

/** A terminal in memory: the program runs in the test's own process and is asked to stop by a call. */
export class ProgramTerminal implements Terminal {
  readonly output = new ProgramOutput();
  readonly env: Readonly<Record<string, string>>;
  readonly isInteractive: boolean;
  readonly hasCursor: boolean;
  readonly hasColor = false;
  readonly #onOut: (text: string) => void;
  readonly #stop = Promise.withResolvers<string>();
  readonly #closed = Promise.withResolvers<void>();

  constructor(options: ProgramTerminalOptions = {}) {
    const { env = {}, isInteractive = false, hasCursor = true, onOut = () => undefined } = options;
    this.env = env;
    this.isInteractive = isInteractive;
    this.hasCursor = isInteractive && hasCursor;
    this.#onOut = onOut;
  }

  readonly out = (text: string): void => {
    this.output.takeOut(text);
    this.#onOut(text);
  };

  readonly warnings: readonly string[] = [];

  readonly line = (lines: string): boolean => {
    this.out(lines);
    return true;
  };

  readonly err = (text: string): void => this.output.takeErr(text);

  readonly columns = (): number => 100;

  readonly lines = (): number => 40;

  readonly onScreenChange = (): void => undefined;

  readonly changesHeard = (): Promise<void> => Promise.resolve();

  readonly stopRequest = (): Promise<string> => this.#stop.promise;

  readonly outputClosed = (): Promise<void> => this.#closed.promise;

  /** What `| head` does once it has seen enough. */
  closeOutput(): void {
    this.#closed.resolve();
  }

  /** What a signal is to a process. */
  stop(): void {
    this.#stop.resolve('SIGTERM');
  }
}

/** A program that runs in this process. Disposing asks it to stop and waits until it has. */
export interface ProgramRun extends AsyncDisposable {
  readonly terminal: ProgramTerminal;
  readonly output: ProgramOutput;
  readonly exit: Promise<ExitCode>;
}

export function startInProcess(args: readonly string[], options: ProgramTerminalOptions = {}): ProgramRun {
  const terminal = new ProgramTerminal(options);
  const exit = createProgram(terminal)
    .run(args)
    .finally(() => terminal.output.end());
  return {
    terminal,
    output: terminal.output,
    exit,
    async [Symbol.asyncDispose]() {
      terminal.stop();
      await exit;
    },
  };
}

/** Runs the program to its end. */
export async function runInProcess(
  args: readonly string[],
  options: ProgramTerminalOptions = {},
): Promise<{ readonly code: ExitCode; readonly stdout: string; readonly stderr: string }> {
  const { exit, output } = startInProcess(args, options);
  return { code: await exit, stdout: output.stdout, stderr: output.stderr };
}
