import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

export interface RawServer {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly port: number;
  readonly connections: readonly Socket[];
}

/** A server on loopback that speaks whatever `greet` says, byte by byte; closed when the test ends. */
export async function startRawServer(
  t: TestContext,
  greet: (socket: Socket) => void,
  host = '127.0.0.1',
  port = 0,
): Promise<RawServer> {
  const connections: Socket[] = [];
  const server = createServer((socket) => {
    connections.push(socket);
    socket.on('error', () => undefined);
    greet(socket);
  });
  server.listen(port, host);
  await once(server, 'listening');
  t.after(() => {
    for (const socket of connections) socket.destroy();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`,
    port: address.port,
    connections,
  };
}

/** Answers each request with these bytes, as soon as its head has come. */
export function answerWith(...chunks: readonly (string | Uint8Array)[]) {
  return (socket: Socket): void => {
    socket.on('data', () => {
      for (const chunk of chunks) socket.write(chunk);
    });
  };
}
