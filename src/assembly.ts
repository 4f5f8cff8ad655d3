/**
 * Where the rooms meet: a configuration and the ports become the keepers of its tokens.
 */
import { readFile } from 'node:fs/promises';
import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { Agent } from 'undici';
import { DirectoryJournal } from './adapters/journal/directory-journal.ts';
import { DirectoryWaits } from './adapters/journal/directory-waits.ts';
import { PrivateDirectory } from './adapters/journal/private-directory.ts';
import { createSecretsManagerClient } from './adapters/secrets-manager/client.ts';
import { createSecretsManagerStore } from './adapters/secrets-manager/secrets-manager-store.ts';
import type { Configuration, ProviderConfiguration, TokenConfiguration } from './config/configuration.ts';
import { type CredentialReader, createCredentialReader, describeReference } from './config/reference.ts';
import { decideTolerableCadence } from './core/cadence.ts';
import { withDeadline } from './core/deadline.ts';
import type {
  Clock,
  FetchWaits,
  Journal,
  Random,
  RefreshEvents,
  TokenSource,
  TokenStore,
} from './core/ports.ts';
import { fail, type Result, succeed } from './core/result.ts';
import type { SecretText } from './core/secret-text.ts';
import { createTokenDispatcher } from './providers/token-endpoint.ts';
import { createTokenSource } from './providers/token-source.ts';
import { ChainKeeper } from './refresh/chain-keeper.ts';
import { FetchGate } from './refresh/fetch-gate.ts';
import { SecretWriter } from './refresh/secret-writer.ts';
import { TokenKeeper } from './refresh/token-keeper.ts';
import { TokenPublication } from './refresh/token-publication.ts';

export { KINDS } from './providers/registry.ts';

/** What refreshing needs from the world. */
export interface RefreshPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly events: RefreshEvents;
  /** Value of an environment variable. */
  readonly readEnv: (name: string) => string | undefined;
  /** The store's credentials where the AWS SDK shall not look for them: in the sandbox. */
  readonly awsCredentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** Deadline for reading a credential's file. */
const CREDENTIAL_FILE_MS = 5000;

/** A configured provider with everything that refreshes its tokens. */
export interface AssembledProvider {
  readonly configuration: ProviderConfiguration;
  readonly tokens: readonly AssembledToken[];
}

export interface AssembledToken {
  readonly keeper: TokenKeeper;
  readonly source: TokenSource;
  /** Whether the credentials can be read and have the right form, without asking the provider. */
  verifyCredentials(signal: AbortSignal): Promise<Result<void>>;
  /** Secret of the chain's newest refresh token, for kinds that have one. */
  readonly stateSecret: string | undefined;
}

/** All tokens of a configuration, ready to be refreshed. */
export interface Assembly {
  readonly store: TokenStore;
  readonly providers: readonly AssembledProvider[];
  /** Closes all connections. */
  close(): Promise<void>;
}

/**
 * Makes sure that the journal can be used, and makes its directory where that is ours to do; to be called before
 * anything is refreshed.
 * @returns what is wrong, for people; `undefined` when nothing is, or no journal is configured
 */
export async function findJournalProblem(configuration: Configuration): Promise<string | undefined> {
  const directory = journalDirectory(configuration);
  const problem = await directory?.verify();
  return problem === undefined ? undefined : `journal.dir ${directory?.path} ${problem}`;
}

function journalDirectory({ journal }: Configuration): PrivateDirectory | undefined {
  return journal === undefined
    ? undefined
    : new PrivateDirectory({ path: journal.dir, uid: process.getuid?.() });
}

/** Connects the rooms. Opens no connection yet. */
export function assemble(configuration: Configuration, ports: RefreshPorts): Assembly {
  const { store: settings } = configuration;
  const client = createSecretsManagerClient({
    region: settings.region,
    endpoint: settings.endpoint,
    credentials: ports.awsCredentials,
  });
  const agent = createTokenDispatcher();
  const store = createSecretsManagerStore({
    client,
    clock: ports.clock,
    timeoutMs: settings.timeoutMs,
    createSecrets: settings.createSecrets,
    kmsKeyId: settings.kmsKeyId,
    tags: settings.tags,
    adopt: new Set(settings.adopt),
  });
  const directory = journalDirectory(configuration);
  const records =
    directory === undefined
      ? undefined
      : {
          directory,
          clock: ports.clock,
          report: (problem: string) => ports.events({ event: 'journal-failed', problem }),
        };
  const journal = records === undefined ? undefined : new DirectoryJournal(records);
  const waits = records === undefined ? undefined : new DirectoryWaits(records);
  const providers = configuration.providers.map((provider) =>
    assembleProvider(provider, { ...ports, store, agent, journal, waits }),
  );
  return { store, providers, close: () => closeConnections(client, agent) };
}

