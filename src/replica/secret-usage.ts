/** What each secret is used for, so that no two things are written to one: as configured, and as discovered since. */
import type { Configuration, TokenConfiguration } from '../config/configuration.ts';
import { secretNameOf } from '../config/secret-name.ts';
import { secretsOf } from '../config/token-configuration.ts';

interface Owner {
  readonly provider: string;
  /** What is written to it; `undefined`: a credential of the provider is read from it. */
  readonly token: string | undefined;
  /** Discovered, so that its own provider may decide anew. */
  readonly isDiscovered: boolean;
}

export class SecretUsage {
  readonly #owners = new Map<string, Owner>();

  constructor({ providers }: Pick<Configuration, 'providers'>) {
    for (const { name, credentials, tokens } of providers) {
      for (const token of tokens) this.#write(token, false);
      for (const references of [
        credentials,
        ...tokens.map(({ customerCredentials }) => customerCredentials),
      ]) {
        for (const reference of Object.values(references)) {
          if (reference.kind !== 'awsSecret') continue;
          const owner = { provider: name, token: undefined, isDiscovered: false };
          this.#owners.set(secretNameOf(reference.id), owner);
        }
      }
    }
  }

  /** @returns `undefined` when nothing but the provider's own discovered tokens uses it */
  describeOwner(secretName: string, provider: string): string | undefined {
    const owner = this.#owners.get(secretName);
    if (owner === undefined || (owner.isDiscovered && owner.provider === provider)) return undefined;
    return owner.token === undefined
      ? `a credential of ${owner.provider} is read from it`
      : `the token of ${owner.token} is written to it`;
  }

  /** Takes a discovered token's secrets. */
  claim(token: TokenConfiguration): void {
    this.#write(token, true);
  }

  release(token: TokenConfiguration): void {
    for (const secretName of secretsOf(token)) this.#owners.delete(secretName);
  }

  #write(token: TokenConfiguration, isDiscovered: boolean): void {
    const owner = { provider: token.identity.provider, token: token.identity.token, isDiscovered };
    for (const secretName of secretsOf(token)) this.#owners.set(secretName, owner);
  }
}
