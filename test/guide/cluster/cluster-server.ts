/**
 * The API server of the cluster: what kubectl asks for in the guide, over https, with strict validation of everything
 * that is written. Pods talk to the sandbox's API server, which knows the Roles that were applied and keeps the Leases.
 */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createSystemClock } from '../../../src/adapters/system/clock.ts';
import { SecretText } from '../../../src/core/secret-text.ts';
import { type JsonObject, parseJson } from '../../../src/core/wire/json.ts';
import { type ApiResource, describeApi } from '../../../src/sandbox/kubernetes/api-resource.ts';
import { findTarget, type Target } from '../../../src/sandbox/kubernetes/api-target.ts';
import { objectAt, textAt } from '../../../src/sandbox/kubernetes/json-tree.ts';
import { type ApiRequest, KubernetesApi } from '../../../src/sandbox/kubernetes/kubernetes-api.ts';
import { decodeSecret, PROTOBUF } from '../../../src/sandbox/kubernetes/protobuf.ts';
import { isSelected, type Selection } from '../../../src/sandbox/kubernetes/selector.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';
import {
  API_RESOURCES,
  LEASES,
  NAMESPACES,
  PODS,
  ROLE_BINDINGS,
  ROLES,
  SERVICE_ACCOUNTS,
} from './api-resource.ts';
import { notFound, refusal } from './api-status.ts';
import type { Certificate } from './certificate.ts';
import type { Kubelet } from './kubelet.ts';
import { ObjectApi } from './object-api.ts';
import { listOf, podTable } from './object-list.ts';
import { nameOf, namespaceOf, type ObjectChange, type ObjectStore } from './object-store.ts';
import { serveExec, servePortForward } from './pod-streams.ts';

export interface ClusterServerOptions {
  readonly store: ObjectStore;
  readonly certificate: Certificate;
  /** Whether a bearer token is one of a person who may do everything. */
  readonly isAdmin: (token: string) => boolean;
}

/** What decides about the rights of a pod. */
const ACCESS: readonly ApiResource[] = [NAMESPACES, SERVICE_ACCOUNTS, ROLES, ROLE_BINDINGS];

export class ClusterServer implements AsyncDisposable {
  readonly #options: ClusterServerOptions;
  readonly #server: ReturnType<typeof createServer>;
  /** What pods see of the cluster. */
  readonly #podApi = new KubernetesApi({ clock: createSystemClock(), random: createSeededRandom(1) });
  readonly #objects: ObjectApi;
  /** Where pods run; there is none before the server has a port. */
  kubelet: Kubelet | undefined;

