import { SecretText } from '../../src/core/secret-text.ts';
import { KINDS, type KindName } from '../../src/providers/registry.ts';
import { generateSandboxKeyPair } from '../../src/sandbox/upstreams/sandbox-credentials.ts';

/** Every way to configure a kind that changes how it talks; a kind without an entry does not compile. */
export const VARIANTS: Readonly<Record<KindName, readonly object[]>> = {
  pik: [{}],
  'pivot-b2b': [{}],
  'pivot-b2b2c': [{}, { grant: 'refresh_token' }, { grant: 'authorization_code' }],
  pivot: [{}],
  apimw: [{}, { useRefreshToken: true }],
  paysecurez: [{}],
};

/** Credentials that a kind cannot do without, its customer's included. */
export function requiredCredentials(name: KindName): readonly string[] {
  const kind = KINDS.find((candidate) => candidate.kind === name);
  const fields = { ...kind?.credentials, ...kind?.customerCredentials };
  return Object.entries(fields).flatMap(([field, { optional }]) => (optional ? [] : [field]));
}

export function hasChain(name: KindName, options: object): boolean {
  return KINDS.find((candidate) => candidate.kind === name)?.configure(options).hasChain ?? false;
}

/** A credential that is well-formed, but not what the provider knows. */
export async function makeWrong(credential: string): Promise<SecretText> {
  if (credential === 'privateKey') return (await generateSandboxKeyPair()).privateKey;
  return new SecretText('0123456789abcdef-wrong-0123456789abcdef');
}
