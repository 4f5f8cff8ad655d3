import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { createSystemRandom } from '../../src/adapters/system/random.ts';
import { type Result, succeed } from '../../src/core/result.ts';
import { SecretText } from '../../src/core/secret-text.ts';
import type { ChainState } from '../../src/core/token/chain-state.ts';
import type { FetchedToken } from '../../src/core/token/token.ts';
import type {
  PreparedKind,
  ProviderKind,
  RequestContext,
  TokenAttempt,
  TokenRequest,
} from '../../src/providers/provider.ts';
import { KINDS } from '../../src/wiring/connections.ts';
import { credentialsOf } from './credentials.ts';
import { once } from './once.ts';
import { certificateOf } from './preset-material.ts';
import { configureKind } from './provider-bench.ts';
import { rsaKeyPair, toPem } from './rsa-key.ts';
import { type HandMadeResponse, handMadeResponse, SENT_AT_MS } from './token-response.ts';

/** @throws for a name that is no kind */
export function shippedKind(name: string): ProviderKind {
  const kind = KINDS.find(name);
  assert.ok(kind !== undefined, name);
  return kind;
}

/** What has to have a form. */
const materials = once((): Readonly<Record<string, string>> => {
  const key = toPem(rsaKeyPair().privateKey);
  return { privateKey: key, certificate: certificateOf(key) };
});

/** A canary for every credential of every kind: long, and found nowhere else. */
export function canaryCredentials(kind: ProviderKind): Readonly<Record<string, string>> {
  const own = kind.credentials === 'any' ? {} : kind.credentials;
  const names = Object.keys({ ...own, ...kind.customerCredentials });
  const given = names.filter((name) => name !== 'passphrase');
  return Object.fromEntries(given.map((name) => [name, materials()[name] ?? `canary.${name}.Zq7#vK2`]));
}

/** The kind with options and canary credentials. */
export function prepareKind(kind: ProviderKind, options: object = {}): PreparedKind {
  const prepared = configureKind(kind, options).prepare(credentialsOf(canaryCredentials(kind)));
  if (!prepared.ok) throw new Error(prepared.failure.message);
  return prepared.value;
}

export function contextOf(chain?: ChainState): RequestContext {
  return { nowMs: SENT_AT_MS, chain, random: createSystemRandom(), baseUrl: 'https://api.example.com' };
}

/** A chain whose newest refresh token is `text`. */
export function chainOf(text: string, refreshTokenExpiresAtMs?: number): ChainState {
  return {
    refreshToken: new SecretText(text),
    refreshTokenExpiresAtMs,
    obtainedAtMs: SENT_AT_MS - 900_000,
    generation: 1,
  };
}

/** What the kind makes of a hand-made answer. */
export async function parseWith(
  prepared: PreparedKind,
  made: HandMadeResponse,
  chain?: ChainState,
): Promise<Result<FetchedToken>> {
  const taken = (await beginWith(prepared, chain)).take(handMadeResponse(made));
  if (!taken.ok) return taken;
  assert.ok(taken.value !== 'next', 'the kind has one request');
  return succeed(taken.value);
}

/** The request of an attempt. */
export async function requestOf(prepared: PreparedKind, chain?: ChainState): Promise<TokenRequest> {
  const request = (await beginWith(prepared, chain)).request();
  assert.ok(request.ok, inspect(request));
  return request.value;
}

export async function beginWith(prepared: PreparedKind, chain?: ChainState): Promise<TokenAttempt> {
  const begun = await prepared.begin(contextOf(chain));
  assert.ok(begun.ok, inspect(begun));
  return begun.value;
}

/** The failure in short: `credentials-rejected needs-human`. */
export function outcomeOf(result: Result<FetchedToken>): string {
  return result.ok ? 'ok' : `${result.failure.code} ${result.failure.retry}`;
}
