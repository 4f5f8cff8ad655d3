/**
 * All simulated providers behind one server on 127.0.0.1: `http://127.0.0.1:PORT/pivot-b2b` is the base URL of the
 * provider `pivot-b2b`, and so on; `/_sandbox/faults` is the control endpoint, `/_sandbox/slack` a channel of Slack.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../../core/ports.ts';
import type { FaultSchedule } from '../fault-schedule.ts';
import {
  type LoopbackServer,
  type LoopbackServerOptions,
  readBody,
  startLoopbackServer,
} from '../loopback-server.ts';
import { controlFaults, FAULT_CONTROL_PATH } from './fault-control.ts';
import { deliver, distort, findLatency } from './faulty-answer.ts';
import { SLACK_PATH, takeSlackMessage } from './slack-channel.ts';
import type { UpstreamRequest, UpstreamResponse } from './upstream.ts';
import type { UpstreamName } from './upstream-list.ts';
import type { Upstreams } from './upstreams.ts';

/** No token request is anywhere near this long. */
const MAX_BODY_BYTES = 65_536;

export interface UpstreamsServerOptions extends Pick<LoopbackServerOptions, 'port'> {
  readonly upstreams: Upstreams;
  readonly clock: Clock;
  readonly faults: FaultSchedule;
  /** Told of every request to a provider. */
  readonly observer?: RequestObserver | undefined;
  /** Told what the simulated Slack channel is sent, in Slack's markup. */
  readonly onSlackMessage?: (text: string) => void;
}

export interface RequestObserver {
  /** A request begins; the result is called when it has ended, once or more often. */
  begin(provider: string): () => void;
  /** A request has arrived completely. */
  arrive(provider: string): void;
}

export interface UpstreamsServer extends Pick<LoopbackServer, 'port' | 'stop'> {
  /** `http://127.0.0.1:PORT` */
  readonly origin: string;
  /** What a provider of that kind has as its base URL: `http://127.0.0.1:PORT/pivot-b2b`. */
  baseUrlOf(kind: UpstreamName): string;
}

export async function startUpstreamsServer(options: UpstreamsServerOptions): Promise<UpstreamsServer> {
  const { upstreams, clock, faults, observer } = options;
  const providers = new Map(Object.entries(upstreams));

  const serve = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [url = '/', query = ''] = message.url?.split('?', 2) ?? [];
    const [, prefix = '', ...rest] = url.split('/');
    const upstream = providers.get(prefix);
    if (upstream === undefined) {
      const body = await readText(message);
      if (body !== undefined) serveControl(message, response, url, body);
      return;
    }
    const endRequest = observer?.begin(prefix);
    response.once('close', () => endRequest?.());
    const body = await readText(message);
    if (body === undefined) return;

    const active = faults.findProviderFaults(prefix);
    const request = describeRequest(message, `/${rest.join('/')}`, query, body);
    observer?.arrive(prefix);
    const delayMs = findLatency(active);
    if (delayMs > 0 && !(await sleepUnlessClosed(clock, delayMs, response))) return;
    const distortion = distort(active);
    const statedNowMs = clock.now() + (distortion.clockSkewMs ?? 0);
    const ownPort = message.socket.localPort ?? 0;
    const handle = (): UpstreamResponse => upstream.handle(request, distortion);
    const delivery = deliver(active, { upstream, request, handle, statedNowMs, ownPort });
    switch (delivery.deliver) {
      case 'answer':
        // Not left to `close`: a client may send the next request before that is emitted.
        endRequest?.();
        writeHead(response, delivery.response);
        response.end(delivery.response.body);
        return;
      case 'truncated':
      case 'stalled': {
        const bytes = Buffer.from(delivery.response.body);
        writeHead(response, delivery.response, { 'content-length': String(bytes.length) });
        const isOver = delivery.deliver === 'truncated';
        response.write(bytes.subarray(0, bytes.length >> 1), () => isOver && message.socket.destroy());
        return;
      }
      case 'reset':
        message.socket.resetAndDestroy();
        return;
      case 'nothing':
        return;
    }
  };

  const serveControl = (
    message: IncomingMessage,
    response: ServerResponse,
    url: string,
    body: string,
  ): void => {
    const { method = 'GET', headers } = message;
    if (url === SLACK_PATH) {
      const { status, text } = takeSlackMessage(method, body);
      if (text !== undefined) options.onSlackMessage?.(text);
      response
        .writeHead(status, { 'content-type': 'text/plain' })
        .end(text === undefined ? 'invalid_payload' : 'ok');
      return;
    }
    const names = [...providers.keys()];
    const { status, body: text } =
      url === FAULT_CONTROL_PATH
        ? controlFaults({ method, contentType: headers['content-type'], body }, faults, names)
        : { status: 404, body: JSON.stringify({ error: 'no such provider', providers: names }) };
    response.writeHead(status, { 'content-type': 'application/json' }).end(text);
  };

  const server = await startLoopbackServer(async (message, response) => {
    // A connection that the client gives up is everyday life here; anything else is a bug and must be seen.
    response.on('error', () => undefined);
    void serve(message, response);
  }, options);
  const { url: origin, port, stop } = server;
  return { port, origin, stop, baseUrlOf: (kind) => `${origin}/${kind}` };
}

function describeRequest(
  message: IncomingMessage,
  path: string,
  query: string,
  body: string,
): UpstreamRequest {
  const headers = new Map<string, string>();
  for (const [name, values] of Object.entries(message.headersDistinct)) headers.set(name, values?.[0] ?? '');
  return { method: message.method ?? 'GET', path, query, headers, body };
}

function writeHead(
  response: ServerResponse,
  { status, headers }: UpstreamResponse,
  more: Readonly<Record<string, string>> = {},
): void {
  // Node's own Date would be the machine's time instead of the clock's.
  response.sendDate = false;
  response.writeHead(status, { ...headers, ...more });
}

/** The whole body, or `undefined` when it is too long or never arrives; then the connection is ended. */
async function readText(message: IncomingMessage): Promise<string | undefined> {
  const body = await readBody(message, MAX_BODY_BYTES).catch(() => undefined);
  if (body === undefined) message.socket.destroy();
  return body?.toString('utf8');
}

/** False when the client went away first. */
function sleepUnlessClosed(clock: Clock, delayMs: number, response: ServerResponse): Promise<boolean> {
  const closed = new AbortController();
  response.once('close', () => closed.abort());
  return clock.sleep(delayMs, closed.signal).then(
    () => true,
    () => false,
  );
}
