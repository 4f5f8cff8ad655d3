import { timeOf } from '../support/program-output.ts';
import { type ProgramExit, ProgramProcess } from '../support/program-process.ts';
import type { ProcessHistory } from './process-history.ts';
import type { Acquisition } from './take-over.ts';

/** How a process ended that was asked to. */
export interface Ending {
  readonly process: string;
  readonly atMs: number;
  readonly tookMs: number;
  readonly exit: ProgramExit;
}

export interface ReplicaOptions {
  readonly name: string;
  readonly configPath: string;
  /** Kills the process when aborted. */
  readonly signal: AbortSignal;
  readonly history: ProcessHistory;
  /** Where its processes take reports of refused tokens: `http://127.0.0.1:PORT` */
  readonly reportsUrl: string;
}

/** One replica of the daemon over its lives: real processes one after the other, each with a unique name. */
export class Replica implements AsyncDisposable {
  readonly endings: Ending[] = [];
  readonly #options: ReplicaOptions;
  readonly #lives: { readonly process: string; readonly program: ProgramProcess }[] = [];
  #state: 'down' | 'running' | 'stopped' = 'down';

  constructor(options: ReplicaOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  /** The present process, or the last one: `refresher-2.5`. It is also its access key at the store. */
  get process(): string {
    return this.#lives.at(-1)?.process ?? `${this.name}.0`;
  }

  get reportsUrl(): string {
    return this.#options.reportsUrl;
  }

  /** While it runs, to its end. */
  get pid(): number | undefined {
    const program = this.#lives.at(-1)?.program;
    return this.#state === 'stopped' || program?.output.hasEnded !== false ? undefined : program.pid;
  }

  get isRunning(): boolean {
    return this.#state === 'running';
  }

  start(): void {
    const { name, configPath, signal, history } = this.#options;
    const process = `${name}.${this.#lives.length + 1}`;
    const env = { AWS_ACCESS_KEY_ID: process, POD_IP: '127.0.0.1' };
    const program = new ProgramProcess(['run', '--config', configPath], { signal, env });
    this.#lives.push({ process, program });
    this.#state = 'running';
    history.note(process, 'started');
  }

  async untilStarted(): Promise<void> {
    await this.#program.output.untilLines('program-started', 1);
  }

  async kill(): Promise<void> {
    this.#options.history.note(this.process, 'killed');
    this.#state = 'down';
    this.#program.send('SIGKILL');
    await this.#program.untilExit();
  }

  /** SIGSTOP: it stays in memory, with its connections, and does nothing. */
  stop(): void {
    this.#program.send('SIGSTOP');
    this.#options.history.note(this.process, 'stopped');
    this.#state = 'stopped';
  }

  continue(): void {
    // Noted first: it may act before this process goes on.
    this.#options.history.note(this.process, 'continued');
    this.#program.send('SIGCONT');
    this.#state = 'running';
  }

  /** SIGTERM; resolves when it has ended. */
  async askToEnd(): Promise<void> {
    const { process } = this;
    const atMs = Date.now();
    this.#options.history.note(process, 'asked-to-end', atMs);
    this.#state = 'down';
    this.#program.send('SIGTERM');
    const exit = await this.#program.untilExit();
    this.endings.push({ process, atMs, tookMs: Date.now() - atMs, exit });
  }

  get acquisitions(): readonly Acquisition[] {
    return this.#lives.flatMap(({ process, program }) =>
      program.output.linesOf('leadership-acquired').map((line) => ({ process, atMs: timeOf(line) })),
    );
  }

  /** Everything that its processes have written, by process. */
  get outputs(): readonly { readonly process: string; readonly output: ProgramProcess['output'] }[] {
    return this.#lives.map(({ process, program }) => ({ process, output: program.output }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#lives.map(({ program }) => program[Symbol.asyncDispose]()));
  }

  get #program(): ProgramProcess {
    const life = this.#lives.at(-1);
    if (life === undefined) throw new Error(`${this.name} was never started`);
    return life.program;
  }
}
