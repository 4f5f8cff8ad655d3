import { createSystemClock } from '../../src/adapters/system/clock.ts';
import {
  type KubernetesServer,
  type SeenRequest,
  startKubernetesServer,
} from '../../src/sandbox/kubernetes/kubernetes-server.ts';
import { LeaseApi, type LeaseApiOptions } from './lease-api.ts';

export interface LoggedRequest extends SeenRequest {
  /** Of the answer; `undefined` when there was none. */
  readonly status: number | undefined;
}

export interface LeaseApiServer extends KubernetesServer {
  readonly api: LeaseApi;
  /** Those that are over, in order. */
  readonly requests: readonly LoggedRequest[];
  /** Resolves with the next request, answered or not. */
  nextRequest(): Promise<LoggedRequest>;
}

export interface LeaseApiServerOptions extends LeaseApiOptions {
  /** PEM; https when given. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** The API server on a free port of loopback, closed when the test (or whoever else has an end) ends. */
export async function startLeaseApiServer(
  t: { after(stop: () => Promise<void>): void },
  { tls, ...options }: LeaseApiServerOptions = {},
): Promise<LeaseApiServer> {
  const api = new LeaseApi(options);
  const requests: LoggedRequest[] = [];
  const waiters: ((request: LoggedRequest) => void)[] = [];
  const server = await startKubernetesServer({
    api,
    clock: createSystemClock(),
    ...(tls && { tls }),
    onAnswer: (seen, status) => {
      const logged = { ...seen, status };
      requests.push(logged);
      for (const wake of waiters.splice(0)) wake(logged);
    },
  });
  t.after(() => server.stop());
  return {
    ...server,
    api,
    requests,
    nextRequest: () => new Promise((resolve) => waiters.push(resolve)),
  };
}
