import type { ChainState } from '../../src/core/chain-state.ts';
import type { Result } from '../../src/core/result.ts';
import { SecretText } from '../../src/core/secret-text.ts';
import type { FetchedToken } from '../../src/core/token.ts';
import type { PreparedKind, ProviderKind, RequestContext } from '../../src/providers/provider.ts';
import { credentialsOf } from './credentials.ts';
import { rsaKeyPair, toPem } from './rsa-key.ts';
import { type HandMadeResponse, handMadeResponse, SENT_AT_MS } from './token-response.ts';

/** A canary for every credential of every kind: long, and found nowhere else. */
export function canaryCredentials(kind: ProviderKind): Readonly<Record<string, string>> {
  const names = Object.keys({ ...kind.credentials, ...kind.customerCredentials });
  const given = names.filter((name) => name !== 'passphrase');
  return Object.fromEntries(
    given.map((name) => [
      name,
      name === 'privateKey' ? toPem(rsaKeyPair().privateKey) : `canary.${name}.Zq7#vK2`,
    ]),
  );
}

/** The kind with options and canary credentials. */
export function prepareKind(kind: ProviderKind, options: object = {}): PreparedKind {
  const prepared = kind.configure(options).prepare(credentialsOf(canaryCredentials(kind)));
  if (!prepared.ok) throw new Error(prepared.failure.message);
  return prepared.value;
}

export function contextOf(chain?: ChainState): RequestContext {
  return { nowMs: SENT_AT_MS, chain };
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
export function parseWith(
  prepared: PreparedKind,
  made: HandMadeResponse,
  chain?: ChainState,
): Result<FetchedToken> {
  return prepared.parseResponse(handMadeResponse(made), contextOf(chain));
}

/** The failure in short: `credentials-rejected needs-human`. */
export function outcomeOf(result: Result<FetchedToken>): string {
  return result.ok ? 'ok' : `${result.failure.code} ${result.failure.retry}`;
}
