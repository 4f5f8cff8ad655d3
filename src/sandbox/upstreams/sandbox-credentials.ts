import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import type { Random } from '../../core/ports.ts';
import { SecretText } from '../../core/secret-text.ts';
import { type CredentialForms, PRIVATE_KEY } from './define-upstream.ts';
import { mintOpaqueText } from './issued-text.ts';
import { byUpstream, type UpstreamName } from './upstream-list.ts';

export interface SandboxKeyPair {
  readonly publicKey: KeyObject;
  /** PKCS#8 PEM. */
  readonly privateKey: SecretText;
}

export type CredentialTexts = ReadonlyMap<string, SecretText>;

/** A customer of a kind with one token per customer. */
export interface SandboxCustomer {
  readonly customer: string;
  readonly credentials: CredentialTexts;
}

/**
 * What a daemon needs to log in to every simulated upstream, under the names that the kinds give their credentials.
 * Good for the sandbox alone: made up at every start.
 */
export interface SandboxCredentials {
  readonly byKind: Readonly<Record<UpstreamName, CredentialTexts>>;
  /** Customers of `pivot-b2b2c`. */
  readonly customers: readonly SandboxCustomer[];
  readonly publicKey: KeyObject;
}

const CUSTOMERS = ['ayu', 'budi'] as const;

/** Generates an RSA key of 2048 bits, which takes about 100 ms: make one per process. */
export async function generateSandboxKeyPair(): Promise<SandboxKeyPair> {
  const pair = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  const pem = pair.privateKey.export({ type: 'pkcs8', format: 'pem' });
  return { publicKey: pair.publicKey, privateKey: new SecretText(pem) };
}

/** Makes up credentials for every upstream; those with the very same forms share them. */
export function createSandboxCredentials(random: Random, keyPair: SandboxKeyPair): SandboxCredentials {
  const mint = (prefix: string): SecretText => new SecretText(mintOpaqueText(random, prefix));
  const minted = new Map<CredentialForms, CredentialTexts>();
  const textsOf = (forms: CredentialForms): CredentialTexts =>
    new Map(
      Object.entries(forms).map(([name, form]) => [
        name,
        form === PRIVATE_KEY ? keyPair.privateKey : mint(form),
      ]),
    );
  return {
    byKind: byUpstream(({ credentials }) => {
      const texts = minted.get(credentials) ?? textsOf(credentials);
      minted.set(credentials, texts);
      return texts;
    }),
    customers: CUSTOMERS.map((customer) => ({
      customer,
      credentials: new Map([['bindingId', mint('binding')]]),
    })),
    publicKey: keyPair.publicKey,
  };
}

/** @throws when there is no credential of that name: a bug of the caller */
export function revealCredential(credentials: CredentialTexts, name: string): string {
  const text = credentials.get(name);
  if (text === undefined) throw new Error(`no credential named ${name}`);
  return text.reveal();
}
