import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import type { Random } from '../../core/ports.ts';
import { SecretText } from '../../core/secret-text.ts';
import { mintOpaqueText } from './issued-text.ts';
import type { UpstreamName } from './upstream-name.ts';

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

/** Makes up credentials for every provider; both SNAP kinds share one client and its key, as at Pivot. */
export function createSandboxCredentials(random: Random, keyPair: SandboxKeyPair): SandboxCredentials {
  const mint = (prefix: string): SecretText => new SecretText(mintOpaqueText(random, prefix));
  const snap = new Map([
    ['clientId', mint('client')],
    ['privateKey', keyPair.privateKey],
  ]);
  return {
    byKind: {
      pik: new Map([
        ['appId', mint('app')],
        ['appSecret', mint('as')],
      ]),
      'pivot-b2b': snap,
      'pivot-b2b2c': snap,
      pivot: new Map([
        ['merchantId', mint('merchant')],
        ['merchantSecret', mint('ms')],
      ]),
      apimw: new Map([
        ['apiKey', mint('ak_test_')],
        ['apiSecret', mint('sk_test_')],
      ]),
      paysecurez: new Map([
        ['clientId', mint('client')],
        ['clientSecret', mint('cs')],
      ]),
      oauth2: new Map([
        // Messages leave out words that a credential holds, and those of OAuth are about clients.
        ['clientId', mint('shop')],
        ['privateKey', keyPair.privateKey],
        ['refreshToken', mint('rt_')],
      ]),
      http: new Map([
        ['partnerId', mint('partner')],
        ['partnerKey', mint('pk')],
      ]),
    },
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
