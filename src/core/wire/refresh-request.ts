/** A human's wish to refresh a token now, and what comes of it, as they travel between a command and who leads. */
import * as z from 'zod';
import type { Failure } from '../failure.ts';
import type { PublishedToken } from '../token/document.ts';
import type { TokenIdentity } from '../token/token.ts';
import { parseJson } from './json.ts';
import { formatUtc } from './time-text.ts';

const reportSchema = z.object({
  token: z.string(),
  secret: z.string(),
  outcome: z.enum(['refreshed', 'unchanged', 'fresh', 'failed']),
  code: z.string().optional(),
  message: z.string().optional(),
  /** RFC 3339, of what readers see. */
  expiresAt: z.string().optional(),
  generation: z.number().optional(),
});
const answerSchema = z.array(reportSchema);

/** What came of it for one token. Holds no secret. */
export type RefreshReport = Readonly<z.output<typeof reportSchema>>;

/** Refreshes a token, or all tokens of a provider, now. Empty: there is none of that name. */
export type RefreshRequests = (name: string) => Promise<readonly RefreshReport[]>;

/** How long whoever leads works on a request, and how long a command waits for the answer. */
export const ANSWER_MS = 45_000;
export const ASK_MS = 60_000;
/** An answer about more tokens than this is cut: it has to fit into an annotation. */
const MAX_REPORTS = 100;

export function buildReport(
  {
    identity,
    published,
  }: { readonly identity: TokenIdentity; readonly published: PublishedToken | undefined },
  outcome:
    | { readonly kind: 'refreshed' | 'unchanged' | 'fresh' }
    | { readonly kind: 'failed'; readonly failure: Failure },
): RefreshReport {
  return {
    token: identity.token,
    secret: identity.secret,
    outcome: outcome.kind,
    ...(outcome.kind === 'failed' ? { code: outcome.failure.code, message: outcome.failure.message } : {}),
    ...(published === undefined
      ? {}
      : { expiresAt: formatUtc(published.expiresAtMs), generation: published.generation }),
  };
}

export function parseRefreshAnswer(text: string): readonly RefreshReport[] | undefined {
  const parsed = answerSchema.safeParse(parseJson(text));
  return parsed.success ? parsed.data : undefined;
}

/** Failures first, so that none is cut. */
export function serializeRefreshAnswer(reports: readonly RefreshReport[]): string {
  const failed = reports.filter(({ outcome }) => outcome === 'failed');
  const others = reports.filter(({ outcome }) => outcome !== 'failed');
  return JSON.stringify([...failed, ...others].slice(0, MAX_REPORTS));
}
