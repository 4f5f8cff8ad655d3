import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { BenchChild } from './bench-child.ts';
import { type BenchConfiguration, type BenchPlace, benchConfiguration } from './bench-configuration.ts';

const placeSchema = z.object({
  storeEndpoint: z.string(),
  upstreamsOrigin: z.string(),
  environment: z.record(z.string(), z.string()),
});

const countsSchema = z.object({
  providerRequests: z.number(),
  operations: z.record(
    z.string(),
    z.object({ count: z.number(), firstAtMs: z.number(), lastAtMs: z.number() }),
  ),
});

/** What the simulated providers and the store have been asked since they started. */
export type WorldCounts = z.output<typeof countsSchema>;

export interface Seed {
  readonly customers: number;
  /** Characters of each access token. */
  readonly tokenLength: number;
  readonly lifetimeMs: number;
  /** The refreshes are planned evenly between these two. */
  readonly firstDueInMs: number;
  readonly lastDueInMs: number;
  /** Also a binding for each customer, with the tag by which it is found. */
  readonly hasBindings: boolean;
}

/** Simulated providers and a simulated store in a process of their own, for one measurement. */
export class BenchWorld implements AsyncDisposable {
  /** Of the measured program: all credentials. */
  readonly environment: Readonly<Record<string, string>>;
  readonly place: BenchPlace;
  readonly #child: BenchChild;
  readonly #folder: string;
  #configurations = 0;

  private constructor(child: BenchChild, place: z.output<typeof placeSchema>, folder: string) {
    this.#child = child;
    this.place = place;
    this.environment = place.environment;
    this.#folder = folder;
  }

  /** @param speed time-lapse: documented lifetimes are divided by it */
  static async start(speed = 1): Promise<BenchWorld> {
    const child = new BenchChild({ args: ['test/bench/world-child.ts', String(speed)] });
    try {
      const place = await child.ask('place', placeSchema);
      return new BenchWorld(child, place, await mkdtemp(join(tmpdir(), 'token-refresher-bench-')));
    } catch (error) {
      await child[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Fills the store as an earlier daemon would have left it. */
  async seed(seed: Seed): Promise<void> {
    await this.#child.ask('seed', z.unknown(), seed);
  }

  counts(): Promise<WorldCounts> {
    return this.#child.ask('counts', countsSchema);
  }

  /** @returns the path of a configuration that points at this world */
  async writeConfiguration(options: BenchConfiguration): Promise<string> {
    this.#configurations += 1;
    const path = join(this.#folder, `config-${this.#configurations}.yaml`);
    await writeFile(path, benchConfiguration(this.place, options));
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Requests of some kinds, `0` for none; of all kinds when none is named. */
export function countOperations({ operations }: WorldCounts, ...names: readonly string[]): number {
  return Object.entries(operations)
    .filter(([name]) => names.length === 0 || names.includes(name))
    .reduce((sum, [, { count }]) => sum + count, 0);
}
