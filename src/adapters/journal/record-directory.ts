/**
 * Records of one kind in {@link PrivateFiles}: a small file of JSON each, named by a hash of what it is about.
 *
 * Guarantee: nothing rejects. What fails or does not end in time is reported in words that hold nothing secret, and a damaged
 * record reads as none. What a later release has written is never removed by a sweep.
 */
import { createHash } from 'node:crypto';
import type { z } from 'zod';
import { isJsonObject, parseJson } from '../../core/wire/json.ts';
import type { PrivateFiles } from './private-directory.ts';
import type { ReportedWork } from './reported-work.ts';

/** What this release writes into the journal's directory and understands. */
const RECORD_VERSION = 1;

/** One kind of record. */
export interface RecordKind<Schema extends z.ZodType> {
  /** Ends the names of its files: `.wait.json`. */
  readonly suffix: string;
  /** Of a record without its version. */
  readonly schema: Schema;
  /** What a record is about: the name that its file's name is a hash of. */
  readonly keyOf: (record: z.output<Schema>) => string;
  /** Records that are removed before the first one is read, whatever they are about; damaged ones too. */
  readonly old?: {
    /** In plural, for the report of a failure. */
    readonly name: string;
    readonly isForgotten: (record: z.output<Schema>) => boolean;
  };
}

export class RecordDirectory<Schema extends z.ZodType> {
  readonly #directory: PrivateFiles;
  readonly #work: ReportedWork;
  readonly #kind: RecordKind<Schema>;
  #swept: Promise<void> | undefined;

  constructor(directory: PrivateFiles, work: ReportedWork, kind: RecordKind<Schema>) {
    this.#directory = directory;
    this.#work = work;
    this.#kind = kind;
  }

  /** Names of secrets hold slashes, and may be longer than a file's name. */
  nameOf(key: string): string {
    return `${createHash('sha256').update(key).digest('hex').slice(0, 40)}${this.#kind.suffix}`;
  }

  /** `undefined` for a record that is damaged, or about something else. */
  parse(text: string | undefined, key: string): z.output<Schema> | undefined {
    const record = this.#parse(text);
    return record !== undefined && this.#kind.keyOf(record) === key ? record : undefined;
  }

  /** @param trouble begins the report of a failure, here and below */
  async write(key: string, record: z.input<Schema> & object, trouble: string): Promise<void> {
    const text = JSON.stringify({ schema_version: RECORD_VERSION, ...record });
    await this.#work.attempt(trouble, () => this.#directory.write(this.nameOf(key), text));
  }

  async remove(key: string, trouble: string): Promise<void> {
    await this.#work.attempt(trouble, () => this.#directory.remove(this.nameOf(key)));
  }

  async read(key: string, trouble: string): Promise<z.output<Schema> | undefined> {
    this.#swept ??= this.#sweep();
    await this.#swept;
    return this.#work.attempt(trouble, async () =>
      this.parse(await this.#directory.read(this.nameOf(key)), key),
    );
  }

  async #sweep(): Promise<void> {
    const { old } = this.#kind;
    if (old === undefined) return;
    await this.#work.attempt(`${old.name} cannot be removed`, async () => {
      const names = await this.#directory.names();
      for (const name of names.filter((each) => each.endsWith(this.#kind.suffix))) {
        const text = await this.#directory.read(name);
        if (text !== undefined && isOfLaterVersion(text)) continue;
        const record = this.#parse(text);
        if (record === undefined || old.isForgotten(record)) await this.#directory.remove(name);
      }
    });
  }

  #parse(text: string | undefined): z.output<Schema> | undefined {
    const record = text === undefined ? undefined : parseJson(text);
    if (versionOf(record) !== RECORD_VERSION) return undefined;
    return this.#kind.schema.safeParse(record).data;
  }
}

/** True for what a later release has written: whole, but with a meaning that is not known here. */
export function isOfLaterVersion(text: string): boolean {
  const version = versionOf(parseJson(text));
  return typeof version === 'number' && version > RECORD_VERSION;
}

function versionOf(record: unknown): unknown {
  return isJsonObject(record) ? record['schema_version'] : undefined;
}
