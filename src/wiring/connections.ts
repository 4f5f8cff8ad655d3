/**
 * The outside systems that refreshing needs, as a configuration describes them: store, providers, journal.
 */
import { join } from 'node:path';
import { FileLanes } from '../adapters/files/file-lanes.ts';
import { readRegularFile } from '../adapters/files/regular-file.ts';
import { DirectoryCounts } from '../adapters/journal/directory-counts.ts';
import { DirectoryJournal, findLaterEntry } from '../adapters/journal/directory-journal.ts';
import { DirectorySocket } from '../adapters/journal/directory-socket.ts';
import { DirectoryWaits } from '../adapters/journal/directory-waits.ts';
import { PrivateDirectory } from '../adapters/journal/private-directory.ts';
import { createHttpTransport } from '../adapters/net/http-transport.ts';
import { listPresets, readPresetFile } from '../adapters/preset-files.ts';
import { AWS_SECRETS_MANAGER } from '../adapters/secrets-manager/aws-secrets-manager.ts';
import type { Configuration, ProviderConfiguration, TokenConfiguration } from '../config/configuration.ts';
import type { CredentialReferences } from '../core/credential/credential-reference.ts';
import { MAX_CREDENTIAL_BYTES } from '../core/credential/credential-text.ts';
import { describeFileError } from '../core/file-error.ts';
import type { Clock, Random, RefreshEvents, TokenSource, TokenStore } from '../core/ports.ts';
import { fail, type Result, succeed } from '../core/result.ts';
import type { SecretText } from '../core/secret-text.ts';
import type { OpenStore, StoreDeps } from '../core/store-kind.ts';
import { type CredentialReader, createCredentialReader } from '../credentials/credential-reader.ts';
import { CredentialSources } from '../credentials/credential-sources.ts';
import { createKindLibrary, type Preset, readPreset } from '../providers/kinds.ts';
import type { Explained, KindLibrary } from '../providers/provider.ts';
import { createTokenSource } from '../providers/token-source.ts';
import type { OutsideSystems } from '../replica/assembly.ts';

export { readPodNamespace } from '../adapters/kubernetes/api-server.ts';

/** The kinds that a configuration can name. */
export const KINDS: KindLibrary = createKindLibrary({ names: listPresets(), read: readPresetFile });

/** A preset that ships, as its file has it; `undefined` for a name that is none. */
export function findPreset(name: string): Preset | undefined {
  const reading =
    KINDS.names.includes(name) && listPresets().includes(name)
      ? readPreset(name, readPresetFile(name))
      : undefined;
  return reading?.ok === true ? reading.preset : undefined;
}

export { listPresets } from '../adapters/preset-files.ts';

/**
 * Whose directory it is: a daemon's, while it lives. Whose turn it is at refreshing is told by another socket, which
 * commands take as well.
 */
const CLAIM = '.in-use';

export interface ConnectionPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly events: RefreshEvents;
  /** One for the whole process, whose threads they share; `undefined`: of its own. */
  readonly files?: FileLanes;
  /** Value of an environment variable. */
  readonly readEnv: (name: string) => string | undefined;
  /** The store's credentials where the AWS SDK shall not look for them: in the sandbox. */
  readonly awsCredentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

export interface Connections extends OutsideSystems, AsyncDisposable {
  /**
   * Takes the journal for this process until {@link Connections.close}, where there is one.
   * @returns who else has it, for people
   */
  claimJournal(): Promise<string | undefined>;
  /** @param onAnswer told what the provider's rules find in each answer, without secrets */
  createSources(
    provider: ProviderConfiguration,
    onAnswer?: (explained: readonly Explained[]) => void,
  ): (token: TokenConfiguration) => TokenSource;
  /** Closes all connections. */
  close(): Promise<void>;
}

/**
 * Makes sure that the journal can be used, and makes its directory where that is ours to do; to be called before
 * anything is refreshed.
 * @returns what is wrong, for people; `undefined` when nothing is, or no journal is configured
 */
export async function findJournalProblem(
  configuration: Configuration,
  clock: Clock,
): Promise<string | undefined> {
  const directory = journalDirectory(configuration, new FileLanes(clock));
  if (directory === undefined) return undefined;
  const problem = (await directory.verify()) ?? (await findLater(directory));
  return problem === undefined ? undefined : `journal.dir ${directory.path} ${problem}`;
}

async function findLater(directory: PrivateDirectory): Promise<string | undefined> {
  try {
    return await findLaterEntry(directory);
  } catch (error) {
    return `cannot be read (${describeFileError(error)})`;
  }
}

