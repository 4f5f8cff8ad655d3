import { isJsonObject, type JsonObject, parseJson } from '../../src/core/wire/json.ts';

export interface LeaseApiRequest {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: string;
}

export interface LeaseApiAnswer {
  readonly status: number;
  readonly body: JsonObject;
}

/** A rule of a Role for leases. */
export interface LeaseRule {
  readonly verbs: readonly ('get' | 'create' | 'update')[];
  /** Matches no `create`: when that is authorised the object has no name yet. */
  readonly resourceNames?: readonly string[];
}

export interface LeaseApiOptions {
  readonly namespace?: string;
  readonly rules?: readonly LeaseRule[];
  /** Bearer tokens that are accepted. */
  readonly tokens?: readonly string[];
}

export const LEASE_NAMESPACE = 'payments';
export const LEASE_NAME = 'token-refresher';
export const SERVICE_ACCOUNT_TOKEN = 'service-account-canary';

/** The Role that is shipped. */
const SHIPPED_RULES: readonly LeaseRule[] = [
  { verbs: ['create'] },
  { verbs: ['get', 'update'], resourceNames: [LEASE_NAME] },
];

const PATH = /^\/apis\/coordination\.k8s\.io\/v1\/namespaces\/([^/]+)\/leases(?:\/([^/?]+))?(\?dryRun=All)?$/;
const MICRO_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}(?:Z|[+-]\d{2}:\d{2})$/;
const VERBS: Readonly<Record<string, 'get' | 'create' | 'update'>> = {
  GET: 'get',
  POST: 'create',
  PUT: 'update',
};

/** Leases as the API server keeps them, without a network: who may do what, versions, validation. */
export class LeaseApi {
  readonly #namespace: string;
  #rules: readonly LeaseRule[];
  #tokens: ReadonlySet<string>;
  readonly #leases = new Map<string, JsonObject>();
  #version = 1000;

  constructor({
    namespace = LEASE_NAMESPACE,
    rules = SHIPPED_RULES,
    tokens = [SERVICE_ACCOUNT_TOKEN],
  }: LeaseApiOptions = {}) {
    this.#namespace = namespace;
    this.#rules = rules;
    this.#tokens = new Set(tokens);
  }

  acceptTokens(...tokens: readonly string[]): void {
    this.#tokens = new Set(tokens);
  }

  grant(...rules: readonly LeaseRule[]): void {
    this.#rules = rules;
  }

