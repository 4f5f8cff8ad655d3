/**
 * Requests to refresh a token, on the Lease: a command writes one into an annotation, whoever holds the Lease carries it
 * out and writes the answer into another. Both need the rights that an election needs, and no others; whoever may write
 * the Lease may take leadership away, which is more.
 *
 * Guarantee: a request is carried out once in a term, and not later than {@link STALE_MS} after it was written.
 * Non-guarantee: two commands at once may overwrite each other's request; the one that is lost ends without an answer.
 */
import { z } from 'zod';
import { isJsonObject, parseJson } from '../../core/json.ts';
import type { Clock, Random } from '../../core/ports.ts';
import {
  parseRefreshAnswer,
  type RefreshReport,
  type RefreshRequests,
  serializeRefreshAnswer,
} from '../../core/refresh-request.ts';
import type { Lease } from './lease.ts';
import type { LeaseClient } from './lease-client.ts';

const REQUEST = 'token-refresher/refresh-request';
const ANSWER = 'token-refresher/refresh-answer';
/** Clocks of machines differ by less. */
const STALE_MS = 120_000;
const CALL_MS = 5000;
const POLL_MS = 1000;
/** Others write the Lease too: the leader, every few seconds. */
const MOST_WRITES = 5;

const requestSchema = z.object({ id: z.string().min(1), name: z.string().min(1), at_ms: z.number() });
const answerSchema = z.object({ id: z.string(), answer: z.string() });

export interface LeaseRequestsOptions {
  readonly client: LeaseClient;
  readonly clock: Clock;
}

/** The leader's side. */
export class LeaseRequestDesk {
  readonly #options: LeaseRequestsOptions & { readonly handle: RefreshRequests };
  #handled: string | undefined;

  constructor(options: LeaseRequestsOptions & { readonly handle: RefreshRequests }) {
    this.#options = options;
  }

  /** To be shown the Lease whenever this replica, its holder, has read or written it. */
  look(lease: Lease): void {
    const request = requestSchema.safeParse(parseJson(annotationOf(lease, REQUEST) ?? ''));
    if (!request.success || request.data.id === this.#handled) return;
    const { id, name, at_ms: atMs } = request.data;
    this.#handled = id;
    const isAnswered = readAnswer(lease)?.id === id;
    if (isAnswered || Math.abs(this.#options.clock.now() - atMs) > STALE_MS) return;
    void this.#carryOut(id, name);
  }

  async #carryOut(id: string, name: string): Promise<void> {
    const { handle } = this.#options;
    const answer = serializeRefreshAnswer(await handle(name));
    await annotate(this.#options, ANSWER, JSON.stringify({ id, answer }), new AbortController().signal);
  }
}

/**
 * The command's side. Resolves with the leader's answer.
 * @throws with the signal's reason when aborted before that
 */
export async function askLeaseHolder(
  name: string,
  options: LeaseRequestsOptions & { readonly random: Random },
  signal: AbortSignal,
): Promise<readonly RefreshReport[]> {
  const { client, clock, random } = options;
  const id = random.uuid();
  let isWritten = false;
  for (;;) {
    const seen = await client.get({ timeoutMs: CALL_MS, signal });
    signal.throwIfAborted();
    if (seen.kind === 'lease') {
      const answer = readAnswer(seen.lease);
      const reports = answer?.id === id ? parseRefreshAnswer(answer.answer) : undefined;
      if (reports !== undefined) return reports;
      // Without a holder there is nobody to ask: the command is about to take its turn.
      if (!isWritten && seen.lease.record.holder !== '')
        isWritten = await annotate(
          options,
          REQUEST,
          JSON.stringify({ id, name, at_ms: clock.now() }),
          signal,
        );
    }
    await clock.sleep(POLL_MS, signal);
  }
}

/** @returns whether it was written */
async function annotate(
  { client }: LeaseRequestsOptions,
  key: string,
  value: string,
  signal: AbortSignal,
): Promise<boolean> {
  for (let writes = 0; writes < MOST_WRITES; writes += 1) {
    const call = { timeoutMs: CALL_MS, signal };
    const seen = await client.get(call);
    if (seen.kind !== 'lease') return false;
    const written = await client.annotate(seen.lease, { [key]: value }, call);
    if (written.kind === 'lease') return true;
    if (written.kind !== 'conflict') return false;
  }
  return false;
}

function readAnswer(lease: Lease): z.infer<typeof answerSchema> | undefined {
  const parsed = answerSchema.safeParse(parseJson(annotationOf(lease, ANSWER) ?? ''));
  return parsed.success ? parsed.data : undefined;
}

function annotationOf({ raw }: Lease, key: string): string | undefined {
  const metadata = raw['metadata'];
  const annotations = isJsonObject(metadata) ? metadata['annotations'] : undefined;
  const value = isJsonObject(annotations) ? annotations[key] : undefined;
  return typeof value === 'string' ? value : undefined;
}
