/**
 * The outside systems that refreshing needs, as a configuration describes them: store, providers, journal.
 */
import { readFile } from 'node:fs/promises';
import { DirectoryCounts } from './adapters/journal/directory-counts.ts';
import { DirectoryJournal } from './adapters/journal/directory-journal.ts';
import { DirectoryWaits } from './adapters/journal/directory-waits.ts';
import { PrivateDirectory } from './adapters/journal/private-directory.ts';
import { createBindingCatalog } from './adapters/secrets-manager/binding-catalog.ts';
import { createSecretsManagerClient } from './adapters/secrets-manager/client.ts';
import { createSecretsManagerStore } from './adapters/secrets-manager/secrets-manager-store.ts';
import { createSdkService } from './adapters/secrets-manager/service.ts';
import type { Configuration, ProviderConfiguration, TokenConfiguration } from './config/configuration.ts';
import { type CredentialReader, createCredentialReader } from './config/credential-reader.ts';
import { CredentialSources } from './config/credential-sources.ts';
import type { CredentialReferences } from './config/reference.ts';
import { withDeadline } from './core/deadline.ts';
import type {
  BindingCatalog,
  Clock,
  FetchCounts,
  FetchWaits,
  Journal,
  RefreshEvents,
  TokenSource,
  TokenStore,
} from './core/ports.ts';
import { fail, type Result, succeed } from './core/result.ts';
import type { SecretText } from './core/secret-text.ts';
import { createTokenDispatcher } from './providers/token-endpoint.ts';
import { createTokenSource } from './providers/token-source.ts';

export { KINDS } from './providers/registry.ts';

export interface ConnectionPorts {
  readonly clock: Clock;
  readonly events: RefreshEvents;
  /** Value of an environment variable. */
  readonly readEnv: (name: string) => string | undefined;
  /** The store's credentials where the AWS SDK shall not look for them: in the sandbox. */
  readonly awsCredentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** The outside world of the keepers. The simulation brings one of its own. */
export interface Connections {
  readonly store: TokenStore;
  /** `undefined`: what must survive the end of the process is in memory alone. */
  readonly journal: Journal | undefined;
  readonly waits: FetchWaits | undefined;
  readonly counts: FetchCounts | undefined;
  /** Where customers are discovered; asked only for providers that are configured so. */
  readonly bindings: BindingCatalog;
  createSource(provider: ProviderConfiguration, token: TokenConfiguration): TokenSource;
  /** Closes all connections. */
  close(): Promise<void>;
}

/** Deadline for reading a credential's file. */
const CREDENTIAL_FILE_MS = 5000;

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

/** Opens no connection yet. */
export function connect(configuration: Configuration, ports: ConnectionPorts): Connections {
  const { store: settings } = configuration;
  const { clock, events } = ports;
  const client = createSecretsManagerClient({
    region: settings.region,
    endpoint: settings.endpoint,
    credentials: ports.awsCredentials,
  });
  const calls = { service: createSdkService(client), clock, timeoutMs: settings.timeoutMs };
  const store = createSecretsManagerStore({
    ...calls,
    createSecrets: settings.createSecrets,
    kmsKeyId: settings.kmsKeyId,
    tags: settings.tags,
    adopt: new Set(settings.adopt),
    onBatchDenied: (problem) => events({ event: 'batch-read-denied', problem }),
  });
  const directory = journalDirectory(configuration);
  const report = (problem: string): void => events({ event: 'journal-failed', problem });
  const dispatcher = createTokenDispatcher();
  const sources = createSources({ store, clock });
  return {
    store,
    bindings: createBindingCatalog(calls),
    journal: directory === undefined ? undefined : new DirectoryJournal({ directory, clock, report }),
    waits: directory === undefined ? undefined : new DirectoryWaits({ directory, clock, report }),
    counts: directory === undefined ? undefined : new DirectoryCounts({ directory, clock, report }),
    createSource: (provider, token) => {
      const readCredentials = createReader(provider, token, sources, ports);
      const { configured: kind, baseUrl, timeoutMs, lifetimeMs } = provider;
      return createTokenSource({ kind, baseUrl, timeoutMs, lifetimeMs, dispatcher, clock, readCredentials });
    },
    close: async () => {
      client.destroy();
      await dispatcher.destroy();
    },
  };
}

function createReader(
  provider: ProviderConfiguration,
  token: TokenConfiguration,
  sources: CredentialSources,
  { readEnv }: ConnectionPorts,
): CredentialReader {
  return createCredentialReader({
    references: [provider.credentials, token.customerCredentials],
    readEnv,
    sources,
  });
}

/** Reads what references name, anew for each call. */
export function createReferenceReader(
  references: CredentialReferences,
  { readEnv, ...systems }: Pick<ConnectionPorts, 'readEnv' | 'clock'> & { readonly store: TokenStore },
): CredentialReader {
  return createCredentialReader({ references: [references], readEnv, sources: createSources(systems) });
}

function createSources({
  store,
  clock,
}: {
  readonly store: TokenStore;
  readonly clock: Clock;
}): CredentialSources {
  return new CredentialSources({
    // A pipe or a dead network mount would never answer.
    readFile: (path, signal) =>
      withDeadline(clock, CREDENTIAL_FILE_MS, signal, (limited) => readFile(path, { signal: limited })),
    readAwsSecret: (id, signal) => readAwsSecret(store, id, signal),
    clock,
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
