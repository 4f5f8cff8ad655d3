/**
 * Where the daemon's AWS credentials come from: the SDK's own chain, made safe against sources that hang.
 *
 * Guarantee: the files that the SDK reads (some of them synchronously) are looked at first, as files that may hang are;
 * a container's agent is asked by our own client; each look-up has a chain of its own, so that nothing of a former one is
 * joined, and the connection to STS is closed when it is abandoned.
 * Non-guarantee: what else a profile may name (a process, SSO) ends when it likes; see `MANY_LOST`.
 */
import { join } from 'node:path';
import { describeFileError, errnoOf } from '../../core/file-error.ts';
import type { HttpTransport } from '../../core/wire/http-call.ts';
import type { FileLanes } from '../files/file-lanes.ts';
import { readTextFile } from '../files/text-file.ts';
import { causeCodeOf, LOCAL_TROUBLE, statusOf } from './aws-error.ts';
import { AwsCredentialsError, type AwsIdentity } from './aws-identity.ts';
import { fetchContainerCredentials, findContainerEndpoint } from './container-endpoint.ts';

type ReadEnv = (name: string) => string | undefined;

export interface CredentialChainOptions {
  readonly readEnv: ReadEnv;
  readonly files: Pick<FileLanes, 'run'>;
  /** For the agent beside the container: without a proxy. */
  readonly agentTransport: HttpTransport;
  /** The SDK's chain, new and without memory; frees its connections when aborted. */
  readonly askSdk: (signal: AbortSignal) => Promise<AwsIdentity>;
}

const NO_FILE: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR']);

/** Rejects with an {@link AwsCredentialsError}. */
export async function lookUpCredentials(
  options: CredentialChainOptions,
  signal: AbortSignal,
): Promise<AwsIdentity> {
  try {
    return await lookUp(options, signal);
  } catch (error) {
    throw error instanceof AwsCredentialsError ? error : unavailable(placeOf(options.readEnv), error);
  }
}

async function lookUp(
  { readEnv, files, agentTransport, askSdk }: CredentialChainOptions,
  signal: AbortSignal,
): Promise<AwsIdentity> {
  const read = (variable: string, path: string): Promise<string | undefined> =>
    readFile(files, variable, path, signal);
  const source = chooseSource(readEnv);
  if (source === 'environment') return askSdk(signal);
  const hasShared = await hasSharedFiles(readEnv, read);
  if (source === 'container' && !hasShared) {
    const endpoint = findContainerEndpoint(containerSettings(readEnv));
    if (endpoint === undefined || typeof endpoint === 'string') throw new AwsCredentialsError(endpoint);
    const token = await readContainerToken(readEnv, read);
    return fetchContainerCredentials(agentTransport, endpoint, token, signal);
  }
  if (source === 'web-identity') {
    const variable = 'AWS_WEB_IDENTITY_TOKEN_FILE';
    const path = readEnv(variable) ?? '';
    if ((await read(variable, path)) === undefined)
      throw new AwsCredentialsError(
        `file ${path} (${variable}) cannot be read (ENOENT): check the service account`,
      );
  }
  return askSdk(signal);
}

/** For messages. */
const PLACES = {
  environment: 'the environment (AWS_ACCESS_KEY_ID)',
  'web-identity': 'STS (AssumeRoleWithWebIdentity, the role of the service account)',
  container: 'the container credentials endpoint (Pod Identity agent)',
  others: "the AWS SDK's chain (profile, instance metadata)",
} as const;

/** Where {@link lookUpCredentials} looks. */
export function placeOf(readEnv: ReadEnv): string {
  return PLACES[chooseSource(readEnv)];
}

/** In the order of the SDK's chain. */
function chooseSource(readEnv: ReadEnv): keyof typeof PLACES {
  if (readEnv('AWS_PROFILE')) return 'others';
  if (readEnv('AWS_ACCESS_KEY_ID') && readEnv('AWS_SECRET_ACCESS_KEY')) return 'environment';
  if (readEnv('AWS_WEB_IDENTITY_TOKEN_FILE') && readEnv('AWS_ROLE_ARN')) return 'web-identity';
  const { relativeUri, fullUri } = containerSettings(readEnv);
  return relativeUri || fullUri ? 'container' : 'others';
}

function containerSettings(readEnv: ReadEnv) {
  return {
    relativeUri: readEnv('AWS_CONTAINER_CREDENTIALS_RELATIVE_URI'),
    fullUri: readEnv('AWS_CONTAINER_CREDENTIALS_FULL_URI'),
  };
}

type Read = (variable: string, path: string) => Promise<string | undefined>;

async function hasSharedFiles(readEnv: ReadEnv, read: Read): Promise<boolean> {
  const home = readEnv('HOME');
  let isThere = false;
  for (const [variable, name] of [
    ['AWS_SHARED_CREDENTIALS_FILE', 'credentials'],
    ['AWS_CONFIG_FILE', 'config'],
  ] as const) {
    const path = readEnv(variable) ?? (home === undefined ? undefined : join(home, '.aws', name));
    if (path !== undefined && (await read(variable, path)) !== undefined) isThere = true;
  }
  return isThere;
}

async function readContainerToken(readEnv: ReadEnv, read: Read): Promise<string | undefined> {
  const variable = 'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE';
  const path = readEnv(variable);
  if (!path) return readEnv('AWS_CONTAINER_AUTHORIZATION_TOKEN');
  const text = await read(variable, path);
  if (text === undefined)
    throw new AwsCredentialsError(
      `file ${path} (${variable}) cannot be read (ENOENT): check the pod's identity association`,
    );
  const token = text.trim();
  if (!/^[\x21-\x7e]+$/.test(token))
    throw new AwsCredentialsError(`file ${path} (${variable}) holds no token`);
  return token;
}

/** @returns `undefined`: there is none */
async function readFile(
  files: Pick<FileLanes, 'run'>,
  variable: string,
  path: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    return await readTextFile(files, path, signal);
  } catch (error) {
    if (NO_FILE.has(errnoOf(error))) return undefined;
    throw new AwsCredentialsError(`file ${path} (${variable}) cannot be read (${describeFileError(error)})`);
  }
}

/** What a source, or the SDK on the way to it, has thrown. */
function unavailable(place: string, error: unknown): AwsCredentialsError {
  const code = causeCodeOf(error) ?? 'unknown error';
  const status = statusOf(error);
  const answered = status === undefined ? `cannot be reached (${code})` : `answered with status ${status}`;
  const message = LOCAL_TROUBLE.get(code) ?? `${place} ${answered}: check that it runs and the way there`;
  return new AwsCredentialsError(message, { cause: error });
}
