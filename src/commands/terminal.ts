/** The program's connection to its caller. Commands write here and nowhere else. */
export interface Terminal {
  /** Standard output. */
  out(text: string): void;
  /** Standard output, for whole lines of a log. @returns false when they are lost: too much waits for the reader, or an error */
  line(lines: string): boolean;
  /** Standard error. */
  err(text: string): void;
  /** True when standard output is a terminal that people look at. */
  readonly isInteractive: boolean;
  /** True when it is one whose cursor can be moved: not `TERM=dumb`. */
  readonly hasCursor: boolean;
  /** True when colours are welcome there. */
  readonly hasColor: boolean;
  /** Size of the terminal now; `undefined` when unknown. */
  columns(): number | undefined;
  lines(): number | undefined;
  /** Told when the terminal has another size, and when the program goes on after it was stopped (Ctrl-Z). */
  onScreenChange(listener: (change: 'resized' | 'continued') => void): void;
  /** Resolves when listeners have been told of all changes so far. */
  changesHeard(): Promise<void>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What about this process endangers secrets, for people; empty as a rule. */
  readonly warnings: readonly string[];
  /** Resolves with the name of the signal (`SIGTERM`, `SIGINT`, `SIGHUP`) that asks the program to stop, also of an earlier one. */
  stopRequest(): Promise<string>;
  /** Resolves when nobody reads standard output any more. */
  outputClosed(): Promise<void>;
}

/**
 * How a command ends; documented in `--help` and in the README.
 * 0: done. 1: something failed at run time. 2: wrong usage or configuration; nothing was started.
 */
export type ExitCode = 0 | 1 | 2;
