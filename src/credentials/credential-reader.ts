/**
 * Reads the credentials of a token, just before each fetch.
 *
 * Guarantee: nothing is cached, so that a swapped file (Kubernetes) or a changed secret counts from the next fetch on;
 * a message names the reference and never a value. Non-guarantee: several references are not read at one instant, so
 * a pair that changes in two files may be read half old, half new.
 */

import type { CredentialReading, Credentials } from '../core/credential/credential-reading.ts';
import {
  type CredentialReference,
  type CredentialReferences,
  describeReference,
  rejectReference,
} from '../core/credential/credential-reference.ts';
import { readCredentialText } from '../core/credential/credential-text.ts';
import type { Failure } from '../core/failure.ts';
import { fail, type Result, succeed } from '../core/result.ts';
import { SecretText } from '../core/secret-text.ts';
import { isJsonObject, parseJson } from '../core/wire/json.ts';
import {
  type CredentialSource,
  type CredentialSources,
  keyOf,
  type SourceReading,
} from './credential-sources.ts';

export interface CredentialReaderInput {
  readonly references: CredentialReferences;
  readonly readEnv: (name: string) => string | undefined;
  readonly sources: Pick<CredentialSources, 'read' | 'untilChanged'>;
}

/**
 * Rejects only when aborted.
 * @param customerCredentials those of the token's customer, which the provider's do not include
 */
export type CredentialReader = (
  signal: AbortSignal,
  customerCredentials?: CredentialReferences,
) => Promise<CredentialReading>;

/**
 * Reads all credentials of a token. A credential that is missing or unusable is `credentials-rejected` for a human;
 * when the secret store itself fails, its own code and retry are kept, because that may pass by itself.
 */
export function createCredentialReader({
  references,
  readEnv,
  sources,
}: CredentialReaderInput): CredentialReader {
  return async (signal, customerCredentials = {}) => {
    // Two keys of one JSON secret cost one call, and come from the same version.
    const wanted = new Map<string, Promise<SourceReading>>();
    const readOnce = (source: CredentialSource): Promise<SourceReading> => {
      const key = keyOf(source);
      const reading = wanted.get(key) ?? sources.read(source, signal);
      wanted.set(key, reading);
      return reading;
    };
    const readings = await Promise.all(
      [references, customerCredentials]
        .flatMap((each) => Object.entries(each))
        .map(async ([name, reference]) => [name, await readReference(reference, readEnv, readOnce)] as const),
    );
    const seen = new Map<string, string | undefined>();
    for (const [key, reading] of wanted) seen.set(key, (await reading).stamp);
    return {
      credentials: collect(readings),
      untilChanged: (waiting) => sources.untilChanged(seen, waiting),
    };
  };
}

/** @param readings by the names of the credentials */
function collect(readings: readonly (readonly [string, Result<SecretText>])[]): Result<Credentials> {
  const credentials = new Map<string, SecretText>();
  const failures: Failure[] = [];
  for (const [name, result] of readings) {
    if (result.ok) credentials.set(name, result.value);
    else failures.push({ ...result.failure, message: `credential ${name}: ${result.failure.message}` });
  }
  const worst = failures.find((failure) => failure.retry === 'needs-human') ?? failures[0];
  if (worst === undefined) return succeed(credentials);
  return fail({ ...worst, message: failures.map((failure) => failure.message).join('; ') });
}

async function readReference(
  reference: CredentialReference,
  readEnv: CredentialReaderInput['readEnv'],
  readSource: (source: CredentialSource) => Promise<SourceReading>,
): Promise<Result<SecretText>> {
  switch (reference.kind) {
    case 'env': {
      const text = readEnv(reference.name);
      return text === undefined ? rejectReference(reference, 'is not set') : accept(reference, text);
    }
    case 'file': {
      const { text } = await readSource(reference);
      return text.ok ? accept(reference, text.value.reveal()) : text;
    }
    case 'awsSecret': {
      const { text: result } = await readSource(reference);
      if (!result.ok) {
        const message = `${describeReference(reference)} cannot be read: ${result.failure.message}`;
        return fail({ ...result.failure, message });
      }
      const document = parseJson(result.value.reveal());
      if (reference.key === undefined) {
        // The whole of what the console stores as key and value is no credential of any kind.
        return isJsonObject(document)
          ? rejectReference(reference, 'is a JSON object: name one of its keys with key')
          : accept(reference, result.value.reveal());
      }
      if (!isJsonObject(document))
        return rejectReference(reference, 'is missing: the secret is not a JSON object');
      // Not document[key]: `constructor` is no credential.
      const text = Object.hasOwn(document, reference.key) ? document[reference.key] : undefined;
      return typeof text === 'string'
        ? accept(reference, text)
        : rejectReference(reference, 'is missing or not a text');
    }
  }
}

function accept(reference: CredentialReference, raw: string): Result<SecretText> {
  const read = readCredentialText(raw);
  return read.ok ? succeed(new SecretText(read.text)) : rejectReference(reference, read.problem);
}
