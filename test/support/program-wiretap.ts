import { request as forward, type IncomingMessage } from 'node:http';
import { startLoopbackServer } from './loopback-server.ts';

/** A request as it passed. */
export interface Overheard {
  /** Path and query. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Wiretap extends AsyncDisposable {
  /** Stands in for the server behind it. */
  readonly url: string;
  readonly requests: readonly Overheard[];
}

/**
 * Passes everything on to the server at `target` and keeps what a program sent there.
 * @param isHeld requests that never get there, nor an answer, once that is known; none by default
 */
export async function startWiretap(
  target: string,
  isHeld: (request: Overheard) => boolean | Promise<boolean> = () => false,
): Promise<Wiretap> {
  const requests: Overheard[] = [];
  const server = await startLoopbackServer((message, response) => {
    // The client is gone, or gives up: the program's own tests say what follows from that.
    const cut = (): void => void message.socket.destroy();
    readBody(message).then(async (body) => {
      const { method = 'GET', url = '/', headers } = message;
      const overheard = { url, headers: headersOf(message), body: body.toString('utf8') };
      requests.push(overheard);
      if (await isHeld(overheard)) return;
      const onward = forward(`${target}${url}`, { method, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.on('error', cut).pipe(response);
      });
      onward.on('error', cut).end(body);
    }, cut);
  });
  return { url: server.url, requests, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

async function readBody(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

function headersOf(message: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(message.headersDistinct).map(([name, values]) => [name, values?.join(', ') ?? '']),
  );
}
