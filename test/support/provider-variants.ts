import { SecretText } from '../../src/core/secret-text.ts';
import { generateSandboxKeyPair } from '../../src/sandbox/upstreams/sandbox-credentials.ts';
import type { UpstreamName } from '../../src/sandbox/upstreams/upstream-list.ts';
import { KINDS } from '../../src/wiring/connections.ts';
import { configureVariant } from './provider-bench.ts';
import { credentialNamesOf, settingsOf } from './sandbox-entries.ts';

/** Every way to configure a kind that changes how it talks; a kind without an entry does not compile. */
export const VARIANTS: Readonly<Record<UpstreamName, readonly object[]>> = {
  pik: [{}],
  'pivot-b2b': [{}],
  'pivot-b2b2c': [{}, { grant: 'refresh_token' }, { grant: 'authorization_code' }],
  pivot: [{}],
  apimw: [{}, { useRefreshToken: true }],
  paysecurez: [{}],
  oauth2: [{ ...settingsOf('oauth2'), grant: 'client_credentials' }, settingsOf('oauth2')],
  http: [settingsOf('http')],
};

/** Credentials that a kind cannot do without, its customer's included, but for the seed of a chain. */
export function requiredCredentials(name: UpstreamName): readonly string[] {
  const kind = KINDS.find(name);
  if (kind?.credentials === 'any') return credentialNamesOf(name, {});
  const fields = { ...kind?.credentials, ...kind?.customerCredentials };
  return Object.entries(fields).flatMap(([field, { optional }]) => (optional ? [] : [field]));
}

export function hasChain(name: UpstreamName, options: object): boolean {
  return configureVariant(name, options).hasChain;
}

/** A credential that is well-formed, but not what the provider knows. */
export async function makeWrong(credential: string): Promise<SecretText> {
  if (credential === 'privateKey') return (await generateSandboxKeyPair()).privateKey;
  return new SecretText('0123456789abcdef-wrong-0123456789abcdef');
}
