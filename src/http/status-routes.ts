/**
 * `/` and `/status.json`: what people look at. The source bounds how often they are made; pages that were made already go
 * one after the other ({@link TakeTurn}), since sending them takes time too.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { TakeTurn } from './answer-pace.ts';

/** An answer that was made outside of the server. */
export interface MadeAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Makes what is shown. `search` is what follows the path of a request, from the `?` on. */
export interface StatusSource {
  /** @param seenTag `etag` of the page that the caller has; 304 when it still holds */
  page(search: string, seenTag?: string): MadeAnswer;
  json(search: string): MadeAnswer;
}

export const STATUS_PATHS: readonly string[] = ['/', '/status.json'];

export function addStatusRoutes(server: FastifyInstance, source: StatusSource, takeTurn: TakeTurn): void {
  server.get('/', async (request, reply) => {
    const answer = source.page(searchOf(request), request.headers['if-none-match']);
    if (answer.status === 200) await takeTurn(() => request.raw.socket.destroyed);
    return sendMade(reply, answer);
  });
  server.get('/status.json', (request, reply) => sendMade(reply, source.json(searchOf(request))));
}

export function sendMade(reply: FastifyReply, { status, headers, body }: MadeAnswer): FastifyReply {
  return reply.code(status).headers(headers).send(body);
}

function searchOf({ url }: FastifyRequest): string {
  const start = url.indexOf('?');
  return start < 0 ? '' : url.slice(start);
}
