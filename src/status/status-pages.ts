/** What the HTTP server says about the tokens: the page, and the same for programs. */
import { hash } from 'node:crypto';
import { describeStatus, type StatusSources } from './describe-status.ts';
import { PageLimit } from './page-limit.ts';
import { COMMON_HEADERS, type PageAnswer } from './page-policy.ts';
import type { StatusDocument } from './status-document.ts';
import { renderPage, STATUS_PAGE_HEADERS } from './status-page.ts';
import { formatStatusQuery, parseStatusQuery, type StatusQuery } from './status-query.ts';

/** All who follow one query get the same page for so long, whatever happens meanwhile. */
export const SHARED_MS = 1_000;
/** For longer the more queries are followed: all of them together are rendered five times a second at most. */
const SHARED_MS_PER_QUERY = 200;
/** For so long while nothing happens: time alone changes states, from fresh to due, from due to expired. */
export const UNCHANGED_MS = 5_000;
/** Queries whose page is kept; one has up to a few hundred kB. */
export const MAX_KEPT = 20;
/** A page that nobody has asked for in this time is followed no more. */
export const FOLLOWED_MS = 30_000;

/** A page that was rendered. */
interface RenderedPage {
  readonly tag: string;
  readonly body: string;
  readonly revision: number;
  /** Monotonic. */
  readonly renderedAtMs: number;
}

const UNCACHED = { ...COMMON_HEADERS, 'cache-control': 'no-store' };
const JSON_HEADERS = { ...UNCACHED, 'content-type': 'application/json; charset=utf-8' };

export class StatusPages {
  readonly #sources: StatusSources;
  readonly #limit = new PageLimit();
  /** By query, the one that was asked for last at the end. */
  readonly #kept = new Map<string, RenderedPage & { readonly askedAtMs: number }>();

  constructor(sources: StatusSources) {
    this.#sources = sources;
  }

  /**
   * @param search what follows the path of the request, from the `?` on
   * @param seenTag `etag` of the page that a viewer already has: polls share pages, and are told when theirs still holds
   */
  page(search: string, seenTag?: string): PageAnswer {
    const parsed = parseStatusQuery(search);
    if (!parsed.ok) return refuse(400, parsed.problem);
    const page = this.#find(parsed.query, seenTag !== undefined);
    if (page === undefined) return TOO_MANY;
    const { tag, body } = page;
    if (tag === seenTag) return { status: 304, headers: { ...UNCACHED, etag: tag }, body: '' };
    return { status: 200, headers: { ...STATUS_PAGE_HEADERS, ...UNCACHED, etag: tag }, body };
  }

  json(search: string): PageAnswer {
    const parsed = parseStatusQuery(search);
    if (!parsed.ok) return refuse(400, parsed.problem);
    if (!this.#limit.take(this.#sources.clock.monotonicMs())) return TOO_MANY;
    const document = describeStatus(this.#sources, parsed.query);
    return { status: 200, headers: JSON_HEADERS, body: `${JSON.stringify(document)}\n` };
  }

  #find(query: StatusQuery, isPoll: boolean): RenderedPage | undefined {
    const askedAtMs = this.#sources.clock.monotonicMs();
    for (const [key, each] of this.#kept)
      if (askedAtMs - each.askedAtMs > FOLLOWED_MS) this.#kept.delete(key);
    const key = formatStatusQuery(query);
    const kept = isPoll ? this.#kept.get(key) : undefined;
    if (kept === undefined && !this.#limit.take(askedAtMs)) return undefined;
    const page = kept !== undefined && this.#isRecent(kept, askedAtMs) ? kept : this.#render(query);
    this.#kept.delete(key);
    this.#kept.set(key, { ...page, askedAtMs });
    const [first] = this.#kept.keys();
    if (this.#kept.size > MAX_KEPT && first !== undefined) this.#kept.delete(first);
    return page;
  }

  #isRecent({ revision, renderedAtMs }: RenderedPage, nowMs: number): boolean {
    const isSame = revision === this.#sources.board.revision;
    const sharedMs = Math.max(SHARED_MS, this.#kept.size * SHARED_MS_PER_QUERY);
    return nowMs - renderedAtMs < (isSame ? UNCHANGED_MS : sharedMs);
  }

  #render(query: StatusQuery): RenderedPage {
    const { board, clock } = this.#sources;
    const document = describeStatus(this.#sources, query);
    const tag = tagOf(document, clock.now() - clock.monotonicMs());
    const body = renderPage(document, tag);
    return { tag, body, revision: board.revision, renderedAtMs: clock.monotonicMs() };
  }
}

/** As its script has it: a smaller difference is the age of a page that is shared. */
const CLOCK_JUMP_MS = 10_000;

/**
 * Of all that a page shows but what time alone moves, which its script moves itself; weak for that reason.
 * @param offsetMs wall time minus monotonic: another one when the clock was set
 */
function tagOf({ at, view, ...rest }: StatusDocument, offsetMs: number): string {
  const tokens = view.tokens.map((token) => ({ ...token, lifeLeftSeconds: null }));
  const clock = Math.round(offsetMs / CLOCK_JUMP_MS);
  const shown = JSON.stringify([at.slice(0, 10), clock, rest, { ...view, tokens }]);
  return `W/"${hash('sha256', shown, 'base64url')}"`;
}

const TOO_MANY = refuse(503, 'asked for too often, try again in a second');

function refuse(status: 400 | 503, problem: string): PageAnswer {
  const headers = status === 503 ? { ...JSON_HEADERS, 'retry-after': '1' } : JSON_HEADERS;
  return { status, headers, body: `${JSON.stringify({ error: problem })}\n` };
}
