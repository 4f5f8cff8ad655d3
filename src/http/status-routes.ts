/**
 * `/` and `/status.json`: what people look at. The source bounds how often they are made; pages that were made already go
 * one after the other ({@link AnswerPace}), since sending them takes time too.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AnswerPace } from './answer-pace.ts';

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Makes what is shown. `search` is what follows the path of a request, from the `?` on. */
export interface StatusSource {
  /** @param seenTag `etag` of the page that the caller has; 304 when it still holds */
  page(search: string, seenTag?: string): Answer;
  json(search: string): Answer;
}

export const STATUS_PATHS: readonly string[] = ['/', '/status.json'];

export function addStatusRoutes(server: FastifyInstance, source: StatusSource, pace: AnswerPace): void {
  server.get('/', async (request, reply) => {
    const answer = source.page(searchOf(request), request.headers['if-none-match']);
    if (answer.status === 200) await pace.turn(() => request.raw.socket.destroyed);
    return send(reply, answer);
  });
  server.get('/status.json', (request, reply) => send(reply, source.json(searchOf(request))));
}

function send(reply: FastifyReply, { status, headers, body }: Answer): FastifyReply {
  return reply.code(status).headers(headers).send(body);
}

function searchOf({ url }: FastifyRequest): string {
  const start = url.indexOf('?');
  return start < 0 ? '' : url.slice(start);
}