interface Shared extends RefreshPorts {
  readonly store: TokenStore;
  readonly agent: Agent;
  readonly journal: Journal | undefined;
  readonly waits: FetchWaits | undefined;
}

function assembleProvider(configuration: ProviderConfiguration, shared: Shared): AssembledProvider {
  const gate = new FetchGate(configuration.concurrency);
  const { policy } = configuration.schedule;
  // A provider's only token has nobody to make room for.
  const spreadMs =
    configuration.tokens.length > 1
      ? decideTolerableCadence(configuration.lifetimeMs, policy).refreshEveryMs / 2
      : 0;
  const tokens = configuration.tokens.map((token): AssembledToken => {
    const parts = { ...shared, identity: token.identity };
    const { stateSecret } = token;
    const { versionBudget } = configuration;
    const writer = new SecretWriter({ ...parts, stateSecret, versionBudget });
    const offsetMs = Math.round(shared.random.next() * spreadMs);
    const readCredentials = createReader(configuration, token, shared);
    const source = createTokenSource({
      kind: configuration.configured,
      baseUrl: configuration.baseUrl,
      timeoutMs: configuration.timeoutMs,
      dispatcher: shared.agent,
      clock: shared.clock,
      readCredentials,
    });
    const keeper = new TokenKeeper({
      ...parts,
      gate,
      minIntervalMs: configuration.minIntervalMs,
      source,
      publication: new TokenPublication({ ...parts, writer, policy, offsetMs }),
      chain:
        token.stateSecret === undefined
          ? undefined
          : new ChainKeeper({
              ...parts,
              writer,
              stateSecret: token.stateSecret,
              fallback: configuration.configured.chainFallback,
              remedy: describeRemedy(configuration, token),
            }),
    });
    return {
      keeper,
      source,
      stateSecret: token.stateSecret,
      verifyCredentials: async (signal) => {
        const credentials = await readCredentials(signal);
        if (!credentials.ok) return credentials;
        const prepared = configuration.configured.prepare(credentials.value);
        return prepared.ok ? succeed(undefined) : prepared;
      },
    };
  });
  return { configuration, tokens };
}

/** What starts a chain that is broken for good; says where a credential is, and never what it is. */
function describeRemedy(provider: ProviderConfiguration, token: TokenConfiguration): string {
  const { customer } = token.identity;
  const references = customer === undefined ? provider.credentials : token.customerCredentials;
  const places = [...references].map(([name, reference]) => `${name} (${describeReference(reference)})`);
  return customer === undefined
    ? `get ${provider.name} a new login and check ${places.join(' and ')}`
    : `bind customer ${customer} again and put the new ${places.join(' and ')} in place`;
}

function createReader(
  provider: ProviderConfiguration,
  token: TokenConfiguration,
  { store, readEnv, clock }: Shared,
): CredentialReader {
  return createCredentialReader({
    references: new Map([...provider.credentials, ...token.customerCredentials]),
    readEnv,
    // A pipe or a dead network mount would never answer.
    readFile: (path, signal) =>
      withDeadline(clock, CREDENTIAL_FILE_MS, signal, (limited) => readFile(path, { signal: limited })),
    readAwsSecret: (id, signal) => readAwsSecret(store, id, signal),
  });
}

async function readAwsSecret(
  store: TokenStore,
  id: string,
  signal: AbortSignal,
): Promise<Result<SecretText>> {
  const read = await store.read(id, signal);
  if (!read.ok) return read;
  if (read.value !== undefined) return succeed(read.value.text);
  return fail({ code: 'credentials-rejected', retry: 'needs-human', message: `secret ${id} has no value` });
}

async function closeConnections(client: SecretsManagerClient, agent: Agent): Promise<void> {
  client.destroy();
  await agent.destroy();
}
