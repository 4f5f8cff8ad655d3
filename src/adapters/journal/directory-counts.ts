/**
 * How often providers were called, as a {@link RecordDirectory}: one small file per provider that has a budget. They hold
 * times and numbers.
 *
 * Guarantee: a record that says nothing any more, or is damaged, is removed; there is at most one per provider.
 * Non-guarantee: what a damaged record said is forgotten.
 */
import * as z from 'zod';
import type { CallSpan } from '../../core/limits/sliding-window-counter.ts';
import type { FetchCounts } from '../../core/ports.ts';
import { formatUtc } from '../../core/wire/time-text.ts';
import { RecordDirectory } from './record-directory.ts';
import { type RecordDeps, ReportedWork } from './reported-work.ts';

/** The longest window, and again as much for clocks that differ. */
const FORGOTTEN_AFTER_MS = 2 * 86_400_000;
const MAX_SPANS = 1000;

const spanSchema = z
  .object({ until: z.iso.datetime(), calls: z.int().min(0) })
  .transform(({ until, calls }): CallSpan => ({ untilMs: Date.parse(until), calls }));
const countSchema = z.object({ provider: z.string().min(1), spans: z.array(spanSchema).max(MAX_SPANS) });

export class DirectoryCounts implements FetchCounts {
  readonly #records: RecordDirectory<typeof countSchema>;

  constructor(deps: RecordDeps) {
    this.#records = new RecordDirectory(deps.directory, new ReportedWork(deps), {
      suffix: '.calls.json',
      schema: countSchema,
      keyOf: ({ provider }) => provider,
      old: {
        name: 'old counts of calls',
        isForgotten: ({ spans }) =>
          spans.every(({ untilMs }) => untilMs + FORGOTTEN_AFTER_MS <= deps.clock.now()),
      },
    });
  }

  async write(provider: string, spans: readonly CallSpan[]): Promise<void> {
    const record = {
      provider,
      spans: spans.map(({ untilMs, calls }) => ({ until: formatUtc(untilMs), calls })),
    };
    await this.#records.write(provider, record, `the calls of ${provider} cannot be recorded`);
  }

  async read(provider: string): Promise<readonly CallSpan[]> {
    const record = await this.#records.read(provider, `the calls of ${provider} cannot be read`);
    return record?.spans ?? [];
  }
}
