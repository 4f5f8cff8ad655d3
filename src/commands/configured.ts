import type { Configuration } from '../config/configuration.ts';
import { loadConfiguration } from '../config/load.ts';
import { formatProblem } from '../config/problem.ts';
import { findJournalProblem, KINDS, readConfigurationFile, readPodNamespace } from '../connections.ts';
import { createSystemPorts } from '../runtime.ts';
import type { Terminal } from './terminal.ts';

/** Options of every command that reads the configuration. */
export interface ConfigurationOptions {
  /** Path of the YAML file; `TOKEN_REFRESHER_CONFIG` when left out. */
  readonly config?: string;
}

/** Says on standard error what is wrong with the journal, if anything. @returns true when the command may go on */
export async function hasUsableJournal(configuration: Configuration, terminal: Terminal): Promise<boolean> {
  const problem = await findJournalProblem(configuration, createSystemPorts().clock);
  if (problem !== undefined) terminal.err(`${problem}; nothing was started\n`);
  return problem === undefined;
}

/**
 * Loads the configuration, or says on standard error what is wrong with it, everything at once.
 * @param checksEnv whether the environment variables that it refers to must be set
 * @returns `undefined` when it cannot be used: the command then ends with exit code 2
 */
export async function loadOrExplain(
  options: ConfigurationOptions,
  terminal: Terminal,
  { checksEnv }: { readonly checksEnv: boolean },
): Promise<
  | { readonly path: string; readonly configuration: Configuration; readonly warnings: readonly string[] }
  | undefined
> {
  const path = options.config ?? terminal.env['TOKEN_REFRESHER_CONFIG'];
  if (path === undefined || path === '') {
    terminal.err(
      'no configuration: give --config FILE or set TOKEN_REFRESHER_CONFIG (an example is in config/example.yaml)\n',
    );
    return undefined;
  }
  const loaded = await loadConfiguration(path, {
    kinds: KINDS,
    readFile: (file, mostBytes) => readConfigurationFile(file, mostBytes, createSystemPorts().clock),
    env: checksEnv ? terminal.env : undefined,
    podNamespace: readPodNamespace(),
  });
  if (loaded.ok)
    return { path, configuration: loaded.configuration, warnings: loaded.warnings.map(formatProblem) };
  for (const problem of loaded.problems) terminal.err(`${formatProblem(problem)}\n`);
  terminal.err(
    `${loaded.problems.length} problem${loaded.problems.length === 1 ? '' : 's'}; nothing was started\n`,
  );
  return undefined;
}