  private constructor(options: ClusterServerOptions) {
    this.#options = options;
    for (const resource of ACCESS)
      for (const object of options.store.list(resource)) this.#tellPods({ type: 'ADDED', resource, object });
    options.store.watch((change) => this.#tellPods(change));
    this.#objects = new ObjectApi(options.store);
    const { key, cert } = options.certificate;
    this.#server = createServer({ key, cert }, (request, response) => void this.#serve(request, response));
    this.#server.on('upgrade', (request, socket) => {
      // The pod may be gone by now.
      this.#upgrade(request, socket).catch(() => socket.destroy());
    });
  }

  static async start(options: ClusterServerOptions): Promise<ClusterServer> {
    const server = new ClusterServer(options);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the server has no port');
    return address.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    try {
      this.#answer(request, response, body);
    } catch (error) {
      const message = error instanceof Error ? error.message : 'failed';
      const refused = { code: 500, reason: 'InternalError', message };
      send(response, 500, { kind: 'Status', apiVersion: 'v1', status: 'Failure', ...refused });
    }
  }

  #answer(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
    const { method = 'GET', url = '/', headers } = request;
    const { pathname, searchParams } = new URL(url, 'https://cluster');
    const token = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1] ?? '';
    if (!this.#options.isAdmin(token)) {
      this.#answerPod(
        token,
        { method, path: url, authorization: headers.authorization, body: body.toString('utf8') },
        response,
      );
      return;
    }
    const about = describeApi(pathname, API_RESOURCES);
    const target = about === undefined ? findTarget(pathname, searchParams, API_RESOURCES) : undefined;
    if (about !== undefined) send(response, 200, about);
    else if (target === undefined) send(response, 404, refusal(404, 'NotFound', `no ${pathname}`));
    else if (target.resource === PODS && target.subresource === 'log') {
      const pod = this.#options.store.get(PODS, target.namespace, target.name);
      response.writeHead(200, { 'content-type': 'text/plain' }).end(pod && this.kubelet?.logOf(pod));
    } else if (method === 'GET') this.#read(target, headers.accept ?? '', response);
    else {
      const type = headers['content-type'] ?? '';
      // The options of a deletion mean nothing here.
      const sent =
        method === 'DELETE'
          ? undefined
          : type === PROTOBUF
            ? decodeSecret(body)
            : parseJson(body.toString('utf8'));
      const { status, body: answer } = this.#objects.write(method, target, type, sent);
      send(response, status, answer);
    }
  }

  #tellPods({ type, resource, object }: ObjectChange): void {
    if (!ACCESS.includes(resource)) return;
    if (type === 'DELETED') this.#podApi.remove(resource, namespaceOf(object), nameOf(object));
    else this.#podApi.put(object);
  }

  #answerPod(token: string, request: ApiRequest, response: ServerResponse): void {
    const identity = this.kubelet?.findIdentity(token);
    if (identity === undefined) this.#podApi.identities.revoke(new SecretText(token));
    else
      this.#podApi.identities.issue({
        namespace: identity.namespace,
        name: identity.serviceAccount,
        text: token,
      });
    const { status, body } = this.#podApi.handle(request);
    send(response, status, body);
  }

  #read(target: Target, accept: string, response: ServerResponse): void {
    const { resource, namespace, name, query } = target;
    if (resource === LEASES) {
      const lease = this.#podApi.find(LEASES, namespace, name);
      if (lease === undefined) send(response, 404, refusal(404, 'NotFound', `lease "${name}" not found`));
      else send(response, 200, lease);
      return;
    }
    const { store } = this.#options;
    if (name !== '') {
      const object = store.get(resource, namespace, name);
      if (object === undefined) send(response, 404, notFound(target));
      else send(response, 200, resource === PODS && isTable(accept) ? podTable([object]) : object);
      return;
    }
    const selection = { labels: query.get('labelSelector'), fields: query.get('fieldSelector') };
    if (query.get('watch') !== null && query.get('watch') !== 'false') {
      this.#watch(target, selection, response);
      return;
    }
    const objects = store.list(resource, namespace).filter((object) => isSelected(object, selection));
    const isPodTable = resource === PODS && isTable(accept);
    send(response, 200, isPodTable ? podTable(objects) : listOf(resource, objects, store.version));
  }

  #watch({ resource, namespace, query }: Target, selection: Selection, response: ServerResponse): void {
    const { store } = this.#options;
    response.writeHead(200, { 'content-type': 'application/json' });
    // A client waits for them, and there may be nothing to tell for long.
    response.flushHeaders();
    const tell = (type: string, object: JsonObject): void =>
      void response.write(`${JSON.stringify({ type, object })}\n`);
    const take = (change: { resource: ApiResource; type: string; object: JsonObject }): void => {
      const isThere = namespace === '' || textAt(change.object, 'metadata', 'namespace') === namespace;
      if (change.resource === resource && isThere && isSelected(change.object, selection))
        tell(change.type, change.object);
    };
    if (query.get('sendInitialEvents') === 'true') {
      for (const object of store.list(resource, namespace)) take({ resource, type: 'ADDED', object });
      const { apiVersion, kind, metadata } = listOf(resource, [], store.version);
      const annotations = { 'k8s.io/initial-events-end': 'true' };
      tell('BOOKMARK', {
        apiVersion,
        kind: String(kind).replace(/List$/, ''),
        metadata: { ...objectAt(metadata), annotations },
      });
    } else for (const change of store.changesSince(Number(query.get('resourceVersion') ?? '0'))) take(change);
    const stop = store.watch(take);
    response.on('close', stop);
  }

  async #upgrade(request: IncomingMessage, socket: Duplex): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '', 'https://cluster');
    const target = findTarget(pathname, searchParams, API_RESOURCES);
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const pod =
      target?.resource === PODS ? this.#options.store.get(PODS, target.namespace, target.name) : undefined;
    const { kubelet } = this;
    if (!this.#options.isAdmin(token) || pod === undefined || kubelet === undefined) {
      socket.destroy();
      return;
    }
    const port = kubelet.portOf(pod);
    if (target?.subresource === 'exec') await serveExec(kubelet, pod, request, socket);
    else if (target?.subresource === 'portforward' && port !== undefined)
      servePortForward(port, request, socket);
    else socket.destroy();
  }
}

function isTable(accept: string): boolean {
  return accept.includes('as=Table');
}

function send(response: ServerResponse, status: number, body: JsonObject): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
