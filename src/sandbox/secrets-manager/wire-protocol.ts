/**
 * AWS JSON 1.1: how a request names its operation and how an answer is written. Pure; the sockets are in
 * `secrets-manager-server.ts`.
 *
 * Non-guarantee: the signature (Signature Version 4) has to be there and to look like one, but it is not verified, so
 * any credentials will do. Source: Smithy, `aws.protocols#awsJson1_1`.
 */
import { isJsonObject, type JsonObject, parseJson } from '../../core/json.ts';
import { findOperationName, type OperationName } from './operation.ts';
import { Refusal } from './refusal.ts';

const TARGET_PREFIX = 'secretsmanager.';

/** Method, path and headers of a request. */
export interface RequestHead {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

export interface WireResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The operation that a request asks for. @throws {Refusal} `UnknownOperationException` */
export function readOperation(head: RequestHead): OperationName {
  const target = head.headers['x-amz-target'];
  if (
    head.method === 'POST' &&
    head.url === '/' &&
    typeof target === 'string' &&
    target.startsWith(TARGET_PREFIX)
  ) {
    const operation = findOperationName(target.slice(TARGET_PREFIX.length));
    if (operation !== undefined) return operation;
  }
  throw new Refusal(
    'UnknownOperationException',
    'The operation is unknown to this Secrets Manager emulator.',
  );
}

/** @throws {Refusal} `MissingAuthenticationTokenException`, `IncompleteSignatureException` */
export function assertSigned(head: RequestHead): void {
  const authorization = head.headers['authorization'];
  if (typeof authorization !== 'string' || !authorization.startsWith('AWS4-HMAC-SHA256 ')) {
    throw new Refusal('MissingAuthenticationTokenException', 'Missing Authentication Token');
  }
  const missing = ['Credential=', 'SignedHeaders=', 'Signature='].filter(
    (part) => !authorization.includes(part),
  );
  if (missing.length === 0) return;
  throw new Refusal(
    'IncompleteSignatureException',
    `Authorization header requires ${missing.map((part) => `'${part.slice(0, -1)}'`).join(', ')}.`,
  );
}

/** @throws {Refusal} `SerializationException`, without quoting the body */
export function readInput(body: string): JsonObject {
  const input = body === '' ? {} : parseJson(body);
  if (isJsonObject(input)) return input;
  throw new Refusal('SerializationException', 'The body is not a JSON object.');
}

export function formatBody(body: JsonObject, requestId: string): WireResponse {
  return { status: 200, headers: baseHeaders(requestId), body: JSON.stringify(body) };
}

export function formatRefusal(refusal: Refusal, requestId: string): WireResponse {
  return {
    status: refusal.status,
    headers: { ...baseHeaders(requestId), 'x-amzn-ErrorType': refusal.name },
    body: JSON.stringify({ __type: refusal.name, Message: refusal.message }),
  };
}

function baseHeaders(requestId: string): Record<string, string> {
  return { 'Content-Type': 'application/x-amz-json-1.1', 'x-amzn-RequestId': requestId };
}
