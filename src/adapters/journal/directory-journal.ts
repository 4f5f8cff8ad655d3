/**
 * A journal of refresh tokens in {@link PrivateFiles}: one file per state secret, named by a hash of the
 * secret's name, there for as long as the store has not taken the write. Beside it a note that a refresh token was
 * presented, by its fingerprint, until the outcome is known or the next one is presented.
 *
 * Guarantee: an entry is complete or absent, also after a crash at any instruction; a damaged file stops nothing, is
 * set aside as `*.damaged` and reported without its contents. What a later release has written, and what cannot be read
 * at present, is neither damaged nor absent: it stays, and stops its token. Non-guarantee: a directory that other pods do
 * not see protects against the end of a container, not against the loss of its pod.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Clock, Journal, JournalEntry, Presentation, SecretWrite } from '../../core/ports.ts';
import { SecretText } from '../../core/secret-text.ts';
import { parseJson } from '../../core/wire/json.ts';
import { formatUtc } from '../../core/wire/time-text.ts';
import type { PrivateFiles } from './private-directory.ts';
import { isOfLaterVersion, RECORD_VERSION } from './record-version.ts';
import { ReportedWork } from './reported-work.ts';

const SUFFIX = '.chain.json';

const entrySchema = z.object({
  schema_version: z.literal(RECORD_VERSION),
  secret_name: z.string().min(1),
  text: z.string().min(1),
  request_token: z.string().min(1),
  expected_version: z.string().min(1).optional(),
  obtained_at: z.iso.datetime(),
});

const presentationSchema = z.object({
  schema_version: z.literal(1),
  secret_name: z.string().min(1),
  fingerprint: z.string().min(1),
  times: z.int().positive(),
});

export interface DirectoryJournalOptions {
  readonly directory: PrivateFiles;
  readonly clock: Clock;
  /** Told what goes wrong, in words that hold nothing secret; the same problem in a row is told once. */
  readonly report: (problem: string) => void;
}

export class DirectoryJournal implements Journal {
  readonly #directory: PrivateFiles;
  readonly #work: ReportedWork;

  constructor({ directory, clock, report }: DirectoryJournalOptions) {
    this.#directory = directory;
    this.#work = new ReportedWork({ place: `journal ${directory.path}`, clock, report });
  }

