/**
 * Requests to refresh a token, on the Lease: a command writes one into an annotation, the holder of the Lease carries it
 * out and writes the answer into another. Both need the rights that an election needs, and no others; who may write
 * the Lease may take leadership away, which is more.
 *
 * Guarantee: a request is carried out once in a term, and not later than {@link STALE_MS} after it was written. Commands
 * take turns: none overwrites what another one waits for.
 * Non-guarantee: a command that has died holds the others up for as long as the leader may work on its request.
 */
import * as z from 'zod';
import type { Clock, Random } from '../../core/ports.ts';
import { parseJson, valueAtPath } from '../../core/wire/json.ts';
import {
  ANSWER_MS,
  parseRefreshAnswer,
  type RefreshReport,
  type RefreshRequests,
  serializeRefreshAnswer,
} from '../../core/wire/refresh-request.ts';
import type { Lease } from './lease.ts';
import type { LeaseClient } from './lease-client.ts';

const REQUEST = 'token-refresher/refresh-request';
const ANSWER = 'token-refresher/refresh-answer';
/** Clocks of machines differ by less. */
const STALE_MS = 120_000;
const CALL_MS = 5000;
const POLL_MS = 1000;
/** Others write the Lease too: the leader, every few seconds. */
const MAX_WRITES = 5;
/** A command looks every {@link POLL_MS}, and others may be answered meanwhile: several short answers, or a long one. */
const MAX_EARLIER_CHARACTERS = 50_000;
const MAX_EARLIER = 4;

const requestSchema = z.object({ id: z.string().min(1), name: z.string().min(1), at_ms: z.number() });
const oneAnswerSchema = z.object({ id: z.string(), answer: z.string() });
/** The newest, with the ones before it: who asked may not have looked yet. */
const answerSchema = oneAnswerSchema.extend({ earlier: z.array(oneAnswerSchema).default([]) });

type OneAnswer = z.infer<typeof oneAnswerSchema>;

export interface LeaseRequestsOptions {
  readonly client: Pick<LeaseClient, 'get' | 'annotate'>;
  readonly clock: Clock;
}

/** The leader's side. @returns is to be shown the Lease whenever this replica, its holder, has read or written it */
export function createRequestDesk(
  options: LeaseRequestsOptions & { readonly handle: RefreshRequests },
): (lease: Lease) => void {
  const { clock, handle } = options;
  let handled: string | undefined;

  async function carryOut(id: string, name: string): Promise<void> {
    const answer = serializeRefreshAnswer(await handle(name));
    const { signal } = new AbortController();
    await annotate(options, signal, (lease) => {
      const earlier = readAnswers(lease)
        .slice(0, MAX_EARLIER)
        .filter((each) => each.answer.length <= MAX_EARLIER_CHARACTERS / MAX_EARLIER);
      return { [ANSWER]: JSON.stringify({ id, answer, earlier }) };
    });
  }

  return (lease) => {
    const request = readRequest(lease);
    if (request === undefined || request.id === handled) return;
    const { id, name, at_ms: atMs } = request;
    handled = id;
    if (findAnswer(lease, id) !== undefined || Math.abs(clock.now() - atMs) > STALE_MS) return;
    // A bug in there is reported where the run was begun: who asked gets no answer.
    void carryOut(id, name).catch(() => undefined);
  };
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
      const answer = findAnswer(seen.lease, id);
      const reports = answer === undefined ? undefined : parseRefreshAnswer(answer);
      if (reports !== undefined) return reports;
      // Without a holder there is nobody to ask: the command is about to take its turn.
      if (!isWritten && seen.lease.record.holder !== '')
        isWritten = await annotate(options, signal, (lease) =>
          isFree(lease, clock.now())
            ? { [REQUEST]: JSON.stringify({ id, name, at_ms: clock.now() }) }
            : undefined,
        );
    }
    await clock.sleep(POLL_MS, signal);
  }
}

/**
 * @param decide what to write to the Lease as it is now; `undefined`: nothing
 * @returns whether it was written
 */
async function annotate(
  { client }: LeaseRequestsOptions,
  signal: AbortSignal,
  decide: (lease: Lease) => Readonly<Record<string, string>> | undefined,
): Promise<boolean> {
  for (let writes = 0; writes < MAX_WRITES; writes += 1) {
    const call = { timeoutMs: CALL_MS, signal };
    const seen = await client.get(call);
    const annotations = seen.kind === 'lease' ? decide(seen.lease) : undefined;
    if (seen.kind !== 'lease' || annotations === undefined) return false;
    const written = await client.annotate(seen.lease, annotations, call);
    if (written.kind === 'lease') return true;
    if (written.kind !== 'conflict') return false;
  }
  return false;
}

/** Whether no other command waits for the leader. */
function isFree(lease: Lease, nowMs: number): boolean {
  const request = readRequest(lease);
  return (
    request === undefined ||
    findAnswer(lease, request.id) !== undefined ||
    Math.abs(nowMs - request.at_ms) > ANSWER_MS
  );
}

function readRequest(lease: Lease): z.infer<typeof requestSchema> | undefined {
  return requestSchema.safeParse(parseJson(annotationOf(lease, REQUEST) ?? '')).data;
}

function findAnswer(lease: Lease, id: string): string | undefined {
  return readAnswers(lease).find((answer) => answer.id === id)?.answer;
}

/** Newest first. */
function readAnswers(lease: Lease): readonly OneAnswer[] {
  const parsed = answerSchema.safeParse(parseJson(annotationOf(lease, ANSWER) ?? ''));
  if (!parsed.success) return [];
  const { id, answer, earlier } = parsed.data;
  return [{ id, answer }, ...earlier];
}

function annotationOf({ raw }: Lease, key: string): string | undefined {
  const value = valueAtPath(raw, ['metadata', 'annotations', key]);
  return typeof value === 'string' ? value : undefined;
}
