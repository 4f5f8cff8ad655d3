/**
 * The waits of tokens, as a {@link RecordDirectory}: one small file per token that has one. They hold times and a code,
 * nothing about credentials.
 *
 * Guarantee: a record that says nothing any more, or is damaged, is removed; there is at most one per token.
 */
import * as z from 'zod';
import { FAILURE_CODES } from '../../core/failure.ts';
import { isForgotten } from '../../core/limits/fetch-wait.ts';
import type { FetchWait, FetchWaits } from '../../core/ports.ts';
import { formatUtc } from '../../core/wire/time-text.ts';
import { RecordDirectory } from './record-directory.ts';
import { type RecordDeps, ReportedWork } from './reported-work.ts';

const MAX_REJECTED_LIVES = 1000;

const waitSchema = z
  .object({
    token: z.string().min(1),
    not_before: z.iso.datetime(),
    recorded_at: z.iso.datetime(),
    code: z.enum([...FAILURE_CODES, 'min-interval']),
    rejected_lives: z.int().min(0).max(MAX_REJECTED_LIVES),
  })
  .transform(({ token, not_before, recorded_at, code, rejected_lives }) => ({
    token,
    notBeforeMs: Date.parse(not_before),
    recordedAtMs: Date.parse(recorded_at),
    code,
    rejectedLives: rejected_lives,
  }));

export class DirectoryWaits implements FetchWaits {
  readonly #records: RecordDirectory<typeof waitSchema>;

  constructor(deps: RecordDeps) {
    this.#records = new RecordDirectory(deps.directory, new ReportedWork(deps), {
      suffix: '.wait.json',
      schema: waitSchema,
      keyOf: ({ token }) => token,
      old: { name: 'old waits', isForgotten: (wait) => isForgotten(wait, deps.clock.now()) },
    });
  }

  async write(token: string, { notBeforeMs, recordedAtMs, code, rejectedLives }: FetchWait): Promise<void> {
    const record = {
      token,
      not_before: formatUtc(notBeforeMs),
      recorded_at: formatUtc(recordedAtMs),
      code,
      rejected_lives: Math.min(rejectedLives, MAX_REJECTED_LIVES),
    };
    await this.#records.write(token, record, `the wait of ${token} cannot be written`);
  }

  async remove(token: string): Promise<void> {
    await this.#records.remove(token, `the wait of ${token} cannot be removed`);
  }

  async read(token: string): Promise<FetchWait | undefined> {
    return this.#records.read(token, `the wait of ${token} cannot be read`);
  }
}
