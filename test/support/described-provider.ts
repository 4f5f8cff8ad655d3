import assert from 'node:assert/strict';
import { createSystemClock } from '../../src/adapters/system/clock.ts';
import { createSystemRandom } from '../../src/adapters/system/random.ts';
import type { ProviderConfiguration } from '../../src/config/configuration.ts';
import type { Clock, FetchReport, TokenSource } from '../../src/core/ports.ts';
import { succeed } from '../../src/core/result.ts';
import type { ChainState } from '../../src/core/token/chain-state.ts';
import type { HttpTransport } from '../../src/core/wire/http-call.ts';
import type { PreparedKind, TokenRequest } from '../../src/providers/provider.ts';
import { createTokenSource } from '../../src/providers/token-source.ts';
import { parseText, problemsOf } from './configuration-text.ts';
import { credentialsOf } from './credentials.ts';
import { contextOf } from './prepared-kind.ts';
import { createDirectTransport } from './transport.ts';

/** A provider of kind `http`, as a user would write it. */
export interface DescribedProvider {
  /** Names of its credentials. */
  readonly credentials: readonly string[];
  /** What stands below the entry, in YAML, from the first column. */
  readonly description: string;
}

/** The configuration that holds it; the description begins at line 6. */
export function configurationText({ credentials, description }: DescribedProvider): string {
  const references = credentials.map((name) => `${name}: { env: ${name} }`).join(', ');
  const lines = description.trimEnd().split('\n');
  return [
    'providers:',
    '  - name: acme',
    '    kind: http',
    `    credentials: { ${references} }`,
    `    secret: ${description.includes('customers:') ? 'tokens/{customer}' : 'tokens/acme'}`,
    ...lines.map((line) => `    ${line}`),
    '',
  ].join('\n');
}

/** What is wrong with it, as a user reads it. */
export function faultsOf(described: DescribedProvider): readonly string[] {
  return problemsOf(parseText(configurationText(described)));
}

/** @throws AssertionError for a configuration that is wrong */
export function describeProvider(described: DescribedProvider): ProviderConfiguration {
  const parsed = parseText(configurationText(described));
  assert.deepEqual(problemsOf(parsed), []);
  assert.ok(parsed.ok);
  const [provider] = parsed.configuration.providers;
  assert.ok(provider !== undefined);
  return provider;
}

/** The request for these credentials, or the words with which it is refused. */
export async function buildRequest(
  provider: ProviderConfiguration,
  values: Readonly<Record<string, string>>,
  chain?: ChainState,
): Promise<TokenRequest | string> {
  const prepared = provider.configured.prepare(credentialsOf(values));
  if (!prepared.ok) return prepared.failure.message;
  return beginRequest(prepared.value, provider.baseUrl, chain);
}

async function beginRequest(
  prepared: PreparedKind,
  baseUrl: string,
  chain: ChainState | undefined,
): Promise<TokenRequest | string> {
  const begun = await prepared.begin({ ...contextOf(chain), baseUrl });
  if (!begun.ok) return begun.failure.message;
  const request = begun.value.request();
  return request.ok ? request.value : request.failure.message;
}

export interface SourceOptions {
  readonly timeoutMs?: number;
  readonly transport?: HttpTransport;
  readonly clock?: Clock;
}

/** What asks a real server with these credentials. */
export function sourceOf(
  provider: ProviderConfiguration,
  values: Readonly<Record<string, string>>,
  {
    timeoutMs = 10_000,
    transport = createDirectTransport(),
    clock = createSystemClock(),
  }: SourceOptions = {},
): TokenSource {
  return createTokenSource({
    kind: provider.configured,
    readCredentials: async () => ({
      credentials: succeed(credentialsOf(values)),
      untilChanged: () => new Promise(() => undefined),
    }),
    baseUrl: provider.baseUrl,
    random: createSystemRandom(),
    timeoutMs,
    transport,
    clock,
  });
}

/** One fetch of it. */
export function fetchOnce(
  provider: ProviderConfiguration,
  values: Readonly<Record<string, string>>,
  chain?: ChainState,
  options?: SourceOptions,
): Promise<FetchReport> {
  return sourceOf(provider, values, options).fetch(chain, new AbortController().signal);
}
