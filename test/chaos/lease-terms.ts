import { isJsonObject, parseJson } from '../../src/core/wire/json.ts';
import type { Exchange } from './wire-tap.ts';

/** A stretch of leadership as the API server granted it. */
export interface LeaseTerm {
  readonly process: string;
  /** Counts up with every term of anybody. */
  readonly number: number;
  readonly sinceMs: number;
}

/** Who held the lease when, by the writes that the API server has accepted. */
export class LeaseTerms {
  readonly #terms: LeaseTerm[] = [];
  #holder = '';

  note({ request, answer }: Exchange): void {
    if (answer === undefined || answer.status >= 300 || request.method === 'GET') return;
    const lease = parseJson(answer.body);
    const spec = isJsonObject(lease) ? lease['spec'] : undefined;
    const holder = isJsonObject(spec) ? spec['holderIdentity'] : undefined;
    if (typeof holder !== 'string' || holder === this.#holder) return;
    this.#holder = holder;
    if (holder !== '') {
      this.#terms.push({ process: request.sender, number: this.#terms.length + 1, sinceMs: answer.atMs });
    }
  }

  get all(): readonly LeaseTerm[] {
    return this.#terms;
  }

  /** The process whose term began last, whether it still leads or not. */
  get newest(): string | undefined {
    return this.#terms.at(-1)?.process;
  }
}

/** The term of that process that a request of `atMs` can belong to. */
export function findOwnTerm(
  terms: readonly LeaseTerm[],
  process: string,
  atMs: number,
): LeaseTerm | undefined {
  return terms.findLast((term) => term.process === process && term.sinceMs <= atMs);
}

/** The term that had begun last at a moment. */
export function findNewestTerm(terms: readonly LeaseTerm[], atMs: number): LeaseTerm | undefined {
  return terms.findLast(({ sinceMs }) => sinceMs <= atMs);
}
