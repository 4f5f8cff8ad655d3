import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { codeOf } from '../core/error-code.ts';

/**
 * Listens on 127.0.0.1.
 * @param port any free one where another program has it, and for 0
 * @returns the port
 */
export async function listenOnLoopback(server: Server, port = 0): Promise<number> {
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
  } catch (error) {
    if (port === 0 || codeOf(error) !== 'EADDRINUSE') throw error;
    await once(server.listen(0, '127.0.0.1'), 'listening');
  }
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return address.port;
}

export async function isFreeOnLoopback(port: number): Promise<boolean> {
  const probe = createServer();
  const isFree = (await listenOnLoopback(probe, port)) === port;
  probe.close();
  await once(probe, 'close');
  return isFree;
}
