/**
 * The Secrets Manager emulator on a real port, for the unmodified AWS SDK and `aws --endpoint-url`.
 *
 * Guarantee: nothing is logged, and no answer but that of GetSecretValue and BatchGetSecretValue holds a secret value.
 * Non-guarantee: plain HTTP and unverified signatures, so it belongs on the loopback interface only.
 */
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Clock } from '../../core/ports.ts';
import type { JsonObject } from '../../core/wire/json.ts';
import { listenOnLoopback } from '../listen.ts';
import { ACCOUNT_ID } from './account.ts';
import { FaultBoard } from './fault-board.ts';
import type { OperationName } from './operation.ts';
import { Refusal } from './refusal.ts';
import type { SecretsManager } from './secrets-manager.ts';
import type { StoreFault } from './store-fault.ts';
import {
  assertSigned,
  formatBody,
  formatRefusal,
  readInput,
  readOperation,
  readRegion,
  type WireResponse,
} from './wire-protocol.ts';

const MAX_BODY_BYTES = 1_048_576;

export interface SecretsManagerServerOptions {
  readonly engine: SecretsManager;
  /** Waits out latencies and dates the answers. */
  readonly clock: Clock;
  /** On 127.0.0.1. Any free port by default, and where this one is taken. */
  readonly port?: number;
  /** Called as soon as a request for a known operation has arrived, before anything is done about it. */
  readonly onRequest?: (operation: OperationName) => void;
}

export interface SecretsManagerServer {
  /** `http://127.0.0.1:43210`, to be given to an SDK as `endpoint`. */
  readonly endpoint: string;
  readonly port: number;
  /** How many requests have arrived for each operation, those that a fault has hit included. Live. */
  readonly requests: ReadonlyMap<OperationName, number>;
  /** Replaces the faults; an empty list heals. Requests that wait out a latency keep the faults they came under. */
  setFaults(faults: readonly StoreFault[]): void;
  /** Ends every connection at once, idle ones and those with a request in progress, and frees the port. */
  stop(): Promise<void>;
}

/** Starts serving. @throws when it cannot listen */
export async function startSecretsManagerServer(
  options: SecretsManagerServerOptions,
): Promise<SecretsManagerServer> {
  const { engine, clock, onRequest } = options;
  const board = new FaultBoard();
  const requests = new Map<OperationName, number>();
  const stopping = new AbortController();
  let arrivals = 0;

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    arrivals += 1;
    const requestId = `00000000-0000-4000-8000-${arrivals.toString(16).padStart(12, '0')}`;
    const reply = await answer(request, requestId);
    if (reply === 'reset') request.socket.resetAndDestroy();
    else {
      response.sendDate = false;
      response.writeHead(reply.status, { ...reply.headers, Date: new Date(clock.now()).toUTCString() });
      response.end(reply.body);
    }
  };

  const answer = async (request: IncomingMessage, requestId: string): Promise<WireResponse | 'reset'> => {
    try {
      const operation = readOperation(request);
      requests.set(operation, (requests.get(operation) ?? 0) + 1);
      onRequest?.(operation);
      const plan = board.strike(operation);
      const body = await readBody(request);
      if (plan.delayMs > 0) await clock.sleep(plan.delayMs, stopping.signal);
      if (plan.ending === 'outage') return 'reset';
      assertSigned(request);
      const region = readRegion(request);
      const input = readInput(body);
      switch (plan.ending) {
        case 'throttle':
          throw new Refusal('ThrottlingException', 'Rate exceeded');
        case 'unavailable':
          throw new Refusal('ServiceUnavailable', 'The service is temporarily unable to handle the request.');
        case 'denied':
          throw denial(operation, input, region ?? engine.region);
        case 'answer':
        case 'lost-answer':
          break;
      }
      const outcome = engine.execute(operation, input, { isKeyUsable: plan.isKeyUsable, region });
      if (plan.ending === 'lost-answer') return 'reset';
      return outcome.ok ? formatBody(outcome.body, requestId) : formatRefusal(outcome.refusal, requestId);
    } catch (error) {
      if (error instanceof Refusal) return formatRefusal(error, requestId);
      if (request.socket.destroyed || stopping.signal.aborted) throw error;
      // A bug. The message could quote anything, so none of it is sent.
      const bug = new Refusal('InternalServiceError', 'An error occurred on the server side.');
      return formatRefusal(bug, requestId);
    }
  };

  const server = createServer((request, response) => {
    // The client went away, or the server stops: there is nobody left to answer.
    serve(request, response).catch(() => request.socket.resetAndDestroy());
  });
  const port = await listenOnLoopback(server, options.port);

  return {
    endpoint: `http://127.0.0.1:${port}`,
    port,
    requests,
    setFaults: (faults) => board.set(faults),
    async stop() {
      stopping.abort(new Error('the server stops'));
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of request) {
    if (!(chunk instanceof Uint8Array)) throw new TypeError('a request body arrives as bytes');
    sizeBytes += chunk.byteLength;
    // What is too large is read to its end and dropped, so that the client gets to see the refusal.
    if (sizeBytes <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  if (sizeBytes <= MAX_BODY_BYTES) return Buffer.concat(chunks).toString('utf8');
  throw new Refusal('RequestEntityTooLargeException', `The body is larger than ${MAX_BODY_BYTES} bytes.`);
}

function denial(operation: OperationName, input: JsonObject, region: string): Refusal {
  const secretId = input['SecretId'] ?? input['Name'];
  const name = typeof secretId === 'string' ? secretId : '*';
  const arn = name.startsWith('arn:')
    ? name
    : `arn:aws:secretsmanager:${region}:${ACCOUNT_ID}:secret:${name}`;
  const action = `secretsmanager:${operation}`;
  return new Refusal(
    'AccessDeniedException',
    `User: arn:aws:iam::${ACCOUNT_ID}:user/sandbox is not authorized to perform: ${action} on resource: ${arn} because no identity-based policy allows the ${action} action`,
  );
}
