/**
 * `/`, `/status.json` and `/events`: what people look at.
 *
 * Guarantee: a connection on which events are sent holds at most one message that was not taken. The source bounds how
 * many there are and drops those that stall; the server's own limits would close a page on which nothing happens.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ConnectionGuard } from './connection-guard.ts';

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

interface Reader {
  send(text: string): void;
  isBehind(): boolean;
  drop(): void;
}

/** Makes what is shown. `search` is what follows the path of a request, from the `?` on. */
export interface StatusSource {
  page(search: string): Answer;
  json(search: string): Answer;
  events(
    search: string,
  ):
    | { readonly kind: 'refused'; readonly answer: Answer }
    | { readonly kind: 'open'; readonly add: (reader: Reader) => () => void };
}

export const STATUS_PATHS: readonly string[] = ['/', '/status.json', '/events'];

export function addStatusRoutes(
  server: FastifyInstance,
  source: StatusSource,
  guard: Pick<ConnectionGuard, 'exempt'>,
): void {
  server.get('/', (request, reply) => send(reply, source.page(searchOf(request))));
  server.get('/status.json', (request, reply) => send(reply, source.json(searchOf(request))));
  server.get('/events', { exposeHeadRoute: false }, (request, reply) => {
    const feed = source.events(searchOf(request));
    if (feed.kind === 'refused') return send(reply, feed.answer);
    reply.hijack();
    guard.exempt(request.raw.socket);
    const { raw } = reply;
    raw.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    const leave = feed.add({
      send: (text) => {
        raw.write(text);
      },
      isBehind: () => raw.writableLength > 0,
      drop: () => {
        raw.destroy();
      },
    });
    raw.on('close', leave);
    return reply;
  });
}

function send(reply: FastifyReply, { status, headers, body }: Answer): FastifyReply {
  return reply.code(status).headers(headers).send(body);
}

function searchOf({ url }: FastifyRequest): string {
  const start = url.indexOf('?');
  return start < 0 ? '' : url.slice(start);
}
