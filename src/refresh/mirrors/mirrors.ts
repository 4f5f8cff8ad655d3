/**
 * The mirrors of all providers: what is published is offered to them, and at the beginning of a term each of their copies
 * is compared with the authority.
 */
import type { RefreshEvent } from '../../core/events.ts';
import type { TokenIdentity } from '../../core/token/token.ts';
import type { Term } from '../term.ts';
import type { Mirror } from './mirror.ts';

export interface MirrorsOptions {
  /** By the name of the place. */
  readonly mirrors: ReadonlyMap<string, Mirror>;
  /** Names of the mirrors of a provider. */
  readonly placesOf: (provider: string) => readonly string[];
}

export class Mirrors {
  readonly #options: MirrorsOptions;

  constructor(options: MirrorsOptions) {
    this.#options = options;
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
    await Promise.all(
      [...this.#options.mirrors].map(([place, mirror]) =>
        mirror.run(
          term,
          identities.filter(({ provider }) => this.#options.placesOf(provider).includes(place)),
        ),
      ),
    );
  }

  #of({ provider }: TokenIdentity): readonly Mirror[] {
    const { mirrors, placesOf } = this.#options;
    return placesOf(provider).flatMap((place) => mirrors.get(place) ?? []);
  }
}