  handle({ method, path, authorization, body }: LeaseApiRequest): LeaseApiAnswer {
    const [, namespace, name, dryRun] = PATH.exec(path) ?? [];
    const isKept = dryRun === undefined;
    const verb = VERBS[method];
    const token = /^Bearer (.+)$/.exec(authorization ?? '')?.[1];
    if (token === undefined || !this.#tokens.has(token)) return refuse(401, 'Unauthorized');
    if (namespace === undefined || verb === undefined) return refuse(404, 'NotFound');
    if (!this.#isAllowed(verb, name)) return refuse(403, 'Forbidden', describeDenial(verb, namespace, name));
    if (namespace !== this.#namespace)
      return refuse(404, 'NotFound', verb === 'create' ? `namespaces "${namespace}" not found` : undefined);
    switch (verb) {
      case 'get':
        return this.#answer(this.#leases.get(name ?? ''), 200);
      case 'create':
        return this.#create(parseJson(body), isKept);
      case 'update':
        return this.#update(name ?? '', parseJson(body), isKept);
    }
  }

  /** The `spec` of the lease; `undefined` when there is none. */
  spec(name: string = LEASE_NAME): JsonObject | undefined {
    const spec = this.#leases.get(name)?.['spec'];
    return isJsonObject(spec) ? spec : undefined;
  }

  metadata(name: string = LEASE_NAME): JsonObject | undefined {
    const metadata = this.#leases.get(name)?.['metadata'];
    return isJsonObject(metadata) ? metadata : undefined;
  }

  /** Somebody with kubectl. Nothing is validated; a `spec` that is no mapping is stored too. */
  edit(spec: unknown, labels: JsonObject = {}, name: string = LEASE_NAME): void {
    const metadata = { name, namespace: this.#namespace, labels, uid: 'uid-1' };
    this.#put(name, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec });
  }

  delete(name: string = LEASE_NAME): void {
    this.#leases.delete(name);
  }

  #isAllowed(verb: 'get' | 'create' | 'update', name: string | undefined): boolean {
    return this.#rules.some(
      ({ verbs, resourceNames }) =>
        verbs.includes(verb) &&
        (resourceNames === undefined || (name !== undefined && resourceNames.includes(name))),
    );
  }

  #create(lease: unknown, isKept: boolean): LeaseApiAnswer {
    const metadata = isJsonObject(lease) ? lease['metadata'] : undefined;
    if (!isJsonObject(lease) || !isJsonObject(metadata)) return refuse(400, 'BadRequest');
    const { name, namespace, resourceVersion } = metadata;
    if (typeof name !== 'string' || namespace !== this.#namespace) return refuse(400, 'BadRequest');
    if (resourceVersion !== undefined) return refuse(400, 'BadRequest');
    const invalid = findInvalid(lease['spec']);
    if (invalid !== undefined) return invalid;
    if (this.#leases.has(name)) return refuse(409, 'AlreadyExists');
    if (!isKept) return { status: 201, body: { ...lease, metadata: { ...metadata, resourceVersion: '1' } } };
    this.#put(name, lease);
    return this.#answer(this.#leases.get(name), 201);
  }

  #update(name: string, lease: unknown, isKept: boolean): LeaseApiAnswer {
    const metadata = isJsonObject(lease) ? lease['metadata'] : undefined;
    if (!isJsonObject(lease) || !isJsonObject(metadata) || metadata['name'] !== name)
      return refuse(400, 'BadRequest');
    const invalid = findInvalid(lease['spec']);
    if (invalid !== undefined) return invalid;
    const present = this.#leases.get(name);
    if (present === undefined) return refuse(404, 'NotFound');
    // Leases allow no unconditional update.
    if (typeof metadata['resourceVersion'] !== 'string') return refuse(422, 'Invalid');
    if (metadata['resourceVersion'] !== this.metadata(name)?.['resourceVersion'])
      return refuse(409, 'Conflict');
    if (!isKept) return { status: 200, body: lease };
    // Equal bytes are no change: the version stays.
    if (JSON.stringify(present) !== JSON.stringify(lease)) this.#put(name, lease);
    return this.#answer(this.#leases.get(name), 200);
  }

  #put(name: string, lease: JsonObject): void {
    this.#version += 1;
    const metadata = isJsonObject(lease['metadata']) ? lease['metadata'] : {};
    const stored = { uid: 'uid-1', ...metadata, resourceVersion: String(this.#version) };
    this.#leases.set(name, { ...lease, metadata: stored });
  }

  #answer(lease: JsonObject | undefined, status: number): LeaseApiAnswer {
    return lease === undefined ? refuse(404, 'NotFound') : { status, body: lease };
  }
}

function findInvalid(spec: unknown): LeaseApiAnswer | undefined {
  if (!isJsonObject(spec)) return refuse(400, 'BadRequest');
  for (const field of ['acquireTime', 'renewTime']) {
    const time = spec[field];
    if (time !== undefined && !(typeof time === 'string' && MICRO_TIME.test(time)))
      return refuse(400, 'BadRequest');
  }
  const { leaseDurationSeconds: duration, leaseTransitions: transitions } = spec;
  const isInvalid =
    (duration !== undefined && !(Number.isInteger(duration) && Number(duration) > 0)) ||
    (transitions !== undefined && !(Number.isInteger(transitions) && Number(transitions) >= 0));
  return isInvalid ? refuse(422, 'Invalid') : undefined;
}

/** As version 1.36 words what RBAC denies. */
function describeDenial(verb: string, namespace: string, name: string | undefined): string {
  return (
    `leases.coordination.k8s.io ${name === undefined ? '' : `"${name}" `}is forbidden: ` +
    `User "system:serviceaccount:${namespace}:token-refresher" cannot ${verb} resource "leases" ` +
    `in API group "coordination.k8s.io" in the namespace "${namespace}"`
  );
}

/** As the real one, by default with a message that nobody may rely on. */
export function refuse(
  status: number,
  reason: string,
  message = `a message of the API server about ${reason}`,
): LeaseApiAnswer {
  const body = { kind: 'Status', apiVersion: 'v1', status: 'Failure', message, reason, code: status };
  return { status, body };
}
