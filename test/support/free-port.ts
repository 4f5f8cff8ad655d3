import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below what kernels hand out by themselves: for port 0 and for connections that go out, of any process. */
const LOWEST = 15_000;
const HIGHEST = 32_000;

/**
 * A port for a program that has to be told one: free now, and nobody else is given it while this process lives, also when
 * the program is down for a while. What says so to others is its UDP port, which no program here wants.
 */
export async function findFreePort(): Promise<number> {
  for (;;) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    const claim = createSocket('udp4');
    claim.bind(port, '127.0.0.1').unref();
    const server = createServer();
    if ((await comesToListen(claim)) && (await comesToListen(server.listen(port, '127.0.0.1')))) {
      server.close();
      await once(server, 'close');
      return port;
    }
    claim.close();
  }
}

function comesToListen(socket: NodeJS.EventEmitter): Promise<boolean> {
  return once(socket, 'listening').then(
    () => true,
    () => false,
  );
}
