import { text } from 'node:stream/consumers';
import type { UpstreamsServer } from '../../src/sandbox/upstreams/upstreams-server.ts';
import { type LoopbackServer, startLoopbackServer } from '../support/loopback-server.ts';

const KINDS = {
  '/v1/access-token': 'pivot',
  '/open-api/v1/access-token/b2b': 'pivot-b2b',
  '/open-api/v1/access-token/b2b2c': 'pivot-b2b2c',
} as const;

/** Pivot's three token calls under one base URL, as at Pivot itself; the sandbox has one for each. */
export function startPivotGate(upstreams: UpstreamsServer): Promise<LoopbackServer> {
  return startLoopbackServer((request, response) => {
    const kind = Object.entries(KINDS).find(([path]) => path === request.url)?.[1];
    if (kind === undefined) {
      response.writeHead(404).end();
      return;
    }
    void text(request).then(async (body) => {
      const headers = new Headers();
      for (const [name, value] of Object.entries(request.headers))
        if (typeof value === 'string' && !['host', 'connection', 'content-length'].includes(name))
          headers.set(name, value);
      const answer = await fetch(`${upstreams.baseUrlOf(kind)}${request.url}`, {
        method: request.method ?? 'POST',
        headers,
        body,
      });
      response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text());
    });
  });
}
