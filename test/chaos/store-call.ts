import { isJsonObject, parseJson } from '../../src/core/wire/json.ts';
import { findOperationName, type OperationName } from '../../src/sandbox/secrets-manager/operation.ts';
import type { Exchange, TappedRequest } from './wire-tap.ts';

/** A write to the store, by the process that sent it. */
export interface StoreWrite {
  /** The process, by its access key: `refresher-2.5` is the fifth one of the replica `refresher-2`. */
  readonly process: string;
  readonly operation: OperationName;
  /** Name of the secret. */
  readonly secret: string;
  /** The version that is written, or that a label is moved to. */
  readonly version: string | undefined;
  /** The value that is written. */
  readonly text: string | undefined;
  readonly sentAtMs: number;
  /** When the store had carried it out or refused it; `undefined` when it never got there. */
  readonly doneAtMs: number | undefined;
  /** The error that the store refused it with. */
  readonly refusal: string | undefined;
  /** True when it was carried out and AWSCURRENT sits on `version` because of it. */
  readonly movesCurrent: boolean;
}

/** A look of a process at secrets. */
export interface StoreRead {
  readonly process: string;
  readonly secrets: readonly string[];
  readonly sentAtMs: number;
}

const WRITES: ReadonlySet<OperationName> = new Set([
  'CreateSecret',
  'PutSecretValue',
  'UpdateSecretVersionStage',
]);
const CURRENT = 'AWSCURRENT';

/** The operation that a request asks the store for. */
export function operationOf({ headers }: TappedRequest): OperationName | undefined {
  return findOperationName((headers['x-amz-target'] ?? '').replace(/^secretsmanager\./, ''));
}

export function isWriteOperation(operation: OperationName | undefined): boolean {
  return operation !== undefined && WRITES.has(operation);
}

/** `undefined` for what writes nothing. */
export function parseStoreWrite({ request, answer }: Exchange): StoreWrite | undefined {
  const operation = operationOf(request);
  if (operation === undefined || !isWriteOperation(operation)) return undefined;
  const input = objectIn(request.body);
  const output = objectIn(answer?.body ?? '');
  const isDone = answer?.status === 200;
  const move = operation === 'UpdateSecretVersionStage';
  const stages = output['VersionStages'];
  const movesCurrent =
    isDone &&
    (operation === 'CreateSecret' ||
      (move ? input['VersionStage'] === CURRENT : Array.isArray(stages) && stages.includes(CURRENT)));
  return {
    process: processOf(request),
    operation,
    secret: nameOf(textIn(input['SecretId']) ?? textIn(input['Name']) ?? ''),
    version: textIn(input[move ? 'MoveToVersionId' : 'ClientRequestToken']),
    text: textIn(input['SecretString']),
    sentAtMs: request.arrivedAtMs,
    doneAtMs: answer?.atMs,
    refusal:
      answer === undefined || isDone ? undefined : (textIn(output['__type']) ?? `status ${answer.status}`),
    movesCurrent,
  };
}

/** `undefined` for what reads no value. */
export function parseStoreRead({ request }: Exchange): StoreRead | undefined {
  const operation = operationOf(request);
  if (operation !== 'GetSecretValue' && operation !== 'BatchGetSecretValue') return undefined;
  const { SecretId, SecretIdList } = objectIn(request.body);
  const ids: unknown[] = Array.isArray(SecretIdList) ? SecretIdList : [SecretId];
  const secrets = ids.map((id) => nameOf(textIn(id) ?? ''));
  return { process: processOf(request), secrets, sentAtMs: request.arrivedAtMs };
}

function processOf({ headers }: TappedRequest): string {
  return /Credential=([^/]+)\//.exec(headers['authorization'] ?? '')?.[1] ?? 'nobody';
}

/** An ARN ends in the name, a hyphen and six characters that are drawn when the secret is created. */
function nameOf(secretId: string): string {
  return secretId.startsWith('arn:') ? secretId.replace(/^.*:secret:/, '').slice(0, -7) : secretId;
}

function objectIn(text: string): Readonly<Record<string, unknown>> {
  const parsed = parseJson(text);
  return isJsonObject(parsed) ? parsed : {};
}

function textIn(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
