/**
 * How often providers were called, in a {@link PrivateDirectory}: one small file per provider that has a budget, named
 * by a hash of its name. They hold times and numbers.
 *
 * Guarantee: a record that says nothing any more, or is damaged, is removed; there is at most one per provider.
 * Non-guarantee: what a damaged record said is forgotten.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { CallSpan } from '../../core/limits/sliding-window-counter.ts';
import type { Clock, FetchCounts } from '../../core/ports.ts';
import { parseJson } from '../../core/wire/json.ts';
import { formatUtc } from '../../core/wire/time-text.ts';
import type { PrivateFiles } from './private-directory.ts';
import { isOfLaterVersion } from './record-version.ts';
import { ReportedWork } from './reported-work.ts';

const SUFFIX = '.calls.json';
/** The longest window, and again as much for clocks that differ. */
const FORGOTTEN_AFTER_MS = 2 * 86_400_000;
const MOST_SPANS = 1000;

const countSchema = z.object({
  schema_version: z.literal(1),
  provider: z.string().min(1),
  spans: z.array(z.object({ until: z.iso.datetime(), calls: z.int().min(0) })).max(MOST_SPANS),
});

export interface DirectoryCountsOptions {
  readonly directory: PrivateFiles;
  readonly clock: Clock;
  /** As for the journal. */
  readonly report: (problem: string) => void;
}

interface Recorded {
  readonly provider: string;
  readonly spans: readonly CallSpan[];
}

export class DirectoryCounts implements FetchCounts {
  readonly #directory: PrivateFiles;
  readonly #clock: Clock;
  readonly #work: ReportedWork;
  #swept: Promise<unknown> | undefined;

  constructor({ directory, clock, report }: DirectoryCountsOptions) {
    this.#directory = directory;
    this.#clock = clock;
    this.#work = new ReportedWork({ place: `journal ${directory.path}`, clock, report });
  }

  async write(provider: string, spans: readonly CallSpan[]): Promise<void> {
    const wire: z.input<typeof countSchema> = {
      schema_version: 1,
      provider,
      spans: spans.map(({ untilMs, calls }) => ({ until: formatUtc(untilMs), calls })),
    };
    await this.#work.attempt(`the calls of ${provider} cannot be recorded`, () =>
      this.#directory.write(fileNameOf(provider), JSON.stringify(wire)),
    );
  }

  async read(provider: string): Promise<readonly CallSpan[]> {
    this.#swept ??= this.#work.attempt('old counts of calls cannot be removed', () => this.#sweep());
    await this.#swept;
    const recorded = await this.#work.attempt(`the calls of ${provider} cannot be read`, async () =>
      parseCounts((await this.#directory.read(fileNameOf(provider))) ?? ''),
    );
    return recorded?.provider === provider ? recorded.spans : [];
  }

  /** Also of providers that are no longer configured. */
  async #sweep(): Promise<void> {
    const names = await this.#directory.names();
    for (const name of names.filter((each) => each.endsWith(SUFFIX))) {
      const text = (await this.#directory.read(name)) ?? '';
      if (isOfLaterVersion(text)) continue;
      const recorded = parseCounts(text);
      if (recorded === undefined || this.#isForgotten(recorded)) await this.#directory.remove(name);
    }
  }

  #isForgotten({ spans }: Recorded): boolean {
    return spans.every(({ untilMs }) => untilMs + FORGOTTEN_AFTER_MS <= this.#clock.now());
  }
}

function fileNameOf(provider: string): string {
  return `${createHash('sha256').update(provider).digest('hex').slice(0, 40)}${SUFFIX}`;
}

function parseCounts(text: string): Recorded | undefined {
  const parsed = countSchema.safeParse(parseJson(text));
  if (!parsed.success) return undefined;
  const { provider, spans } = parsed.data;
  return { provider, spans: spans.map(({ until, calls }) => ({ untilMs: Date.parse(until), calls })) };
}
