/**
 * The Secrets Manager emulator on a real port, for the unmodified AWS SDK and `aws --endpoint-url`.
 *
 * Guarantee: nothing is logged, and no answer but that of GetSecretValue and BatchGetSecretValue holds a secret value.
 * Non-guarantee: plain HTTP and unverified signatures, so it belongs on the loopback interface only.
 */
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../core/ports.ts';
import type { JsonObject } from '../../core/wire/json.ts';
import { FaultBoard } from '../fault-board.ts';
import {
  type LoopbackServer,
  type LoopbackServerOptions,
  readBody,
  startLoopbackServer,
} from '../loopback-server.ts';
import { ACCOUNT_ID } from './account.ts';
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

export interface SecretsManagerServerOptions extends Pick<LoopbackServerOptions, 'port'> {
  readonly engine: SecretsManager;
  /** Waits out latencies and dates the answers. */
  readonly clock: Clock;
  /** Faults beside those that are set; asked at each request. */
  readonly findFaults?: () => readonly StoreFault[];
  /** Called as soon as a request for a known operation has arrived, before anything is done about it. */
  readonly onRequest?: (operation: OperationName) => void;
}

export interface SecretsManagerServer extends Pick<LoopbackServer, 'port' | 'stop'> {
  /** `http://127.0.0.1:43210`, to be given to an SDK as `endpoint`. */
  readonly endpoint: string;
  /** How many requests have arrived for each operation, those that a fault has hit included. Live. */
  readonly requests: ReadonlyMap<OperationName, number>;
  /** Replaces the faults that are set; an empty list heals. Requests that wait out a latency keep the faults they came under. */
  setFaults(faults: readonly StoreFault[]): void;
}

/** Starts serving. @throws when it cannot listen */
export async function startSecretsManagerServer(
  options: SecretsManagerServerOptions,
): Promise<SecretsManagerServer> {
  const { engine, clock, onRequest } = options;
  const board = new FaultBoard<StoreFault>(options.findFaults);
  const requests = new Map<OperationName, number>();
  let arrivals = 0;

  const answer = async (
    request: IncomingMessage,
    requestId: string,
    stopping: AbortSignal,
  ): Promise<WireResponse | 'reset'> => {
    const operation = readOperation(request);
    requests.set(operation, (requests.get(operation) ?? 0) + 1);
    onRequest?.(operation);
    const { delayMs, isKeyUsable, ending } = board.strike(
      ({ operations }) => operations?.includes(operation) ?? true,
    );
    const body = await readBody(request, MAX_BODY_BYTES);
    if (body === undefined)
      throw new Refusal('RequestEntityTooLargeException', `The body is larger than ${MAX_BODY_BYTES} bytes.`);
    if (delayMs > 0) await clock.sleep(delayMs, stopping);
    if (ending?.kind === 'outage') return 'reset';
    assertSigned(request);
    const region = readRegion(request);
    const input = readInput(body.toString('utf8'));
    switch (ending?.kind) {
      case 'throttle':
        throw new Refusal('ThrottlingException', 'Rate exceeded');
      case 'unavailable':
        throw new Refusal('ServiceUnavailable', 'The service is temporarily unable to handle the request.');
      case 'denied':
        throw denial(operation, input, region ?? engine.region);
      case 'lost-answer':
      case undefined:
        break;
    }
    const outcome = engine.execute(operation, input, { isKeyUsable, region });
    if (ending?.kind === 'lost-answer') return 'reset';
    return outcome.ok ? formatBody(outcome.body, requestId) : formatRefusal(outcome.refusal, requestId);
  };

  const server = await startLoopbackServer(async (request, response, stopping) => {
    arrivals += 1;
    const requestId = `00000000-0000-4000-8000-${arrivals.toString(16).padStart(12, '0')}`;
    const reply = await answer(request, requestId, stopping).catch((error: unknown) => {
      if (error instanceof Refusal) return formatRefusal(error, requestId);
      if (request.socket.destroyed || stopping.aborted) throw error;
      // A bug. The message could quote anything, so none of it is sent.
      const bug = new Refusal('InternalServiceError', 'An error occurred on the server side.');
      return formatRefusal(bug, requestId);
    });
    if (reply === 'reset') return void request.socket.resetAndDestroy();
    response.sendDate = false;
    response.writeHead(reply.status, { ...reply.headers, Date: new Date(clock.now()).toUTCString() });
    response.end(reply.body);
  }, options);

  const { url: endpoint, port, stop } = server;
  return { endpoint, port, stop, requests, setFaults: (faults) => board.set(faults) };
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
