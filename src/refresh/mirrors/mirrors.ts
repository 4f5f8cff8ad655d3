/**
 * The mirrors of all providers: what is published is offered to them, and at the beginning of a term each of their copies
 * is compared with the authority.
 */
import type { RefreshEvent } from '../../core/events.ts';
import type { TokenIdentity } from '../../core/token/token.ts';
import type { Term } from '../term.ts';
import type { Mirror } from './mirror.ts';

export class Mirrors {
  readonly #byProvider: ReadonlyMap<string, readonly Mirror[]>;

  /** @param byProvider one for each place; providers may share it */
  constructor(byProvider: ReadonlyMap<string, readonly Mirror[]>) {
    this.#byProvider = byProvider;
  }

  /** Notes what is to be done and returns at once; does nothing between terms. */
  readonly onEvent = (event: RefreshEvent): void => {
    switch (event.event) {
      case 'token-refreshed':
      case 'token-restored':
        for (const mirror of this.#of(event.identity)) mirror.offer(event.identity, event.generation);
        break;
      case 'token-added':
        for (const mirror of this.#of(event.identity)) mirror.offer(event.identity, undefined);
        break;
      case 'token-removed':
        for (const mirror of this.#of(event.identity)) mirror.drop(event.identity.token);
        break;
      default:
    }
  };

  /** Ends with the term, or when the program stops. */
  async run(term: Term, identities: readonly TokenIdentity[]): Promise<void> {
    const mirrors = new Set([...this.#byProvider.values()].flat());
    const runs = [...mirrors].map((mirror) => {
      const mirrored = identities.filter((identity) => this.#of(identity).includes(mirror));
      return mirror.run(term, mirrored);
    });
    await Promise.all(runs);
  }

  #of({ provider }: TokenIdentity): readonly Mirror[] {
    return this.#byProvider.get(provider) ?? [];
  }
}
