/** The program's connection to whoever started it. Commands write here and nowhere else. */
export interface Terminal {
  /** Standard output. */
  out(text: string): void;
  /** Standard error. */
  err(text: string): void;
  /** True when standard output is a terminal that people look at. */
  readonly isInteractive: boolean;
  /** True when colours are welcome there. */
  readonly hasColor: boolean;
  /** Size of the terminal now; `undefined` when unknown. */
  columns(): number | undefined;
  lines(): number | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Resolves with the name of the signal (`SIGTERM`, `SIGINT`) that asks the program to stop. */
  stopRequest(): Promise<string>;
  /** Resolves when nobody reads standard output any more. */
  outputClosed(): Promise<void>;
}

/**
 * How a command ends; documented in `--help` and in the README.
 * 0: done. 1: something failed at run time. 2: wrong usage or configuration; nothing was started.
 */
export type ExitCode = 0 | 1 | 2;
