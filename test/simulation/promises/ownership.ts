/** Promise 7: a secret that the daemon did not create and that does not carry its tag is never written. */
import type { SecretChange, Watcher } from '../observation.ts';
import { type CheckParts, tokenOfSecret } from './check.ts';

const PROMISE = '7 not ours, not touched';

export class Ownership implements Watcher {
  readonly #parts: CheckParts;

  /** The name was free, and the program has taken it. */
  #isOurs = false;

  constructor(parts: CheckParts) {
    this.#parts = parts;
  }

  secretChanged({ secret, text, formerText, process }: SecretChange): void {
    const { world } = this.#parts;
    const token = tokenOfSecret(this.#parts, secret);
    if (token === undefined || token.name !== world.scenario.foreignToken || process === undefined) return;
    // Once somebody has deleted theirs, the name is free.
    if (formerText === undefined && text !== undefined) this.#isOurs = true;
    if (!this.#isOurs)
      world.breaks(PROMISE, token.name, `${process.name} wrote ${secret}, which belongs to somebody else`);
  }
}