function journalDirectory({ journal }: Configuration, files: FileLanes): PrivateDirectory | undefined {
  return journal === undefined
    ? undefined
    : new PrivateDirectory({ path: journal.dir, uid: process.getuid?.(), files });
}

/** Reads a regular file within the deadline of `FileLanes`, up to one byte more than `mostBytes`. Rejects as `node:fs` does. */
export function readConfigurationFile(
  path: string,
  mostBytes: number,
  files: FileLanes,
): Promise<Uint8Array> {
  const { signal } = new AbortController();
  return files.run(path, signal, () => readRegularFile(path, { mostBytes }));
}

/** Opens no connection yet. */
export function connect(configuration: Configuration, ports: ConnectionPorts): Connections {
  const { clock, random, events } = ports;
  const transport = createHttpTransport(ports);
  const files = ports.files ?? new FileLanes(clock);
  const { awsCredentials } = ports;
  const deps = {
    transport,
    clock,
    events,
    files,
    awsCredentials,
    readEnv: ports.readEnv,
    folder: configuration.folder,
  };
  const opened = new Map([...configuration.places.values()].map((place) => [place.name, place.open(deps)]));
  const secretsManager = openCredentials(configuration, opened, deps);
  const directory = journalDirectory(configuration, files);
  const claim = directory === undefined ? undefined : new DirectorySocket(join(directory.path, CLAIM));
  const report = (problem: string): void => events({ event: 'journal-failed', problem });
  const sources = createSources({ store: secretsManager.store, clock, files });
  const close = async (): Promise<void> => {
    claim?.release();
    for (const system of new Set([...opened.values(), secretsManager])) system.close();
  };
  return {
    stores: new Map([...opened].map(([name, { store }]) => [name, store])),
    credentials: secretsManager.store,
    bindings: secretsManager.bindings,
    journal: directory === undefined ? undefined : new DirectoryJournal({ directory, clock, report }),
    waits: directory === undefined ? undefined : new DirectoryWaits({ directory, clock, report }),
    counts: directory === undefined ? undefined : new DirectoryCounts({ directory, clock, report }),
    claimJournal: async () => {
      if (claim === undefined || (await claim.take())) return undefined;
      return (
        `journal.dir ${directory?.path} is used by another process of this program: end that one, or give each of them a ` +
        'directory of its own'
      );
    },
    createSources: (provider, onAnswer) => {
      const { configured: kind, baseUrl, timeoutMs, lifetimeMs, credentials: references } = provider;
      const readCredentials = createCredentialReader({ references, readEnv: ports.readEnv, sources });
      const common = {
        kind,
        baseUrl,
        timeoutMs,
        lifetimeMs,
        transport,
        clock,
        random,
        readCredentials,
        onAnswer,
      };
      return ({ identity, customerCredentials }) =>
        createTokenSource(common, identity.customer, customerCredentials);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The first place in Secrets Manager; where there is none, AWS as its SDK finds it. Never asked what a token needs. */
function openCredentials(
  { places }: Configuration,
  opened: ReadonlyMap<string, OpenStore>,
  deps: StoreDeps,
): OpenStore {
  const place = [...places.values()].find(({ rules }) => rules.holdsCredentials === true);
  const known = place === undefined ? undefined : opened.get(place.name);
  return known ?? AWS_SECRETS_MANAGER.configure({}).open(deps);
}

/** Reads what references name, anew for each call. */
export function createReferenceReader(
  references: CredentialReferences,
  {
    readEnv,
    clock,
    store,
    files = new FileLanes(clock),
  }: Pick<ConnectionPorts, 'readEnv' | 'clock' | 'files'> & { readonly store: Pick<TokenStore, 'read'> },
): CredentialReader {
  const sources = createSources({ store, clock, files });
  return createCredentialReader({ references, readEnv, sources });
}

function createSources({
  store,
  clock,
  files,
}: {
  readonly store: Pick<TokenStore, 'read'>;
  readonly clock: Clock;
  readonly files: FileLanes;
}): CredentialSources {
  return new CredentialSources({
    readFile: (path, signal) =>
      files.run(path, signal, () => readRegularFile(path, { mostBytes: MAX_CREDENTIAL_BYTES })),
    readAwsSecret: (id, signal) => readAwsSecret(store, id, signal),
    clock,
  });
}

async function readAwsSecret(
  store: Pick<TokenStore, 'read'>,
  id: string,
  signal: AbortSignal,
): Promise<Result<SecretText>> {
  const read = await store.read(id, signal);
  if (!read.ok) return read;
  if (read.value !== undefined) return succeed(read.value.text);
  return fail({ code: 'credentials-rejected', retry: 'needs-human', message: `secret ${id} has no value` });
}
