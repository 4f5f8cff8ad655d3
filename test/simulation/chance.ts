import type { Random } from '../../src/core/ports.ts';
import { createSeededRandom } from '../support/seeded-random.ts';

/**
 * All chance of a simulation. Each subject has a stream of its own, so that a further draw for one of them does not
 * change everything else that the seed stands for.
 */
export class Chance {
  readonly #seed: number;
  readonly #random: Random;

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = createSeededRandom(seed);
  }

  /** Another stream that follows from this one's seed and the name alone. */
  fork(name: string): Chance {
    let hash = 2_166_136_261 ^ this.#seed;
    for (const letter of name) hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 16_777_619);
    return new Chance(hash >>> 0);
  }

  /** For code that takes its chance through the port. */
  get random(): Random {
    return this.#random;
  }

  happens(probability: number): boolean {
    return this.#random.next() < probability;
  }

  /** A whole number, both ends included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.#random.next() * (most - least + 1));
  }

  /** @throws when there is nothing to pick from */
  pick<T>(choices: readonly T[]): T {
    const picked = choices[Math.floor(this.#random.next() * choices.length)];
    if (picked === undefined) throw new Error('nothing to pick from');
    return picked;
  }
}
