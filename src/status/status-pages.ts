/** What the HTTP server says about the tokens: the page, the same for programs, and the live view. */
import type { Clock } from '../core/ports.ts';
import { describeStatus, type StatusSources } from './describe-status.ts';
import { PageLimit } from './page-limit.ts';
import { type FeedReader, StatusFeed } from './status-feed.ts';
import { pagePolicy, renderPage } from './status-page.ts';
import { parseStatusQuery, type StatusQuery } from './status-query.ts';

export interface StatusPagesOptions extends StatusSources {
  readonly clock: Clock;
  readonly onFault: (error: unknown) => void;
}

/** A whole answer. */
export interface StatusAnswer {
  readonly status: 200 | 400 | 503;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export type FeedAnswer =
  | { readonly kind: 'refused'; readonly answer: StatusAnswer }
  /** @returns ends it; may be called again */
  | { readonly kind: 'open'; readonly add: (reader: FeedReader) => () => void };

const COMMON = {
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};
const JSON_HEADERS = { ...COMMON, 'content-type': 'application/json; charset=utf-8' };

export class StatusPages {
  readonly #options: StatusPagesOptions;
  readonly #limit = new PageLimit();
  readonly #feed: StatusFeed;
  readonly #pageHeaders = {
    ...COMMON,
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': pagePolicy(),
  };

  constructor(options: StatusPagesOptions) {
    this.#options = options;
    this.#feed = new StatusFeed({ ...options, describe: (query) => describeStatus(options, query) });
  }

  /** @param search what follows the path of the request, from the `?` on */
  page(search: string): StatusAnswer {
    return this.#answer(search, (query) => ({
      status: 200,
      headers: this.#pageHeaders,
      body: renderPage(describeStatus(this.#options, query)),
    }));
  }

  json(search: string): StatusAnswer {
    return this.#answer(search, (query) => ({
      status: 200,
      headers: JSON_HEADERS,
      body: `${JSON.stringify(describeStatus(this.#options, query))}\n`,
    }));
  }

  events(search: string): FeedAnswer {
    const parsed = parseStatusQuery(search);
    if (!parsed.ok) return { kind: 'refused', answer: refuse(400, parsed.problem) };
    if (this.#feed.isFull)
      return { kind: 'refused', answer: refuse(503, 'as many as may look live already do') };
    if (!this.#limit.take(this.#options.clock.monotonicMs())) return { kind: 'refused', answer: TOO_MANY };
    return { kind: 'open', add: (reader) => this.#feed.add(parsed.query, reader) };
  }

  #answer(search: string, build: (query: StatusQuery) => StatusAnswer): StatusAnswer {
    const parsed = parseStatusQuery(search);
    if (!parsed.ok) return refuse(400, parsed.problem);
    return this.#limit.take(this.#options.clock.monotonicMs()) ? build(parsed.query) : TOO_MANY;
  }
}

const TOO_MANY = refuse(503, 'asked for too often, try again in a second');

function refuse(status: 400 | 503, problem: string): StatusAnswer {
  const headers = status === 503 ? { ...JSON_HEADERS, 'retry-after': '1' } : JSON_HEADERS;
  return { status, headers, body: `${JSON.stringify({ error: problem })}\n` };
}
