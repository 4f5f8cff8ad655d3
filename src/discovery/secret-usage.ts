/** What each secret is used for, so that no two things are written to one: as configured, and as discovered since. */
import type { Configuration, TokenConfiguration } from '../config/configuration.ts';
import { secretNameOf } from '../config/secret-name.ts';
import { secretsOf } from '../config/token-configuration.ts';

interface Owner {
  readonly provider: string;
  /** `the token of pik is written to it`. */
  readonly use: string;
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
        for (const reference of references.values()) {
          if (reference.kind !== 'awsSecret') continue;
          const use = `a credential of ${name} is read from it`;
          this.#owners.set(secretNameOf(reference.id), { provider: name, use, isDiscovered: false });
        }
      }
    }
  }

  /** @returns `undefined` when nothing but the provider's own discovered tokens uses it */
  describeOwner(secretName: string, provider: string): string | undefined {
    const owner = this.#owners.get(secretName);
    return owner === undefined || (owner.isDiscovered && owner.provider === provider) ? undefined : owner.use;
  }

  /** Takes a discovered token's secrets. */
  claim(token: TokenConfiguration): void {
    this.#write(token, true);
  }

  release(token: TokenConfiguration): void {
    for (const secretName of secretsOf(token)) this.#owners.delete(secretName);
  }

  #write(token: TokenConfiguration, isDiscovered: boolean): void {
    const { provider, token: name } = token.identity;
    const use = `the token of ${name} is written to it`;
    for (const secretName of secretsOf(token)) this.#owners.set(secretName, { provider, use, isDiscovered });
  }
}
