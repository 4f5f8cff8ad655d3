/**
 * Where credentials are read from, for all tokens of the process: files, and secrets of the store.
 *
 * Guarantee: nothing is answered without a read; reads of the same file or secret that are wanted at one moment are one read, see
 * `shared-reads.ts`; so are the looks for a change, see `credential-watch.ts`.
 */
import { createHash } from 'node:crypto';
import {
  type CredentialReference,
  describeReference,
  rejectReference,
} from '../core/credential/credential-reference.ts';
import { decodeCredential } from '../core/credential/credential-text.ts';
import { describeFileError, describeMachineTrouble, mayPass } from '../core/file-error.ts';
import type { Clock } from '../core/ports.ts';
import { fail, type Result, succeed } from '../core/result.ts';
import { SecretText } from '../core/secret-text.ts';
import { CredentialWatch, type SeenStamps } from './credential-watch.ts';
import { SharedReads } from './shared-reads.ts';

export type CredentialSource =
  | Extract<CredentialReference, { kind: 'file' }>
  | Omit<Extract<CredentialReference, { kind: 'awsSecret' }>, 'key'>;

export interface CredentialSourcesDeps {
  /**
   * Reads a regular file, of which more than `MAX_CREDENTIAL_BYTES` need not be read. Rejects as `node:fs` does, with an errno
   * name in `code`, which is `ETIMEDOUT` when the file system does not answer.
   */
  readonly readFile: (path: string, signal: AbortSignal) => Promise<Uint8Array>;
  readonly readAwsSecret: (id: string, signal: AbortSignal) => Promise<Result<SecretText>>;
  readonly clock: Clock;
}

/** What a file or a secret holds, with a hash of that to recognise a change by. */
export interface SourceReading {
  readonly text: Result<SecretText>;
  /** `undefined` when it could not be read for a reason that may pass by itself. */
  readonly stamp: string | undefined;
}

export class CredentialSources {
  readonly #shared: SharedReads<SourceReading>;
  /** Of each file, so that the tokens that share one hold the same text in memory, and not a copy each. */
  readonly #latest = new Map<string, SourceReading>();
  readonly #watch: CredentialWatch;

  constructor(deps: CredentialSourcesDeps) {
    this.#shared = new SharedReads(async (key, signal) => {
      const source = sourceOf(key);
      const reading = await readSource(source, deps, signal);
      return source.kind === 'file' ? this.#unlessTheSame(key, reading) : reading;
    });
    this.#watch = new CredentialWatch({
      look: async (key, signal) => (await this.#shared.read(key, signal)).stamp,
      clock: deps.clock,
    });
  }

  /** A reading without a stamp equals no other: the last one may have been cut off, and this one has failed. */
  #unlessTheSame(key: string, reading: SourceReading): SourceReading {
    if (reading.stamp === undefined) return reading;
    const latest = this.#latest.get(key);
    if (latest?.stamp === reading.stamp) return latest;
    this.#latest.set(key, reading);
    return reading;
  }

  /** Reads it anew. Rejects only when aborted. */
  read(source: CredentialSource, signal: AbortSignal): Promise<SourceReading> {
    return this.#shared.read(keyOf(source), signal);
  }

  /**
   * Resolves when one of them no longer holds what a reading has seen; rejects with the signal's reason when aborted.
   * @param seen stamps of {@link SourceReading}s by {@link keyOf}; nothing to watch never changes
   */
  untilChanged(seen: SeenStamps, signal: AbortSignal): Promise<void> {
    return this.#watch.untilChanged(seen, signal);
  }
}

const FILE = 'file ';
const SECRET = 'secret ';

/** One text for one source, whatever key of a secret is wanted. */
export function keyOf(source: CredentialSource): string {
  return source.kind === 'file' ? `${FILE}${source.path}` : `${SECRET}${source.id}`;
}

function sourceOf(key: string): CredentialSource {
  return key.startsWith(FILE)
    ? { kind: 'file', path: key.slice(FILE.length) }
    : { kind: 'awsSecret', id: key.slice(SECRET.length) };
}

async function readSource(
  source: CredentialSource,
  { readFile, readAwsSecret }: CredentialSourcesDeps,
  signal: AbortSignal,
): Promise<SourceReading> {
  const text =
    source.kind === 'file'
      ? await readTextFile(source, readFile, signal)
      : await readAwsSecret(source.id, signal);
  if (text.ok) return { text, stamp: hashOf(text.value.reveal()) };
  const isLasting = text.failure.retry === 'needs-human';
  return { text, stamp: isLasting ? `unreadable: ${text.failure.message}` : undefined };
}

async function readTextFile(
  source: Extract<CredentialSource, { kind: 'file' }>,
  readFile: CredentialSourcesDeps['readFile'],
  signal: AbortSignal,
): Promise<Result<SecretText>> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(source.path, signal);
  } catch (error) {
    if (signal.aborted) return fail({ code: 'aborted', retry: 'soon', message: 'aborted while reading' });
    const problem = `cannot be read (${describeFileError(error)})`;
    if (!mayPass(error)) return rejectReference(source, problem);
    // The machine's trouble says nothing about the credential, so nobody has to correct it.
    const remedy =
      describeMachineTrouble(error) === undefined
        ? ': if this repeats, look at the machine and the mount'
        : '';
    const message = `${describeReference(source)} ${problem}${remedy}`;
    return fail({ code: 'provider-unavailable', retry: 'backoff', message });
  }
  const decoded = decodeCredential(bytes);
  return decoded.ok ? succeed(new SecretText(decoded.text)) : rejectReference(source, decoded.problem);
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}
