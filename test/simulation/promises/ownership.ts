/** Promise 7: a secret that the daemon did not create and that does not carry its tag is never written. */
import type { SecretChange, Watcher } from '../observation.ts';
import { type CheckParts, tokenOfSecret } from './check.ts';

const PROMISE = '7 not ours, not touched';

export class Ownership implements Watcher {
  readonly #parts: CheckParts;

  constructor(parts: CheckParts) {
    this.#parts = parts;
  }

  secretChanged({ secret, formerText, process }: SecretChange): void {
    const { world } = this.#parts;
    const token = tokenOfSecret(this.#parts, secret);
    // Once somebody has deleted theirs, the name is free.
    const isTheirs =
      token !== undefined && token.name === world.scenario.foreignToken && formerText !== undefined;
    if (isTheirs && process !== undefined && !formerText.includes('access_token'))
      world.breaks(PROMISE, token.name, `${process.name} wrote ${secret}, which belongs to somebody else`);
  }
}
