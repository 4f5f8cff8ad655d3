/**
 * The waits of tokens in {@link PrivateFiles}: one small file per token that has one, named by a hash of the
 * token's name. They hold times and a code, nothing about credentials.
 *
 * Guarantee: a record that says nothing any more, or is damaged, is removed; there is at most one per token.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { FAILURE_CODES } from '../../core/failure.ts';
import { isForgotten } from '../../core/limits/fetch-wait.ts';
import type { Clock, FetchWait, FetchWaits } from '../../core/ports.ts';
import { parseJson } from '../../core/wire/json.ts';
import { formatUtc } from '../../core/wire/time-text.ts';
import type { PrivateFiles } from './private-directory.ts';
import { isOfLaterVersion } from './record-version.ts';
import { ReportedWork } from './reported-work.ts';

const SUFFIX = '.wait.json';

const waitSchema = z.object({
  schema_version: z.literal(1),
  token: z.string().min(1),
  not_before: z.iso.datetime(),
  recorded_at: z.iso.datetime(),
  code: z.enum([...FAILURE_CODES, 'min-interval']),
  rejected_lives: z.int().min(0).max(1000),
});

export interface DirectoryWaitsOptions {
  readonly directory: PrivateFiles;
  readonly clock: Clock;
  /** As for the journal. */
  readonly report: (problem: string) => void;
}

export class DirectoryWaits implements FetchWaits {
  readonly #directory: PrivateFiles;
  readonly #clock: Clock;
  readonly #work: ReportedWork;
  #swept: Promise<unknown> | undefined;

  constructor({ directory, clock, report }: DirectoryWaitsOptions) {
    this.#directory = directory;
    this.#clock = clock;
    this.#work = new ReportedWork({ place: `journal ${directory.path}`, clock, report });
  }

  async write(token: string, { notBeforeMs, recordedAtMs, code, rejectedLives }: FetchWait): Promise<void> {
    const wire: z.input<typeof waitSchema> = {
      schema_version: 1,
      token,
      not_before: formatUtc(notBeforeMs),
      recorded_at: formatUtc(recordedAtMs),
      code,
      rejected_lives: Math.min(rejectedLives, 1000),
    };
    await this.#work.attempt(`the wait of ${token} cannot be written`, () =>
      this.#directory.write(fileNameOf(token), JSON.stringify(wire)),
    );
  }

  async remove(token: string): Promise<void> {
    await this.#work.attempt(`the wait of ${token} cannot be removed`, () =>
      this.#directory.remove(fileNameOf(token)),
    );
  }

  async read(token: string): Promise<FetchWait | undefined> {
    this.#swept ??= this.#work.attempt('old waits cannot be removed', () => this.#sweep());
    await this.#swept;
    return this.#work.attempt(`the wait of ${token} cannot be read`, async () => {
      const text = await this.#directory.read(fileNameOf(token));
      const wait = text === undefined ? undefined : parseWait(text);
      return wait?.token === token ? wait : undefined;
    });
  }

  /** Also of tokens that are no longer configured. */
  async #sweep(): Promise<void> {
    const names = await this.#directory.names();
    for (const name of names.filter((each) => each.endsWith(SUFFIX))) {
      const text = (await this.#directory.read(name)) ?? '';
      if (isOfLaterVersion(text)) continue;
      const wait = parseWait(text);
      if (wait === undefined || isForgotten(wait, this.#clock.now())) await this.#directory.remove(name);
    }
  }
}

function fileNameOf(token: string): string {
  return `${createHash('sha256').update(token).digest('hex').slice(0, 40)}${SUFFIX}`;
}

function parseWait(text: string): (FetchWait & { readonly token: string }) | undefined {
  const parsed = waitSchema.safeParse(parseJson(text));
  if (!parsed.success) return undefined;
  const { token, not_before, recorded_at, code, rejected_lives } = parsed.data;
  return {
    token,
    notBeforeMs: Date.parse(not_before),
    recordedAtMs: Date.parse(recorded_at),
    code,
    rejectedLives: rejected_lives,
  };
}
