import { get } from 'node:http';

/** As kubelet asks: a connection of its own, and so long to wait as the probes in `k8s/base` do. */
const TIMEOUT_MS = 3000;
const EVERY_MS = 200;

export interface Probe {
  /** With 200, in time. */
  readonly isAnswered: boolean;
  readonly tookMs: number;
}

/** Asks for `/livez` and `/readyz` in turn, several times a second, until it is stopped. */
export function startProber(origin: string): { stop(): Promise<readonly Probe[]> } {
  const probes: Promise<Probe>[] = [];
  const ask = (): void => {
    probes.push(probe(`${origin}${probes.length % 2 === 0 ? '/livez' : '/readyz'}`));
  };
  ask();
  const asking = setInterval(ask, EVERY_MS);
  return {
    stop: () => {
      clearInterval(asking);
      return Promise.all(probes);
    },
  };
}

function probe(url: string): Promise<Probe> {
  const startedAtMs = performance.now();
  const { promise, resolve } = Promise.withResolvers<Probe>();
  const end = (isAnswered: boolean) => resolve({ isAnswered, tookMs: performance.now() - startedAtMs });
  const request = get(url, { agent: false, signal: AbortSignal.timeout(TIMEOUT_MS) }, (response) => {
    response.on('error', () => end(false));
    response.resume().once('end', () => end(response.statusCode === 200));
  });
  request.on('error', () => end(false));
  return promise;
}
