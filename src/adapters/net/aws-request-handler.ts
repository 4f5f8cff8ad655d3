/** The AWS SDK's calls over the program's own transport. */
import { Readable } from 'node:stream';
import { HttpFault, type HttpTransport } from '../../core/wire/http-call.ts';
import { SENT } from './connection-faults.ts';

/** What the SDK hands over, as far as it is used. */
interface AwsRequest {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

interface AwsHandlerOptions {
  readonly abortSignal?: unknown;
}

/** Has no limit of its own for an answer: the caller of the SDK hands in a signal. */
export class AwsRequestHandler {
  /** The SDK hands the handler of a client on to STS unless it says `h2`. */
  readonly metadata = { handlerProtocol: 'http/1.1' };
  readonly #transport: HttpTransport;
  readonly #closing = new AbortController();

  constructor(transport: HttpTransport) {
    this.#transport = transport;
  }

  async handle(request: AwsRequest, { abortSignal }: AwsHandlerOptions = {}) {
    const ends = abortSignal instanceof AbortSignal ? [abortSignal] : [];
    const signal = AbortSignal.any([...ends, this.#closing.signal]);
    signal.throwIfAborted();
    const { method, headers } = request;
    const url = urlOf(request);
    const answer = await this.#transport.send({ method, url, headers, body: bodyOf(request) }, signal);
    if ('problem' in answer.body) {
      const { problem } = answer.body;
      throw new HttpFault(
        'EBODY',
        `it answered ${answer.status} with ${problem}`,
        'check the endpoint',
        SENT,
      );
    }
    return {
      response: {
        statusCode: answer.status,
        headers: Object.fromEntries([...answer.headers].map(([name, values]) => [name, values.join(', ')])),
        body: Readable.from([answer.body.bytes]),
      },
    };
  }

  /** Gives up the calls that still run. */
  destroy(): void {
    this.#closing.abort(new Error('the client is closed'));
  }

  /** There is nothing to configure. */
  updateHttpClientConfig(): void {}

  httpHandlerConfigs(): Record<string, never> {
    return {};
  }
}

function urlOf({ protocol, hostname, port, path, query = {} }: AwsRequest): URL {
  const authority = `${hostname}${port === undefined ? '' : `:${port}`}`;
  const url = new URL(`${protocol}//${authority}${path}`);
  for (const [name, value] of Object.entries(query))
    for (const one of value === null ? [''] : [value].flat()) url.searchParams.append(name, one);
  return url;
}

/** Secrets Manager, SNS and STS send text. */
function bodyOf({ body }: AwsRequest): string | Uint8Array | undefined {
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) return body;
  throw new TypeError('a request to AWS has a body of a kind that is not sent');
}
