import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { type LoopbackServer, startLoopbackServer } from '../support/loopback-server.ts';
import type { ImageEngine } from './image-engine.ts';

const commandSchema = z.object({ args: z.array(z.string()), cwd: z.string(), stdin: z.string() });

/** Where `docker-client.ts` hands its command line to. */
export function startImageServer(engine: ImageEngine): Promise<LoopbackServer> {
  return startLoopbackServer((request, response) => {
    void text(request)
      .then((body) => engine.command(commandSchema.parse(JSON.parse(body))))
      .then((result) => response.end(JSON.stringify(result)));
  });
}
