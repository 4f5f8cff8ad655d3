/**
 * AWS on one port: the services are told apart by the scope of the request's signature, as nothing else is the same in
 * all of their protocols. Secrets Manager is the sandbox's emulator, with IAM in front of it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { type JsonObject, parseJson } from '../../../src/core/wire/json.ts';
import { objectAt } from '../../../src/sandbox/kubernetes/json-tree.ts';
import { Refusal } from '../../../src/sandbox/secrets-manager/refusal.ts';
import type { SecretsManager } from '../../../src/sandbox/secrets-manager/secrets-manager.ts';
import {
  formatBody,
  formatRefusal,
  readOperation,
} from '../../../src/sandbox/secrets-manager/wire-protocol.ts';
import { type LoopbackServer, startLoopbackServer } from '../../support/loopback-server.ts';
import { ADMIN, type AwsAccount, AwsRefusal } from './aws-account.ts';
import { callEcr } from './ecr-service.ts';
import { callEks } from './eks-service.ts';
import { isAllowed } from './iam-policy.ts';
import { callIam, formatIamRefusal } from './iam-service.ts';
import { permissionsFor } from './secrets-permission.ts';

const SCOPE = /Credential=(?<key>[^/]+)\/\d{8}\/(?<region>[^/]+)\/(?<service>[^/]+)\/aws4_request/;

interface AwsRequest {
  readonly message: IncomingMessage;
  readonly body: string;
  readonly accessKeyId: string;
  readonly region: string;
  readonly service: string;
}

interface AwsAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface AwsServerOptions {
  readonly account: AwsAccount;
  readonly engine: SecretsManager;
  /** Namespace and service account of the pod that an agent's token belongs to. */
  readonly findPod: (token: string) => { namespace: string; serviceAccount: string } | undefined;
}

export function startAwsServer(options: AwsServerOptions): Promise<LoopbackServer> {
  return startLoopbackServer((request, response) => void serve(options, request, response));
}

async function serve(options: AwsServerOptions, message: IncomingMessage, response: ServerResponse) {
  const body = await text(message);
  const { status, headers, body: answer } = answerOf(options, message, body);
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1', ...headers }).end(answer);
}

function answerOf(options: AwsServerOptions, message: IncomingMessage, body: string): AwsAnswer {
  const { authorization = '' } = message.headers;
  if (message.url === '/v1/credentials') return giveCredentials(options, authorization);
  const scope = SCOPE.exec(authorization)?.groups ?? {};
  const { key = '', region = '', service = '' } = scope;
  try {
    return callService(options, { message, body, accessKeyId: key, region, service });
  } catch (error) {
    if (error instanceof Refusal) return formatRefusal(error, 'guide');
    if (!(error instanceof AwsRefusal)) throw error;
    const isXml = service === 'iam' || service === 'sts';
    return {
      status: error.status,
      headers: { 'x-amzn-errortype': error.code },
      body: isXml
        ? formatIamRefusal(error)
        : JSON.stringify({ __type: error.code, message: error.message, Message: error.message }),
    };
  }
}

function callService(options: AwsServerOptions, request: AwsRequest): AwsAnswer {
  const { account } = options;
  const { message, body, accessKeyId, service, region } = request;
  const policies = account.policiesOfKey(accessKeyId);
  if (service === 'secretsmanager') return callSecretsManager(options, request);
  if (policies !== undefined)
    throw new AwsRefusal('AccessDeniedException', `no right to use ${service}`, 403);
  // IAM is global, and signs for us-east-1.
  if (service !== 'iam' && region !== account.region)
    throw new AwsRefusal('InvalidRequestException', `nothing is in ${region}`);
  const target = String(message.headers['x-amz-target'] ?? '').split('.')[1] ?? '';
  switch (service) {
    case 'iam':
    case 'sts':
      return {
        status: 200,
        headers: { 'content-type': 'text/xml' },
        body: callIam(account, new URLSearchParams(body)),
      };
    case 'eks': {
      const url = new URL(message.url ?? '/', 'http://eks');
      const answer = callEks(account, { method: message.method ?? '', url, body: parseJson(body) });
      return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(answer) };
    }
    case 'cloudtrail':
      return { status: 200, body: '{"Events":[]}' };
    case 'ecr':
      return { status: 200, body: JSON.stringify(callEcr(account, target, parseJson(body))) };
    default:
      throw new AwsRefusal('InvalidAction', `no service ${service} here`);
  }
}

function callSecretsManager({ account, engine }: AwsServerOptions, request: AwsRequest): AwsAnswer {
  const { message, body, accessKeyId, region } = request;
  if (region !== engine.region) throw new AwsRefusal('InvalidRequestException', `nothing is in ${region}`);
  const operation = readOperation(message);
  const input: JsonObject = objectAt(parseJson(body));
  const policies = account.policiesOfKey(accessKeyId);
  const denied =
    policies === undefined
      ? undefined
      : permissionsFor(engine, operation, input).find((call) => !isAllowed(policies, call));
  if (denied !== undefined)
    throw new AwsRefusal(
      'AccessDeniedException',
      `not authorized to perform: ${denied.action} on resource: ${denied.resource}`,
    );
  const outcome = engine.execute(operation, input);
  return outcome.ok ? formatBody(outcome.body, 'guide') : formatRefusal(outcome.refusal, 'guide');
}

/** As the agent of EKS Pod Identity on each node. */
function giveCredentials({ account, findPod }: AwsServerOptions, token: string): AwsAnswer {
  const pod = findPod(token);
  const accessKeyId = pod && account.openSession(pod.namespace, pod.serviceAccount);
  if (accessKeyId === undefined) return { status: 404, body: '{"message":"no association"}' };
  const expiresAt = new Date(Date.now() + 6 * 3_600_000).toISOString();
  return {
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      AccessKeyId: accessKeyId,
      SecretAccessKey: ADMIN.secretAccessKey,
      Token: 'session',
      Expiration: expiresAt,
    }),
  };
}
