import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { type RunSummary, run } from './runs.ts';
import type { SimulationOptions } from './scenario.ts';

/**
 * Runs simulations in a process of its own, one after the other: its clocks are replaced while one runs. In a process of
 * `node:test`, which follows every promise, the same run takes half as long again.
 */
export class Runner implements AsyncDisposable {
  readonly #child: ChildProcess = fork(import.meta.filename, { execArgv: [] });
  #end: number | string | undefined;

  constructor() {
    this.#child.on('exit', (code, signal) => {
      this.#end = code ?? signal ?? 'unknown';
    });
  }

  /** Only one at a time. @throws when the process ends before it has answered */
  async run(options: SimulationOptions): Promise<RunSummary> {
    if (this.#end !== undefined) throw new Error(`the process has ended: ${this.#end}`);
    const done = Promise.withResolvers<RunSummary>();
    const fail = (): void => done.reject(new Error(`the process ended with ${this.#end}`));
    this.#child.once('message', done.resolve).once('exit', fail);
    this.#child.send(options);
    try {
      return await done.promise;
    } finally {
      this.#child.off('message', done.resolve).off('exit', fail);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#end !== undefined) return;
    // In the middle of a run it would go on to its end.
    this.#child.kill();
    await once(this.#child, 'exit');
  }
}

if (process.send !== undefined && process.argv[1] === import.meta.filename)
  process.on(
    'message',
    (options: SimulationOptions) => void run(options).then((each) => process.send?.(each)),
  );
