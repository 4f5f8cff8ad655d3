/** What each secret is used for, so that no two things are written to one: as configured, and as discovered since. */
import type { Configuration, TokenConfiguration } from '../config/configuration.ts';
import { secretsOf } from '../config/token-configuration.ts';

type Owner =
  /** One of the provider's credentials is read from it. */
  | { readonly kind: 'credential'; readonly provider: string }
  /** A token is written to it. The provider may decide again about one that it has discovered. */
  | { readonly kind: 'configured' | 'discovered'; readonly provider: string; readonly token: string };

export class SecretUsage {
  readonly #owners = new Map<string, Owner>();

  constructor({ providers, store }: Pick<Configuration, 'providers' | 'store'>) {
    for (const { name, credentials, tokens } of providers) {
      for (const token of tokens) this.#write(token, 'configured');
      for (const references of [credentials, ...tokens.map((token) => token.customerCredentials)])
        for (const reference of Object.values(references))
          if (reference.kind === 'awsSecret')
            this.#owners.set(store.rules.names.nameOf(reference.id), { kind: 'credential', provider: name });
    }
  }

  /** @returns `undefined` when nothing but the provider's own discovered tokens uses it */
  describeOwner(secretName: string, provider: string): string | undefined {
    const owner = this.#owners.get(secretName);
    if (owner === undefined || (owner.kind === 'discovered' && owner.provider === provider)) return undefined;
    return owner.kind === 'credential'
      ? `a credential of ${owner.provider} is read from it`
      : `the token of ${owner.token} is written to it`;
  }

  /** Takes a discovered token's secrets. */
  claim(token: TokenConfiguration): void {
    this.#write(token, 'discovered');
  }

  release(token: TokenConfiguration): void {
    for (const secretName of secretsOf(token)) this.#owners.delete(secretName);
  }

  #write(token: TokenConfiguration, kind: 'configured' | 'discovered'): void {
    const { provider, token: name } = token.identity;
    for (const secretName of secretsOf(token)) this.#owners.set(secretName, { kind, provider, token: name });
  }
}
