import { KINDS } from '../../src/connections.ts';
import { SecretText } from '../../src/core/secret-text.ts';
import { generateSandboxKeyPair } from '../../src/sandbox/upstreams/sandbox-credentials.ts';
import type { UpstreamName } from '../../src/sandbox/upstreams/upstream-name.ts';
import { configureKind } from './provider-bench.ts';

/** Every way to configure a kind that changes how it talks; a kind without an entry does not compile. */
export const VARIANTS: Readonly<Record<UpstreamName, readonly object[]>> = {
  pik: [{}],
  'pivot-b2b': [{}],
  'pivot-b2b2c': [{}, { grant: 'refresh_token' }, { grant: 'authorization_code' }],
  pivot: [{}],
  apimw: [{}, { useRefreshToken: true }],
  paysecurez: [{}],
};

/** Credentials that a kind cannot do without, its customer's included. */
export function requiredCredentials(name: UpstreamName): readonly string[] {
  const kind = KINDS.find(name);
  const own = kind?.credentials === 'any' ? {} : kind?.credentials;
  const fields = { ...own, ...kind?.customerCredentials };
  return Object.entries(fields).flatMap(([field, { optional }]) => (optional ? [] : [field]));
}

export function hasChain(name: UpstreamName, options: object): boolean {
  const kind = KINDS.find(name);
  return kind !== undefined && configureKind(kind, options).hasChain;
}

/** A credential that is well-formed, but not what the provider knows. */
export async function makeWrong(credential: string): Promise<SecretText> {
  if (credential === 'privateKey') return (await generateSandboxKeyPair()).privateKey;
  return new SecretText('0123456789abcdef-wrong-0123456789abcdef');
}