  async write(entry: JournalEntry): Promise<void> {
    const { secretName } = entry.write;
    await this.#work.attempt(`the refresh token for ${secretName} cannot be written`, () =>
      this.#directory.write(fileNameOf(secretName), serializeEntry(entry)),
    );
  }

  async remove({ secretName, requestToken }: SecretWrite): Promise<void> {
    const name = fileNameOf(secretName);
    await this.#work.attempt(`the saved refresh token for ${secretName} cannot be removed`, async () => {
      // Another process with the same directory may have written a later one meanwhile.
      const text = await this.#directory.read(name);
      const entry = text === undefined ? undefined : parseEntry(text, secretName);
      if (entry === undefined || entry.write.requestToken === requestToken)
        await this.#directory.remove(name);
    });
  }

  async read(secretName: string): Promise<JournalEntry | 'unreadable' | undefined> {
    const reading = await this.#work.attempt(`the entry for ${secretName} cannot be read`, () =>
      this.#read(secretName),
    );
    return reading === undefined ? 'unreadable' : reading.entry;
  }

  async #read(secretName: string): Promise<{ readonly entry: JournalEntry | 'unreadable' | undefined }> {
    const name = fileNameOf(secretName);
    const text = await this.#directory.read(name);
    const rest = await this.#directory.readUnfinished(name);
    if ([text, rest].some((each) => each !== undefined && isOfLaterVersion(each))) {
      this.#work.tell(`the entry for ${secretName} ${OF_LATER_RELEASE}`);
      return { entry: 'unreadable' };
    }
    const entry = text === undefined ? undefined : parseEntry(text, secretName);
    if (text !== undefined && entry === undefined) await this.#setAside(name, secretName);
    const unfinished = rest === undefined ? undefined : parseEntry(rest, secretName);
    if (unfinished === undefined || unfinished.obtainedAtMs < (entry?.obtainedAtMs ?? 0)) return { entry };
    // A crash between the last byte and the rename: it is complete, so it counts.
    await this.#directory.finish(name);
    return { entry: unfinished };
  }

  async writePresentation({ secretName, fingerprint, times }: Presentation): Promise<void> {
    const wire: z.input<typeof presentationSchema> = {
      schema_version: 1,
      secret_name: secretName,
      fingerprint,
      times,
    };
    await this.#work.attempt(`that the refresh token in ${secretName} is presented cannot be noted`, () =>
      this.#directory.write(presentationNameOf(secretName), JSON.stringify(wire)),
    );
  }

  async removePresentation(secretName: string): Promise<void> {
    await this.#work.attempt(`the note on the refresh token in ${secretName} cannot be removed`, () =>
      this.#directory.remove(presentationNameOf(secretName)),
    );
  }

  async readPresentation(secretName: string): Promise<Presentation | undefined> {
    return this.#work.attempt(`the note on the refresh token in ${secretName} cannot be read`, async () => {
      const text = await this.#directory.read(presentationNameOf(secretName));
      const parsed = presentationSchema.safeParse(text === undefined ? undefined : parseJson(text));
      if (!parsed.success || parsed.data.secret_name !== secretName) return undefined;
      return { secretName, fingerprint: parsed.data.fingerprint, times: parsed.data.times };
    });
  }

  async #setAside(name: string, secretName: string): Promise<void> {
    const aside = `${name}.damaged`;
    await this.#directory.rename(name, aside);
    this.#work.tell(`the entry for ${secretName} is damaged and was set aside as ${aside}`);
  }
}

const OF_LATER_RELEASE =
  'was written by a later release of token-refresher, and its refresh token may be the only one that is good: ' +
  'run that release again until the entry is gone';

/** @returns what keeps this release from using the directory, for people. @throws with an errno in `code` */
export async function findLaterEntry(directory: PrivateFiles): Promise<string | undefined> {
  const names = await directory.names();
  for (const name of names.filter((each) => each.includes(SUFFIX) && !each.endsWith('.damaged'))) {
    const text = await directory.read(name);
    if (text !== undefined && isOfLaterVersion(text)) return `holds ${name}, which ${OF_LATER_RELEASE}`;
  }
  return undefined;
}

function fileNameOf(secretName: string): string {
  return `${hashName(secretName)}${SUFFIX}`;
}

function presentationNameOf(secretName: string): string {
  return `${hashName(secretName)}.presented.json`;
}

/** Names of secrets hold slashes, and may be longer than a file's name. */
function hashName(secretName: string): string {
  return createHash('sha256').update(secretName).digest('hex').slice(0, 40);
}

function serializeEntry({ write, obtainedAtMs }: JournalEntry): string {
  const wire: z.input<typeof entrySchema> = {
    schema_version: RECORD_VERSION,
    secret_name: write.secretName,
    text: write.text.reveal(),
    request_token: write.requestToken,
    ...(write.expectedVersion === undefined ? {} : { expected_version: write.expectedVersion }),
    obtained_at: formatUtc(obtainedAtMs),
  };
  return JSON.stringify(wire);
}

function parseEntry(text: string, secretName: string): JournalEntry | undefined {
  const parsed = entrySchema.safeParse(parseJson(text));
  if (!parsed.success || parsed.data.secret_name !== secretName) return undefined;
  const wire = parsed.data;
  return {
    obtainedAtMs: Date.parse(wire.obtained_at),
    write: {
      secretName,
      text: new SecretText(wire.text),
      requestToken: wire.request_token,
      expectedVersion: wire.expected_version,
    },
  };
}
