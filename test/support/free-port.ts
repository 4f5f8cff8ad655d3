import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below what kernels hand out by themselves: for port 0 and for connections that go out, of any process. */
const LOWEST = 15_000;
const HIGHEST = 32_000;

/** A port for a program that has to be told one: free now, and nobody else is given it before the program has it. */
export async function findFreePort(): Promise<number> {
  for (;;) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
