/**
 * Promise 2: a publish never replaces a token by one that dies earlier, by a malformed one, by one with a lower
 * generation, or from a replica that has lost leadership.
 *
 * Excused: by how much the clocks of the writers differ, a token may really die that much earlier; and, as the program
 * documents it, a document that claims to come from the future is replaced by any other.
 */
import type { SecretChange, StoreCall, Watcher } from '../observation.ts';
import type { VirtualProcess } from '../virtual-process.ts';
import {
  actsWithoutLeadership,
  type CheckParts,
  grantOf,
  readDocument,
  type SeenDocument,
  tokenOfSecret,
} from './check.ts';
import { FUTURE_MS } from './looks.ts';

const PROMISE = '2 never worse';
/** Lifetimes are stated in whole seconds. */
const ROUNDING_MS = 1000;

export class NeverWorse implements Watcher {
  readonly #parts: CheckParts;
  /** When each token's present document was published. */
  readonly #publishedAtMs = new Map<string, number>();

  constructor(parts: CheckParts) {
    this.#parts = parts;
  }

  secretChanged({ secret, text, formerText, process }: SecretChange): void {
    const token = tokenOfSecret(this.#parts, secret);
    if (token === undefined) return;
    const { world, leaders } = this.#parts;
    const { nowMs } = world.time;
    const since = this.#publishedAtMs.get(token.name) ?? nowMs;
    this.#publishedAtMs.set(token.name, nowMs);
    if (process === undefined) return;
    const document = readDocument(text);
    const grant = grantOf(this.#parts, document);
    if (document === undefined || grant?.token !== token.name) {
      world.breaks(PROMISE, token.name, `${process.name} published what is no token of its`);
      return;
    }
    const former = readDocument(formerText);
    if (former === undefined) return;
    if (document.generation <= former.generation) {
      const step = `generation ${former.generation} by ${document.generation}`;
      world.breaks(PROMISE, token.name, `${process.name} replaced ${step}`);
    }
    const formerGrant = grantOf(this.#parts, former);
    const earlierMs = (formerGrant?.diesAtMs ?? 0) - grant.diesAtMs;
    const isAlive = formerGrant !== undefined && formerGrant.diesAtMs > nowMs;
    if (this.#isFromFuture(process, token.name, former, since)) return;
    // A token that readers are refused with is worse than any other.
    if (this.#parts.refused.wasAskedFor(process, token.name, former.accessToken)) return;
    if (isAlive && earlierMs > leaders.skewSince(since - formerGrant.lifeMs) + ROUNDING_MS)
      world.breaks(
        PROMISE,
        token.name,
        `${process.name} published a token that dies ${earlierMs} ms earlier`,
      );
  }

  #isFromFuture(
    process: VirtualProcess,
    token: string,
    former: SeenDocument,
    publishedAtMs: number,
  ): boolean {
    const isAhead = former.issuedAtMs > process.wallMs + FUTURE_MS;
    return isAhead || this.#parts.looks.hasDisbelieved(process, token, former, publishedAtMs);
  }

  storeCalled({ process, isWrite, operation, secret }: StoreCall): void {
    if (!isWrite || !actsWithoutLeadership(this.#parts, process)) return;
    const { world } = this.#parts;
    const token = world.scenario.tokens.find((each) => each.secret === secret || each.stateSecret === secret);
    world.breaks(PROMISE, token?.name, `${process.name} calls ${operation} after its term`);
  }
}
