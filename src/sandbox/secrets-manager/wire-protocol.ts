/**
 * AWS JSON 1.1: how a request names its operation and how an answer is written. Pure; the sockets are in
 * `secrets-manager-server.ts`.
 *
 * Non-guarantee: the signature (Signature Version 4) has to be there and to look like one, but it is not verified, so
 * any credentials will do. Source: Smithy, `aws.protocols#awsJson1_1`.
 */
import { isJsonObject, type JsonObject, parseJson } from '../../core/wire/json.ts';
import { findOperationName, OPERATION_NAMES, type OperationName } from './operation.ts';
import { Refusal } from './refusal.ts';

const TARGET_PREFIX = 'secretsmanager.';
const CREDENTIAL_SCOPE = /Credential=[^/,\s]+\/\d{8}\/([a-z0-9-]{1,32})\//;

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
export function readOperation({ method, url, headers }: RequestHead): OperationName {
  const target = method === 'POST' && url === '/' ? headers['x-amz-target'] : undefined;
  const isOurs = typeof target === 'string' && target.startsWith(TARGET_PREFIX);
  const name = isOurs ? target.slice(TARGET_PREFIX.length) : '';
  const operation = findOperationName(name);
  if (operation !== undefined) return operation;
  // The service has more operations: a caller of one should not have to guess whose fault that is.
  const shown = /^[A-Za-z]{1,64}$/.test(name) ? name : 'The operation';
  throw new Refusal(
    'UnknownOperationException',
    `${shown} is unknown to this Secrets Manager emulator, which knows ${OPERATION_NAMES.join(', ')}.`,
  );
}

/** The region that a request is signed for; `undefined` when its signature does not say. */
export function readRegion({ headers }: RequestHead): string | undefined {
  const { authorization } = headers;
  const scope = typeof authorization === 'string' ? CREDENTIAL_SCOPE.exec(authorization) : null;
  return scope?.[1];
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
