import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../src/core/ports.ts';
import { isJsonObject, parseJson } from '../../src/core/wire/json.ts';
import type { Publication } from './observation.ts';

/** A reader's report that a token was refused, and what it was told. */
export interface TokenReport {
  readonly token: string;
  /** What the report is about: maybe replaced by now, or made up. */
  readonly accessToken: string;
  readonly sentAtMs: number;
  readonly answeredAtMs: number;
  readonly status: number;
}

export interface ReportingReadersOptions {
  /** Where reports are taken, the leader's among others. */
  readonly urls: readonly string[];
  readonly bearer: string;
  readonly tokens: readonly string[];
  readonly held: ReadonlyMap<string, { readonly accessToken: string; readonly former: string | undefined }>;
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly tell: (line: string) => void;
  readonly onReport: (report: TokenReport) => void;
}

const REST_MS = [1500, 6000] as const;
const READERS = [1, 3, 8] as const;
/** Readers find out one after the other. */
const SPREAD_MS = 1500;
const MOST_ATTEMPTS = 6;
const CALL_LIMIT_MS = 8000;
/** Longer than the longest rest of a reader in this run. */
const MOST_WAIT_MS = 20_000;

/** Whether a report names the token that was published. */
export function isAbout({ accessToken }: Pick<TokenReport, 'accessToken'>, { text }: Publication): boolean {
  const document = parseJson(text);
  return isJsonObject(document) && document['access_token'] === accessToken;
}

/**
 * Readers whose calls are refused now and then: the provider has revoked what is published, or what they hold is replaced
 * by now, or they report what nobody has issued. Ends with the signal.
 */
export async function reportAtRandom(options: ReportingReadersOptions): Promise<void> {
  const { tokens, held, random, signal, tell } = options;
  const pick = <T>(items: readonly T[]): T | undefined => items[Math.floor(random.next() * items.length)];
  const stories: Promise<void>[] = [];
  while (!signal.aborted) {
    await rest(REST_MS[0] + random.next() * (REST_MS[1] - REST_MS[0]), signal);
    const token = pick(tokens) ?? '';
    const kind = pick(['revoked', 'revoked', 'replaced', 'made up'] as const);
    const readers = pick(READERS) ?? 1;
    const { accessToken, former } = held.get(token) ?? {};
    const reported = kind === 'revoked' ? accessToken : kind === 'replaced' ? former : 'made-up';
    if (reported === undefined || signal.aborted) continue;
    tell(`${readers} readers of ${token} are refused: its token is ${kind}`);
    for (let nth = 0; nth < readers; nth += 1) {
      const [delayMs, url] = [random.next() * SPREAD_MS, pick(options.urls) ?? ''];
      const waits = random.next() < 0.3;
      stories.push(
        rest(delayMs, signal).then(() => persist(options, token, reported, url, waits, kind === 'revoked')),
      );
    }
  }
  await Promise.all(stories);
}

/** One reader: reports, waits as it is told, reads again, and reports once more if that is still the same. */
async function persist(
  options: ReportingReadersOptions,
  token: string,
  accessToken: string,
  url: string,
  waits: boolean,
  isRevoked: boolean,
): Promise<void> {
  const { held, signal } = options;
  for (let attempt = 1; attempt <= MOST_ATTEMPTS && !signal.aborted; attempt += 1) {
    const retryAfterMs = await report(options, token, accessToken, url, waits);
    if (!isRevoked || retryAfterMs === 'done') return;
    await rest(Math.min(MOST_WAIT_MS, retryAfterMs), signal);
    if (held.get(token)?.accessToken !== accessToken) return;
  }
}

async function report(
  { bearer, onReport, signal }: ReportingReadersOptions,
  token: string,
  accessToken: string,
  url: string,
  waits: boolean,
): Promise<number | 'done'> {
  const sha256 = createHash('sha256').update(accessToken).digest('hex');
  const sentAtMs = Date.now();
  try {
    const response = await fetch(`${url}/v1/tokens/${token}/rejections${waits ? '?wait=5s' : ''}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
      body: JSON.stringify({ sha256, status: 401 }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(CALL_LIMIT_MS)]),
    });
    await response.text();
    const { status } = response;
    onReport({ token, accessToken, sentAtMs, answeredAtMs: Date.now(), status });
    if (status === 200) return 'done';
    return Number(response.headers.get('retry-after') ?? '2') * 1000;
  } catch {
    // The replica is down, stopped, or hangs: it may have heard it all the same.
    onReport({ token, accessToken, sentAtMs, answeredAtMs: Date.now(), status: 0 });
    return 1000;
  }
}

async function rest(delayMs: number, signal: AbortSignal): Promise<void> {
  await sleep(delayMs, undefined, { signal }).catch(() => undefined);
}
