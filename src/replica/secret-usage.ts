/** What each secret is used for, so that no two things are written to one: as configured, and as discovered since. */
import type { Configuration, ProviderConfiguration, TokenConfiguration } from '../config/configuration.ts';
import { type PlacedSecret, placedSecretsOf } from '../config/token-configuration.ts';

type Owner =
  /** One of the provider's credentials is read from it. */
  | { readonly kind: 'credential'; readonly provider: string }
  /** A token is written to it. The provider may decide again about one that it has discovered. */
  | { readonly kind: 'configured' | 'discovered'; readonly provider: string; readonly token: string };

type UsageConfiguration = Pick<Configuration, 'providers' | 'places'>;
type Publisher = Pick<ProviderConfiguration, 'publish'>;

export class SecretUsage {
  readonly places: Configuration['places'];
  /** By target. */
  readonly #owners = new Map<string, Owner>();

  constructor({ providers, places }: UsageConfiguration) {
    this.places = places;
    for (const provider of providers) {
      const { name, credentials, tokens } = provider;
      for (const token of tokens) this.#write(token, provider, 'configured');
      for (const references of [credentials, ...tokens.map((token) => token.customerCredentials)])
        for (const reference of Object.values(references))
          if (reference.kind === 'awsSecret')
            for (const target of this.credentialTargets(reference.id))
              this.#owners.set(target, { kind: 'credential', provider: name });
    }
  }

  /** @returns `undefined` when nothing but the provider's own discovered tokens uses it */
  describeOwner(target: string, provider: string): string | undefined {
    const owner = this.#owners.get(target);
    if (owner === undefined || (owner.kind === 'discovered' && owner.provider === provider)) return undefined;
    return owner.kind === 'credential'
      ? `a credential of ${owner.provider} is read from it`
      : `the token of ${owner.token} is written to it`;
  }

  /** Each secret that a token is written to, told apart from one of the same name in another place; for people too. */
  targetsOf(token: TokenConfiguration, { publish }: Publisher): readonly string[] {
    return placedSecretsOf(token, publish, this.places).map((placed) => this.#target(placed));
  }

  /** A secret that a credential or a binding is read from. @param id name or ARN */
  credentialTargets(id: string): readonly string[] {
    return [...this.places.values()]
      .filter(({ rules }) => rules.holdsCredentials === true)
      .map((place) => this.#target({ place, secret: place.rules.names.nameOf(id) }));
  }

  /** Takes a discovered token's secrets. */
  claim(token: TokenConfiguration, provider: Publisher): void {
    this.#write(token, provider, 'discovered');
  }

  release(token: TokenConfiguration, provider: Publisher): void {
    for (const target of this.targetsOf(token, provider)) this.#owners.delete(target);
  }

  #write(token: TokenConfiguration, publisher: Publisher, kind: 'configured' | 'discovered'): void {
    const { provider, token: name } = token.identity;
    for (const target of this.targetsOf(token, publisher))
      this.#owners.set(target, { kind, provider, token: name });
  }

  #target({ place, secret }: PlacedSecret): string {
    return this.places.size === 1 ? secret : `${secret} in ${place.name}`;
  }
}
