import { z } from 'zod';
import { BenchChild, type BenchChildOptions } from './bench-child.ts';
import type { BenchWorld } from './bench-world.ts';
import { BUILT_MAIN } from './built-program.ts';

const cpuSchema = z.object({ cpuMs: z.number() });
const memorySchema = z.object({ rssBytes: z.number(), heapUsedBytes: z.number() });

/** After a full collection. */
export type MemoryUsage = z.output<typeof memorySchema>;

const startedSchema = z.object({ http: z.string() });

/** The built program as it runs in production, `main.js run`, with a probe in it. */
export class BenchProgram implements AsyncDisposable {
  readonly child: BenchChild;
  /** From the call that starts the process to the first 200 of `/readyz`. */
  readonly startToReadyMs: number;

  private constructor(child: BenchChild, startToReadyMs: number) {
    this.child = child;
    this.startToReadyMs = startToReadyMs;
  }

  /** Resolves when it is ready. */
  static async start(
    world: BenchWorld,
    configPath: string,
    { nodeFlags = [], env = {} }: Pick<BenchChildOptions, 'nodeFlags' | 'env'> = {},
  ): Promise<BenchProgram> {
    const startedAtMs = performance.now();
    const child = new BenchChild({
      nodeFlags: ['--expose-gc', '--import', './test/bench/probe.js', ...nodeFlags],
      args: [BUILT_MAIN, 'run', '--config', configPath],
      env: { ...world.environment, ...env },
    });
    try {
      const line = await child.output.untilLine(({ event }) => event === 'program-started');
      const { http } = startedSchema.parse(line);
      const response = await fetch(`${http}/readyz`);
      const startToReadyMs = performance.now() - startedAtMs;
      await response.arrayBuffer();
      if (response.status !== 200) throw new Error(`/readyz answered ${response.status}`);
      return new BenchProgram(child, startToReadyMs);
    } catch (error) {
      await child[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** CPU time since the start in milliseconds: user and system, all threads. */
  async cpuMs(): Promise<number> {
    return (await this.child.ask('cpu', cpuSchema)).cpuMs;
  }

  /** Costs CPU time: it collects garbage first. */
  memory(): Promise<MemoryUsage> {
    return this.child.ask('memory', memorySchema);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.child[Symbol.asyncDispose]();
  }
}
