/**
 * The sandbox's API server on a real port, for the program's own clients and for `kubectl`.
 *
 * Guarantee: nothing is logged.
 * Non-guarantee: plain HTTP unless a certificate is given, so it belongs on the loopback interface only.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../../core/ports.ts';
import { FaultBoard } from '../fault-board.ts';
import {
  type LoopbackServer,
  type LoopbackServerOptions,
  readBody,
  startLoopbackServer,
} from '../loopback-server.ts';
import { ApiRefusal } from './api-refusal.ts';
import { type ApiAnswer, answerRefusal, type KubernetesApi } from './kubernetes-api.ts';
import { faultRefusal, type KubernetesFault } from './kubernetes-fault.ts';
import { decodeSecret, PROTOBUF } from './protobuf.ts';

/** `--max-request-bytes` of an API server. */
const MAX_BODY_BYTES = 3_145_728;

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly userAgent: string | undefined;
}

export interface KubernetesServerOptions extends LoopbackServerOptions {
  readonly api: KubernetesApi;
  /** Waits out latencies. */
  readonly clock: Clock;
  /** Faults beside those that are set; asked at each request. */
  readonly findFaults?: () => readonly KubernetesFault[];
  /** Called as soon as a request has arrived, before anything is done about it. */
  readonly onRequest?: (request: SeenRequest) => void;
  /** Called when it is over. @param status of the answer; `undefined` when there was none */
  readonly onAnswer?: (request: SeenRequest, status: number | undefined) => void;
}

export interface KubernetesServer extends LoopbackServer {
  /** Replaces the faults that are set; an empty list heals. Requests that wait out a latency keep the faults they came under. */
  setFaults(faults: readonly KubernetesFault[]): void;
}

type Reply = ApiAnswer | { readonly text: string } | 'reset' | 'hang';

/** Starts serving. @throws when it cannot listen */
export async function startKubernetesServer(options: KubernetesServerOptions): Promise<KubernetesServer> {
  const { api, clock, onRequest, onAnswer } = options;
  const board = new FaultBoard<KubernetesFault>(options.findFaults);

  const answer = async (
    request: IncomingMessage,
    seen: SeenRequest,
    stopping: AbortSignal,
  ): Promise<Reply> => {
    const { delayMs, ending } = board.strike((fault) => isInScope(fault, seen));
    const body = await readText(request);
    if (delayMs > 0) await clock.sleep(delayMs, stopping);
    if (ending?.kind === 'hang' || ending?.kind === 'reset') return ending.kind;
    if (ending?.kind === 'status') throw faultRefusal(ending);
    if (ending?.kind === 'body') return { text: ending.text };
    const asked = { ...seen, contentType: request.headers['content-type'], body };
    const done = api.handle(asked, { isDenied: ending?.kind === 'denied' });
    return ending?.kind === 'lost-answer' ? 'reset' : done;
  };

  const server = await startLoopbackServer(async (request, response, stopping) => {
    const { method = '', url: path = '', headers } = request;
    const { authorization, 'user-agent': userAgent } = headers;
    const seen = { method, path, authorization, userAgent };
    onRequest?.(seen);
    const reply = await answer(request, seen, stopping).catch((error: unknown) => {
      if (error instanceof ApiRefusal) return answerRefusal(error);
      if (request.socket.destroyed || stopping.aborted) throw error;
      // A bug. The message could quote anything, so none of it is sent.
      return answerRefusal(new ApiRefusal(500, 'InternalError', 'Internal error occurred'));
    });
    if (reply === 'reset') request.socket.resetAndDestroy();
    const status = typeof reply === 'string' ? undefined : send(response, reply);
    onAnswer?.(seen, status);
  }, options);

  return { ...server, setFaults: (faults) => board.set(faults) };
}

function isInScope({ methods, resources }: KubernetesFault, { method, path }: SeenRequest): boolean {
  const isResource = (plural: string): boolean => new RegExp(`/${plural}(?:[/?]|$)`).test(path);
  return (methods?.includes(method) ?? true) && (resources?.some(isResource) ?? true);
}

/** @returns the status */
function send(response: ServerResponse, reply: ApiAnswer | { readonly text: string }): number {
  if ('text' in reply) {
    response.writeHead(200, { 'content-type': 'application/json' }).end(reply.text);
    return 200;
  }
  const { status, body, retryAfterSeconds } = reply;
  const patience = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) };
  response.writeHead(status, { 'content-type': 'application/json', ...patience }).end(JSON.stringify(body));
  return status;
}

/** As JSON. */
async function readText(request: IncomingMessage): Promise<string> {
  const body = await readBody(request, MAX_BODY_BYTES);
  if (body === undefined)
    throw new ApiRefusal(
      413,
      'RequestEntityTooLarge',
      `Request entity too large: limit is ${MAX_BODY_BYTES}`,
    );
  return request.headers['content-type'] === PROTOBUF ? readProtobuf(body) : body.toString('utf8');
}

function readProtobuf(body: Buffer): string {
  try {
    return JSON.stringify(decodeSecret(body));
  } catch {
    throw new ApiRefusal(415, 'UnsupportedMediaType', 'of protobuf, the sandbox knows Secrets alone');
  }
}
