import type { Configuration } from '../config/configuration.ts';
import { findLeaseNameProblem } from '../config/coordination-schema.ts';
import { loadConfiguration } from '../config/load.ts';
import { formatProblem, type Problem } from '../config/problem.ts';
import type { RefreshEvents } from '../core/ports.ts';
import { CATALOG } from '../wiring/catalog.ts';
import { findJournalProblem, readConfigurationFile, readPodNamespace } from '../wiring/connections.ts';
import { createSystemPorts, type SystemPorts } from '../wiring/system-ports.ts';
import type { ExitCode, Terminal } from './terminal.ts';

/** The manifests set it to the name of the Role, which allows the Lease under that name and no other. */
const LEASE_NAME_VARIABLE = 'TOKEN_REFRESHER_LEASE_NAME';

/** What a command works with. */
export interface CommandPorts extends SystemPorts {
  readonly events: RefreshEvents;
  readonly readEnv: (name: string) => string | undefined;
}

export function createCommandPorts(
  terminal: Terminal,
  events: RefreshEvents = () => undefined,
): CommandPorts {
  const { env } = terminal;
  // A name in a configuration may be one that every object has.
  const readEnv = (name: string): string | undefined => (Object.hasOwn(env, name) ? env[name] : undefined);
  return { ...createSystemPorts(), events, readEnv };
}

/** Options of every command that reads the configuration. */
export interface ConfigurationOptions {
  /** Path of the YAML file; `TOKEN_REFRESHER_CONFIG` when left out. */
  readonly config?: string;
  /** What is wrong is then also printed on standard output, for scripts. */
  readonly json?: boolean;
}

/** One thing that keeps a command from running, as `--json` prints it; all but `message` only for a place in a file. */
interface Complaint {
  readonly message: string;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  /** `providers[0].refreshAfter`. */
  readonly path?: string | undefined;
  readonly found?: string;
  readonly allowed?: string | undefined;
  readonly suggestion?: string | undefined;
}

/** Nobody reads on; and a terminal, or the log of a pod, is not flooded. */
export const MAX_SHOWN = 100;

/** Says on standard error (the first hundred), and for scripts on standard output, why a command cannot run. */
export function complain(
  complaints: readonly Complaint[],
  { config, json }: ConfigurationOptions,
  terminal: Terminal,
): void {
  for (const { message } of complaints.slice(0, MAX_SHOWN)) terminal.err(`${message}\n`);
  if (complaints.length > MAX_SHOWN) terminal.err(`… and ${complaints.length - MAX_SHOWN} more\n`);
  if (json === true) terminal.out(`${JSON.stringify({ config, problems: complaints })}\n`);
}

/** Says why a command cannot run. @returns its exit code */
export function refuse(message: string, options: ConfigurationOptions, terminal: Terminal): ExitCode {
  complain([{ message }], options, terminal);
  return 2;
}

/** The program was asked to stop before it had begun to change anything. */
export function complainOfStop(signal: string, options: ConfigurationOptions, terminal: Terminal): ExitCode {
  complain([{ message: `${signal}: stopped before it was done` }], options, terminal);
  return 1;
}

/** Says on standard error what is wrong with the journal, if anything. @returns true when the command may go on */
export async function hasUsableJournal(
  configuration: Configuration,
  terminal: Terminal,
  options: ConfigurationOptions = {},
): Promise<boolean> {
  const problem = await findJournalProblem(configuration, createSystemPorts().clock);
  if (problem !== undefined) complain([{ message: `${problem}; nothing was started` }], options, terminal);
  return problem === undefined;
}

/**
 * Loads the configuration, or says on standard error what is wrong with it, everything at once.
 * @param checksEnv whether the environment variables that it refers to must be set
 * @param files whose lanes reads go through, where the files that it refers to are looked at too, for notes
 * @returns `undefined` when it cannot be used: the command then ends with exit code 2
 */
export async function loadOrExplain(
  options: ConfigurationOptions,
  terminal: Terminal,
  { checksEnv, files }: { readonly checksEnv: boolean; readonly files?: SystemPorts['files'] },
): Promise<
  | { readonly path: string; readonly configuration: Configuration; readonly warnings: readonly string[] }
  | undefined
> {
  const path = options.config ?? terminal.env['TOKEN_REFRESHER_CONFIG'];
  if (path === undefined || path === '') {
    const message =
      'no configuration: give --config FILE or set TOKEN_REFRESHER_CONFIG (config/example.yaml is an example, `init NAME` prints a first provider, `sandbox` needs none)';
    complain([{ message }], options, terminal);
    return undefined;
  }
  const leaseName = terminal.env[LEASE_NAME_VARIABLE];
  const leaseProblem = leaseName === undefined ? undefined : findLeaseNameProblem(leaseName);
  if (leaseProblem !== undefined) {
    const message = `environment variable ${LEASE_NAME_VARIABLE} ${leaseProblem}; nothing was started`;
    complain([{ message }], options, terminal);
    return undefined;
  }
  const lanes = files ?? createSystemPorts().files;
  const loaded = await loadConfiguration(path, {
    ...CATALOG,
    readFile: (file, mostBytes) => readConfigurationFile(file, mostBytes, lanes),
    notesFiles: files !== undefined,
    env: checksEnv ? terminal.env : undefined,
    podNamespace: readPodNamespace(),
    leaseName,
  });
  if (loaded.ok)
    return { path, configuration: loaded.configuration, warnings: loaded.warnings.map(formatProblem) };
  complain(loaded.problems.map(toComplaint), { ...options, config: path }, terminal);
  terminal.err(
    `${loaded.problems.length} problem${loaded.problems.length === 1 ? '' : 's'}; nothing was started\n`,
  );
  return undefined;
}

function toComplaint(problem: Problem): Complaint {
  const { file, position, path, text, allowed, suggestion } = problem;
  return {
    message: formatProblem(problem),
    file,
    ...position,
    path: path === '' ? undefined : path,
    found: text,
    allowed,
    suggestion,
  };
}
