import { once } from 'node:events';
import {
  Agent,
  createServer,
  request as forward,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** A request as it passed. */
export interface TappedRequest {
  /** The process that this tap stood before when the connection was made. */
  readonly sender: string;
  readonly method: string;
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** When all of it had arrived here, wall time in milliseconds. */
  readonly arrivedAtMs: number;
}

export interface TappedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What becomes of one request on its way. Unless it says otherwise it reaches the server, whoever waits for the answer. */
export type Passage =
  | { readonly kind: 'pass' }
  /** Reaches the server late; the sender may be gone by then. */
  | { readonly kind: 'late'; readonly delayMs: number }
  | { readonly kind: 'held'; readonly until: Promise<unknown> }
  /** The connection is reset, and nothing reaches the server. */
  | { readonly kind: 'reset' }
  /** Answered by somebody on the way; nothing reaches the server. */
  | { readonly kind: 'refused'; readonly answer: TappedAnswer }
  /** Carried out, and the connection is cut before the answer. */
  | { readonly kind: 'lost-answer' };

/** A request with what became of it. */
export interface Exchange {
  readonly request: TappedRequest;
  /** The server's own answer, whether it was delivered or not; `undefined` when the server was not reached. */
  readonly answer: (TappedAnswer & { readonly atMs: number }) | undefined;
  /** True when all of the answer went out to the sender, who had not hung up. */
  readonly isDelivered: boolean;
}

export interface WireTap extends AsyncDisposable {
  /** Stands in for the server behind it: `http://127.0.0.1:PORT` */
  readonly url: string;
}

export interface WireTapOptions {
  /** Origin of the server behind it. */
  readonly target: string;
  /** Who sends at the moment. */
  readonly findSender: () => string;
  readonly decide: (request: TappedRequest) => Passage;
  /** Told when an exchange is over. */
  readonly onExchange: (exchange: Exchange) => void;
}

/**
 * Stands between one replica and one server: sees every exchange to its end, also one whose answer never arrives, and
 * can disturb it.
 */
export async function startWireTap(options: WireTapOptions): Promise<WireTap> {
  const { target, findSender, decide, onExchange } = options;
  const agent = new Agent({ keepAlive: true });
  // Not asked for each request: what a killed process has sent may be read when the next one runs.
  const senders = new WeakMap<Socket, string>();

  const serve = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = 'GET', url: path = '/' } = message;
    const sender = senders.get(message.socket) ?? findSender();
    const body = await readAll(message);
    const headers = headersOf(message);
    const request: TappedRequest = { sender, method, path, headers, body, arrivedAtMs: Date.now() };
    const passage = decide(request);
    if (passage.kind === 'late') await sleep(passage.delayMs, undefined, { ref: false });
    if (passage.kind === 'held') await passage.until;
    if (passage.kind === 'reset') {
      message.socket.resetAndDestroy();
      onExchange({ request, answer: undefined, isDelivered: false });
    } else if (passage.kind === 'refused') {
      const isDelivered = await deliver(response, passage.answer);
      onExchange({ request, answer: undefined, isDelivered });
    } else {
      const answer = { ...(await send(`${target}${path}`, request, agent)), atMs: Date.now() };
      const isLost = passage.kind === 'lost-answer';
      if (isLost) message.socket.resetAndDestroy();
      onExchange({ request, answer, isDelivered: !isLost && (await deliver(response, answer)) });
    }
  };

  const server = createServer((message, response) => {
    // Either end is gone: there is nobody left to tell.
    serve(message, response).catch(() => message.socket.destroy());
  });
  server.on('connection', (socket) => senders.set(socket, findSender()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the tap has no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      agent.destroy();
      await closed;
    },
  };
}

async function deliver(response: ServerResponse, { status, headers, body }: TappedAnswer): Promise<boolean> {
  if (response.destroyed || response.socket?.destroyed !== false) return false;
  response.sendDate = false;
  response.writeHead(status, headers).end(body);
  try {
    await finished(response);
    return true;
  } catch {
    return false;
  }
}

async function send(
  url: string,
  { method, headers, body }: TappedRequest,
  agent: Agent,
): Promise<TappedAnswer> {
  const onward = forward(url, { method, headers, agent });
  const answered = once(onward, 'response');
  onward.end(body);
  const [answer]: unknown[] = await answered;
  if (!isIncomingMessage(answer)) throw new Error('no answer');
  return { status: answer.statusCode ?? 500, headers: headersOf(answer), body: await readAll(answer) };
}

function isIncomingMessage(value: unknown): value is IncomingMessage {
  return typeof value === 'object' && value !== null && 'statusCode' in value && 'headersDistinct' in value;
}

async function readAll(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}

/** Without what concerns one connection only. */
function headersOf(message: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(message.headersDistinct)
      .filter(([name]) => !['connection', 'keep-alive', 'transfer-encoding', 'content-length'].includes(name))
      .map(([name, values]) => [name, values?.join(', ') ?? '']),
  );
}
