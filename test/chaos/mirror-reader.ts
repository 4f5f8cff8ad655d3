/** Never worse and fresh, as a reader of the mirror sees it, past every fault that the replicas meet. */
import { setTimeout as sleep } from 'node:timers/promises';
import { tokenDocumentSchema } from '../../src/core/token/document.ts';
import { parseJson } from '../../src/core/wire/json.ts';
import { SECRETS } from '../../src/sandbox/kubernetes/api-resources.ts';
import { textAt } from '../../src/sandbox/kubernetes/json-tree.ts';
import type { KubernetesApi } from '../../src/sandbox/kubernetes/kubernetes-api.ts';
import type { Stretch } from './disturbance.ts';
import { type Verdict, VerdictBuilder } from './finding.ts';
import { ReadLedger, type SeenDocument } from './read-check.ts';

const READ_EVERY_MS = 100;
/** The longest wait between two attempts, and the calls of one. */
const CAUGHT_UP_MS = 60_000 + 10_000;
/** A new leader compares the copies, and what was just published is on its way. */
const ON_ITS_WAY_MS = 5_000;

export class MirrorReader implements AsyncDisposable {
  readonly ledger = new ReadLedger();
  readonly #over = new AbortController();
  readonly #reading: Promise<void>;

  constructor(api: KubernetesApi, namespace: string, tokens: readonly string[]) {
    this.#reading = this.#readOnAndOn(() => {
      for (const token of tokens)
        this.#note(token, textAt(api.find(SECRETS, namespace, copyOf(token)), 'data', 'token.json'));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await this.#reading;
  }

  async #readOnAndOn(look: () => void): Promise<void> {
    while (!this.#over.signal.aborted) {
      look();
      await sleep(READ_EVERY_MS, undefined, { signal: this.#over.signal }).catch(() => undefined);
    }
  }

  #note(token: string, encoded: string): void {
    if (encoded === '') return;
    const text = Buffer.from(encoded, 'base64').toString('utf8');
    const document = tokenDocumentSchema.parse(parseJson(text));
    this.ledger.note({
      token,
      provider: document.provider,
      generation: document.generation,
      issuedAtMs: Date.parse(document.issued_at),
      refreshAtMs: Date.parse(document.refresh_at),
      expiresAtMs: Date.parse(document.expires_at),
      readAtMs: Date.now(),
    });
  }
}

/** What the mirror calls a token's secret. */
function copyOf(token: string): string {
  return `sandbox-${token.replaceAll('/', '-')}`;
}

/** @param faults of the mirror, and whatever keeps a replica from leading */
export function checkCopies(
  authority: ReadonlyMap<string, SeenDocument>,
  copies: ReadonlyMap<string, SeenDocument>,
  faults: readonly Stretch[],
  endMs: number,
): Verdict {
  const verdict = new VerdictBuilder();
  const wasBroken = faults.some(({ toMs }) => toMs > endMs - CAUGHT_UP_MS);
  for (const [token, { generation, issuedAtMs }] of authority) {
    const copied = copies.get(token)?.generation ?? 0;
    if (copied >= generation || issuedAtMs + ON_ITS_WAY_MS > endMs) continue;
    const what = `the copy of ${token} is of generation ${copied}, the authority's of ${generation}`;
    verdict.add(endMs, what, wasBroken ? 'something was broken in the last minute' : undefined);
  }
  return verdict;
}
