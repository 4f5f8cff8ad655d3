import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ProgramOutput } from './program-output.ts';

/** The project's folder, where a person would start the program. */
export const PROJECT = resolve(import.meta.dirname, '../..');

/** The AWS credentials that the emulator wants; any would do. */
export const STORE_ENVIRONMENT = {
  AWS_ACCESS_KEY_ID: 'sandbox',
  AWS_SECRET_ACCESS_KEY: 'sandbox',
  AWS_EC2_METADATA_DISABLED: 'true',
} as const;

/** For a program in this process, whose AWS SDK looks there: nothing of this machine's own variables and files counts. */
export function useStoreEnvironment(): void {
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
  Object.assign(process.env, STORE_ENVIRONMENT, {
    AWS_CONFIG_FILE: '/nonexistent/config',
    AWS_SHARED_CREDENTIALS_FILE: '/nonexistent/credentials',
  });
}

/**
 * For `NODE_COMPILE_CACHE`: compiling its dependencies again takes a child most of its start. That of the tests, when
 * `npm test` has set one.
 */
export const COMPILE_CACHE =
  process.env['NODE_COMPILE_CACHE'] ?? join(tmpdir(), 'token-refresher-test-compile-cache');

export interface ProgramExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ProgramProcessOptions {
  /** The test's own (`t.signal`): a test that runs out of time leaves no process behind. */
  readonly signal: AbortSignal;
  /** Beside {@link STORE_ENVIRONMENT}; nothing of this machine's own environment but `PATH`. */
  readonly env?: Readonly<Record<string, string>>;
  /** How disposing ends the program. `SIGTERM` for one that has something to tidy up; `SIGKILL` by default. */
  readonly endWith?: NodeJS.Signals;
  /** A command, with arguments, that runs the rest of its line in its own place. */
  readonly within?: readonly string[];
}

/** `src/main.ts` as a child process. Disposing ends it and waits until it has ended. */
export class ProgramProcess implements AsyncDisposable {
  readonly output = new ProgramOutput();
  readonly #child: ChildProcess;
  readonly #exit: Promise<ProgramExit>;
  readonly #endWith: NodeJS.Signals;

  constructor(
    args: readonly string[],
    { signal, env = {}, endWith = 'SIGKILL', within = [] }: ProgramProcessOptions,
  ) {
    const [command = process.execPath, ...rest] = [...within, process.execPath, 'src/main.ts', ...args];
    const child = spawn(command, rest, {
      cwd: PROJECT,
      env: { ...STORE_ENVIRONMENT, NODE_COMPILE_CACHE: COMPILE_CACHE, PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#endWith = endWith;
    child.stdout.setEncoding('utf8').on('data', (text: string) => this.output.takeOut(text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => this.output.takeErr(text));
    const kill = (): void => void child.kill('SIGKILL');
    signal.addEventListener('abort', kill, { once: true });
    // `close`, not `exit`: it comes after the last byte of both outputs.
    this.#exit = once(child, 'close').then((): ProgramExit => {
      signal.removeEventListener('abort', kill);
      this.output.end();
      return { code: child.exitCode, signal: child.signalCode };
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  send(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Resolves when the program has ended, by itself or by a signal. */
  untilExit(): Promise<ProgramExit> {
    return this.#exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.output.hasEnded) this.#child.kill(this.#endWith);
    await this.#exit;
  }
}

/** Runs the program to its end. */
export async function runProgram(
  args: readonly string[],
  options: ProgramProcessOptions,
): Promise<ProgramExit & { readonly stdout: string; readonly stderr: string }> {
  await using program = new ProgramProcess(args, options);
  const exit = await program.untilExit();
  return { ...exit, stdout: program.output.stdout, stderr: program.output.stderr };
}
