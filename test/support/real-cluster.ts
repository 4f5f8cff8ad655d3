/** A real API server with its etcd, for what our imitation of one cannot prove. */
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request as sendHttps } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { SecretText } from '../../src/core/secret-text.ts';
import { isJsonObject, type JsonObject, parseJson } from '../../src/core/wire/json.ts';
import { textAt } from '../../src/sandbox/kubernetes/json-tree.ts';
import { findFreePort } from './free-port.ts';

const { KUBE_APISERVER, ETCD } = process.env;
const ADMIN_TOKEN = 'real-cluster-admin';
const START_MS = 90_000;

/** For `describe`: why nothing can be tried on a real API server here. */
export const REAL_CLUSTER_SKIP: string | false =
  KUBE_APISERVER === undefined || ETCD === undefined
    ? 'KUBE_APISERVER and ETCD do not name the programs'
    : false;

export interface RealAnswer {
  readonly status: number;
  readonly contentType: string | undefined;
  /** An empty object when the answer is no JSON object. */
  readonly body: JsonObject;
}

export interface RealRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
}

export interface RealCluster {
  /** `https://127.0.0.1:PORT` */
  readonly url: string;
  /** PEM. */
  readonly caFile: string;
  readonly admin: SecretText;
  /** As it is. */
  exchange(request: RealRequest): Promise<RealAnswer>;
  /** A request of the administrator, unless another token is given. @throws unless it succeeds, or exists already */
  apply(method: string, path: string, body?: JsonObject): Promise<JsonObject>;
  /** The account is created if need be. */
  issueToken(
    namespace: string,
    name: string,
    spec?: { readonly audiences?: readonly string[]; readonly expirationSeconds?: number },
  ): Promise<SecretText>;
}

let running: Promise<RealCluster> | undefined;
const endings: (() => Promise<void>)[] = [];

/** The one of this process, which ends with its tests. */
export function useRealCluster(): Promise<RealCluster> {
  running ??= start();
  return running;
}

if (REAL_CLUSTER_SKIP === false)
  after(async () => {
    for (const end of endings.toReversed()) await end();
  });

async function start(): Promise<RealCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'real-cluster-'));
  endings.push(() => rm(folder, { recursive: true, force: true }));
  const keyFile = join(folder, 'accounts.key');
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await writeFile(keyFile, privateKey.export({ type: 'pkcs1', format: 'pem' }));
  await writeFile(join(folder, 'tokens.csv'), `${ADMIN_TOKEN},kubernetes-admin,,"system:masters"\n`);
  const [clientPort, peerPort, port] = await Promise.all([findFreePort(), findFreePort(), findFreePort()]);
  const [etcd, peer] = [`http://127.0.0.1:${clientPort}`, `http://127.0.0.1:${peerPort}`];
  run(ETCD, {
    'data-dir': join(folder, 'etcd'),
    'listen-client-urls': etcd,
    'advertise-client-urls': etcd,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': `default=${peer}`,
  });
  run(KUBE_APISERVER, {
    'etcd-servers': etcd,
    'bind-address': '127.0.0.1',
    'secure-port': String(port),
    'cert-dir': folder,
    'authorization-mode': 'RBAC',
    'token-auth-file': join(folder, 'tokens.csv'),
    'service-account-issuer': 'https://kubernetes.default.svc.cluster.local',
    'service-account-key-file': keyFile,
    'service-account-signing-key-file': keyFile,
    'service-cluster-ip-range': '10.0.0.0/24',
  });
  const caFile = join(folder, 'apiserver.crt');
  const url = `https://127.0.0.1:${port}`;
  const exchange = async (request: RealRequest): Promise<RealAnswer> =>
    send(url, await readFile(caFile, 'utf8'), request);
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' };
  const untilMs = performance.now() + START_MS;
  for (;;) {
    const seen = await exchange({ method: 'GET', path: '/readyz', headers }).catch((error: unknown) => error);
    if (typeof seen === 'object' && seen !== null && 'status' in seen && seen.status === 200) break;
    if (performance.now() > untilMs) throw new Error(`the API server is not ready: ${JSON.stringify(seen)}`);
    await sleep(100);
  }

  const apply = async (method: string, path: string, body?: JsonObject): Promise<JsonObject> => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const answer = await exchange({ method, path, headers, body: text });
    if (answer.status >= 300 && answer.status !== 409)
      throw new Error(`${method} ${path}: ${answer.status} ${textAt(answer.body, 'message')}`);
    return answer.body;
  };
  return {
    url,
    caFile,
    admin: new SecretText(ADMIN_TOKEN),
    exchange,
    apply,
    async issueToken(namespace, name, spec = {}) {
      const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
      await apply('POST', accounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name } });
      const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec };
      return new SecretText(
        textAt(await apply('POST', `${accounts}/${name}/token`, request), 'status', 'token'),
      );
    },
  };
}

function run(program: string | undefined, flags: Readonly<Record<string, string>>): void {
  if (program === undefined) throw new Error(String(REAL_CLUSTER_SKIP));
  const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
  const child: ChildProcess = spawn(program, args, { stdio: 'ignore' });
  const ended = once(child, 'close').catch(() => undefined);
  endings.push(async () => {
    child.kill('SIGKILL');
    await ended;
  });
}

async function send(url: string, ca: string, request: RealRequest): Promise<RealAnswer> {
  const { method, path, headers, body } = request;
  const length = { 'content-length': String(Buffer.byteLength(body ?? '')) };
  const call = sendHttps(new URL(path, url), {
    method,
    headers: { ...headers, ...length },
    ca,
    signal: AbortSignal.timeout(30_000),
  });
  call.end(body);
  const [answer] = await once(call, 'response');
  const chunks: Uint8Array[] = [];
  for await (const chunk of answer) chunks.push(chunk);
  const parsed = parseJson(Buffer.concat(chunks).toString('utf8'));
  return {
    status: answer.statusCode,
    contentType: answer.headers['content-type'],
    body: isJsonObject(parsed) ? parsed : {},
  };
}
