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
import * as z from 'zod';
import { describeFileError } from '../../core/file-error.ts';
import type { Journal, JournalEntry, Presentation, SecretWrite } from '../../core/ports.ts';
import { SecretText } from '../../core/secret-text.ts';
import { formatUtc } from '../../core/wire/time-text.ts';
import type { PrivateFiles } from './private-directory.ts';
import { isOfLaterVersion, RecordDirectory } from './record-directory.ts';
import { type RecordDeps, ReportedWork } from './reported-work.ts';

const SUFFIX = '.chain.json';

const entrySchema = z
  .object({
    secret_name: z.string().min(1),
    text: z.string().min(1),
    request_token: z.string().min(1),
    expected_version: z.string().min(1).optional(),
    obtained_at: z.iso.datetime(),
  })
  .transform(
    (wire): JournalEntry => ({
      obtainedAtMs: Date.parse(wire.obtained_at),
      write: {
        secretName: wire.secret_name,
        text: new SecretText(wire.text),
        requestToken: wire.request_token,
        expectedVersion: wire.expected_version,
      },
    }),
  );

const presentationSchema = z
  .object({ secret_name: z.string().min(1), fingerprint: z.string().min(1), times: z.int().positive() })
  .transform(({ secret_name, ...rest }): Presentation => ({ secretName: secret_name, ...rest }));

export class DirectoryJournal implements Journal {
  readonly #directory: PrivateFiles;
  readonly #work: ReportedWork;
  readonly #entries: RecordDirectory<typeof entrySchema>;
  readonly #presentations: RecordDirectory<typeof presentationSchema>;

  constructor(deps: RecordDeps) {
    this.#directory = deps.directory;
    this.#work = new ReportedWork(deps);
    this.#entries = new RecordDirectory(deps.directory, this.#work, {
      suffix: SUFFIX,
      schema: entrySchema,
      keyOf: ({ write }) => write.secretName,
    });
    this.#presentations = new RecordDirectory(deps.directory, this.#work, {
      suffix: '.presented.json',
      schema: presentationSchema,
      keyOf: ({ secretName }) => secretName,
    });
  }

  async write({ write, obtainedAtMs }: JournalEntry): Promise<void> {
    const { secretName, text, requestToken, expectedVersion } = write;
    const record = {
      secret_name: secretName,
      text: text.reveal(),
      request_token: requestToken,
      ...(expectedVersion === undefined ? {} : { expected_version: expectedVersion }),
      obtained_at: formatUtc(obtainedAtMs),
    };
    await this.#entries.write(secretName, record, `the refresh token for ${secretName} cannot be written`);
  }

  async remove({ secretName, requestToken }: SecretWrite): Promise<void> {
    const name = this.#entries.nameOf(secretName);
    await this.#work.attempt(`the saved refresh token for ${secretName} cannot be removed`, async () => {
      // Another process with the same directory may have written a later one meanwhile.
      const entry = this.#entries.parse(await this.#directory.read(name), secretName);
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
    const name = this.#entries.nameOf(secretName);
    const text = await this.#directory.read(name);
    const rest = await this.#directory.readUnfinished(name);
    if ([text, rest].some((each) => each !== undefined && isOfLaterVersion(each))) {
      this.#work.tell(`the entry for ${secretName} ${OF_LATER_RELEASE}`);
      return { entry: 'unreadable' };
    }
    const entry = this.#entries.parse(text, secretName);
    if (text !== undefined && entry === undefined) {
      const aside = `${name}.damaged`;
      await this.#directory.rename(name, aside);
      this.#work.tell(`the entry for ${secretName} is damaged and was set aside as ${aside}`);
    }
    const unfinished = this.#entries.parse(rest, secretName);
    if (unfinished === undefined || unfinished.obtainedAtMs < (entry?.obtainedAtMs ?? 0)) return { entry };
    // A crash between the last byte and the rename: it is complete, so it counts.
    await this.#directory.finish(name);
    return { entry: unfinished };
  }

  async writePresentation({ secretName, fingerprint, times }: Presentation): Promise<void> {
    const record = { secret_name: secretName, fingerprint, times };
    const trouble = `that the refresh token in ${secretName} is presented cannot be noted`;
    await this.#presentations.write(secretName, record, trouble);
  }

  async removePresentation(secretName: string): Promise<void> {
    const trouble = `the note on the refresh token in ${secretName} cannot be removed`;
    await this.#presentations.remove(secretName, trouble);
  }

  async readPresentation(secretName: string): Promise<Presentation | undefined> {
    const trouble = `the note on the refresh token in ${secretName} cannot be read`;
    return this.#presentations.read(secretName, trouble);
  }
}

const OF_LATER_RELEASE =
  'was written by a later release of token-refresher, and its refresh token may be the only one that is good: ' +
  'run that release again until the entry is gone';

/** @returns what keeps this release from using the directory, for people. @throws with an errno in `code` */
export async function findLaterEntry(directory: PrivateFiles): Promise<string | undefined> {
  const names = await directory.names();
  for (const name of names.filter((each) => each.includes(SUFFIX) && !each.endsWith('.damaged'))) {
    let text: string | undefined;
    try {
      text = await directory.read(name);
    } catch (error) {
      return `holds ${name}, which cannot be read (${describeFileError(error)})`;
    }
    if (text !== undefined && isOfLaterVersion(text)) return `holds ${name}, which ${OF_LATER_RELEASE}`;
  }
  return undefined;
}
