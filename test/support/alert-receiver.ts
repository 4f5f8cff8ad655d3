import type { IncomingHttpHeaders } from 'node:http';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { createReceiverClient } from '../../src/adapters/alert-receiver/receiver-client.ts';
import { createSystemClock } from '../../src/adapters/system/clock.ts';
import type { Clock } from '../../src/core/ports.ts';
import { type Result, succeed } from '../../src/core/result.ts';
import { SecretText } from '../../src/core/secret-text.ts';
import type { ReceiverClient } from '../../src/core/sink-kind.ts';
import { startLoopbackServer } from './loopback-server.ts';
import { createDirectTransport } from './transport.ts';

export interface ReceivedAlert {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface ReceiverAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface AlertReceiver {
  readonly url: string;
  readonly received: readonly ReceivedAlert[];
  /** The bodies, parsed. */
  readonly bodies: () => readonly unknown[];
  /** How the next requests are answered; taken when nothing is left. */
  readonly answers: (ReceiverAnswer | 'never')[];
  readonly client: ReceiverClient;
  /** What a reference yields. */
  readonly reading: (value: string) => (signal: AbortSignal) => Promise<Result<SecretText>>;
}

/** What SNS answers to a Publish; the AWS SDK takes nothing else for a success. */
const SNS_TOOK_IT: ReceiverAnswer = {
  status: 200,
  headers: { 'content-type': 'text/xml' },
  body:
    '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>m</MessageId>' +
    '</PublishResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></PublishResponse>',
};

/** A real server that takes alerts, and the client that tells it. */
export async function startAlertReceiver(
  t: TestContext,
  clock: Clock = createSystemClock(),
): Promise<AlertReceiver> {
  const received: ReceivedAlert[] = [];
  const answers: (ReceiverAnswer | 'never')[] = [];
  const server = await startLoopbackServer((request, response) => {
    void text(request).then((body) => {
      const { method = '', url = '', headers } = request;
      received.push({ method, path: url, headers, body });
      const answer =
        answers.shift() ?? (body.startsWith('Action=') ? SNS_TOOK_IT : { status: 200, body: 'ok' });
      if (answer !== 'never') response.writeHead(answer.status, answer.headers).end(answer.body);
    });
  });
  const client = createReceiverClient({ clock, transport: createDirectTransport(clock) });
  t.after(() => server[Symbol.asyncDispose]());
  return {
    url: server.url,
    received,
    bodies: () => received.map(({ body }): unknown => JSON.parse(body)),
    answers,
    client,
    reading: (value) => () => Promise.resolve(succeed(new SecretText(value))),
  };
}
