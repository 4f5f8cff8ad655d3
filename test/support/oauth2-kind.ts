import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { parse } from 'yaml';
import { createSystemRandom } from '../../src/adapters/system/random.ts';
import type { Result } from '../../src/core/result.ts';
import { SecretText } from '../../src/core/secret-text.ts';
import type { ConfiguredKind, TokenRequest } from '../../src/providers/provider.ts';
import { KINDS } from '../../src/wiring/connections.ts';
import { credentialsOf } from './credentials.ts';
import { chainOf } from './prepared-kind.ts';

/** `kind: oauth2` with settings as a configuration has them, in YAML. @param credentials names of those that are given */
export function configureOAuth2(settings: string, credentials: readonly string[]): ConfiguredKind {
  const kind = KINDS.find('oauth2');
  assert.ok(kind !== undefined);
  const options = kind.options.parse(parse(settings));
  const result = kind.configure(options, { credentials, customerCredentials: undefined, baseUrl: undefined });
  assert.ok(result.ok, inspect(result, { depth: 5 }));
  return result.configured;
}

/** The one request that the settings make of credentials at `nowMs`; the credential `refreshToken` is the newest of a chain. */
export async function oauth2RequestOf(
  kind: ConfiguredKind,
  credentials: Readonly<Record<string, string>>,
  nowMs: number,
): Promise<Result<TokenRequest>> {
  const { refreshToken } = credentials;
  const prepared = kind.prepare(credentialsOf(credentials));
  if (!prepared.ok) return prepared;
  const begun = await prepared.value.begin({
    nowMs,
    random: createSystemRandom(),
    chain:
      refreshToken === undefined
        ? undefined
        : { ...chainOf('unused'), refreshToken: new SecretText(refreshToken) },
    baseUrl: '',
  });
  return begun.ok ? begun.value.request() : begun;
}
