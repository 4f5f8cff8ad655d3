/**
 * Credentials by reference: where they are, and how they are read just before each fetch.
 *
 * Guarantee: nothing is cached, so that a swapped file (Kubernetes) or a changed secret counts from the next fetch on;
 * a message names the reference and never a value. Non-guarantee: several references are not read at one instant, so
 * a pair that changes in two files may be read half old, half new.
 */
import { isJsonObject, parseJson } from '../core/json.ts';
import { fail, type Result, succeed } from '../core/result.ts';
import { SecretText } from '../core/secret-text.ts';
import type { Credentials } from '../providers/provider.ts';

export type CredentialReference =
  | { readonly kind: 'env'; readonly name: string }
  /** Absolute, or relative to the working directory: the configuration file's folder is already in front. */
  | { readonly kind: 'file'; readonly path: string }
  /** The text of a secret, or the text at `key` of a secret that is a JSON object. `id` is a name or an ARN. */
  | { readonly kind: 'awsSecret'; readonly id: string; readonly key: string | undefined };

/** References by the credential's name (`appSecret`). */
export type CredentialReferences = ReadonlyMap<string, CredentialReference>;

export interface CredentialReaderInput {
  readonly references: CredentialReferences;
  readEnv(name: string): string | undefined;
  /** Rejects as `node:fs` does, with an errno name in `code`. */
  readFile(path: string, signal: AbortSignal): Promise<Uint8Array>;
  readAwsSecret(id: string, signal: AbortSignal): Promise<Result<SecretText>>;
}

export type CredentialReader = (signal: AbortSignal) => Promise<Result<Credentials>>;

/** Secrets Manager's own limit, and far above any key. */
const MOST_BYTES = 65_536;

/**
 * Reads all credentials of a token. A credential that is missing or unusable is `credentials-rejected` for a human;
 * when the secret store itself fails, its own code and retry are kept, because that may pass by itself.
 */
export function createCredentialReader(input: CredentialReaderInput): CredentialReader {
  return async (signal) => {
    // Two keys of one JSON secret cost one call, and come from the same version.
    const secrets = new Map<string, Promise<Result<SecretText>>>();
    const readSecretOnce = (id: string): Promise<Result<SecretText>> => {
      const reading = secrets.get(id) ?? input.readAwsSecret(id, signal);
      secrets.set(id, reading);
      return reading;
    };
    const readings = await Promise.all(
      [...input.references].map(async ([name, reference]) => ({
        name,
        result: await readReference(reference, { ...input, readAwsSecret: readSecretOnce }, signal),
      })),
    );
    const credentials = new Map<string, SecretText>();
    const failures = [];
    for (const { name, result } of readings) {
      if (result.ok) credentials.set(name, result.value);
      else failures.push({ ...result.failure, message: `credential ${name}: ${result.failure.message}` });
    }
    const worst = failures.find((failure) => failure.retry === 'needs-human') ?? failures[0];
    if (worst === undefined) return succeed(credentials);
    return fail({ ...worst, message: failures.map((failure) => failure.message).join('; ') });
  };
}

/** `environment variable PIK_APP_ID`, for messages and for `check`. */
export function describeReference(reference: CredentialReference): string {
  switch (reference.kind) {
    case 'env':
      return `environment variable ${reference.name}`;
    case 'file':
      return `file ${reference.path}`;
    case 'awsSecret':
      return reference.key === undefined
        ? `secret ${reference.id}`
        : `key ${reference.key} of secret ${reference.id}`;
  }
}

type References = Pick<CredentialReaderInput, 'readEnv' | 'readFile' | 'readAwsSecret'>;

async function readReference(
  reference: CredentialReference,
  input: References,
  signal: AbortSignal,
): Promise<Result<SecretText>> {
  switch (reference.kind) {
    case 'env': {
      const text = input.readEnv(reference.name);
      return text === undefined ? reject(reference, 'is not set') : accept(reference, text);
    }
    case 'file':
      return readFileReference(reference, input, signal);
    case 'awsSecret': {
      const result = await input.readAwsSecret(reference.id, signal);
      if (!result.ok) {
        const message = `${describeReference(reference)} cannot be read: ${result.failure.message}`;
        return fail({ ...result.failure, message });
      }
      if (reference.key === undefined) return accept(reference, result.value.reveal());
      const document = parseJson(result.value.reveal());
      if (!isJsonObject(document)) return reject(reference, 'is missing: the secret is not a JSON object');
      // Not document[key]: `constructor` is no credential.
      const text = Object.hasOwn(document, reference.key) ? document[reference.key] : undefined;
      return typeof text === 'string'
        ? accept(reference, text)
        : reject(reference, 'is missing or not a text');
    }
  }
}

async function readFileReference(
  reference: Extract<CredentialReference, { kind: 'file' }>,
  input: References,
  signal: AbortSignal,
): Promise<Result<SecretText>> {
  let bytes: Uint8Array;
  try {
    bytes = await input.readFile(reference.path, signal);
  } catch (error) {
    if (signal.aborted) return fail({ code: 'aborted', retry: 'soon', message: 'aborted while reading' });
    return reject(reference, `cannot be read (${errnoOf(error)})`);
  }
  if (bytes.byteLength > MOST_BYTES) return reject(reference, `holds more than ${MOST_BYTES} bytes`);
  const text = decodeUtf8(bytes);
  if (text === undefined) return reject(reference, 'is not UTF-8 text');
  // Editors and `echo` end a file with a newline that is not part of the credential.
  return accept(reference, text.replace(/\r?\n$/, ''));
}

function accept(reference: CredentialReference, text: string): Result<SecretText> {
  return text === '' ? reject(reference, 'is empty') : succeed(new SecretText(text));
}

function reject(reference: CredentialReference, what: string): Result<never> {
  return fail({
    code: 'credentials-rejected',
    retry: 'needs-human',
    message: `${describeReference(reference)} ${what}`,
  });
}

/** The name of a system error, and nothing of its text, which may quote anything. */
export function errnoOf(error: unknown): string {
  const code: unknown = isJsonObject(error) && 'code' in error ? error['code'] : undefined;
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]*$/.test(code) ? code : 'unknown error';
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
