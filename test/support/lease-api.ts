import type { JsonObject } from '../../src/core/wire/json.ts';
import { LEASES } from '../../src/sandbox/kubernetes/api-resources.ts';
import { objectAt } from '../../src/sandbox/kubernetes/json-tree.ts';
import { KubernetesApi } from '../../src/sandbox/kubernetes/kubernetes-api.ts';
import { createSeededRandom } from './seeded-random.ts';

/** A rule of a Role for leases. */
export interface LeaseRule {
  readonly verbs: readonly ('get' | 'create' | 'update')[];
  /** Matches no `create`: when that is authorised the object has no name yet. */
  readonly resourceNames?: readonly string[];
}

export interface LeaseApiOptions {
  readonly rules?: readonly LeaseRule[];
}

export const LEASE_NAMESPACE = 'payments';
export const LEASE_NAME = 'token-refresher';
export const SERVICE_ACCOUNT_TOKEN = 'service-account-canary';
const ACCOUNT = { namespace: LEASE_NAMESPACE, name: 'token-refresher' };

/** The Role that is shipped. */
const SHIPPED_RULES: readonly LeaseRule[] = [
  { verbs: ['create'] },
  { verbs: ['get', 'update'], resourceNames: [LEASE_NAME] },
];

/** The API server of the sandbox with an account that takes part in an election, and somebody with kubectl. */
export class LeaseApi extends KubernetesApi {
  constructor({ rules = SHIPPED_RULES }: LeaseApiOptions = {}) {
    super({ clock: { now: () => 0 }, random: createSeededRandom(1) });
    this.createNamespace(LEASE_NAMESPACE);
    this.acceptTokens(SERVICE_ACCOUNT_TOKEN);
    this.grant(...rules);
    this.put({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: ACCOUNT.name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: ACCOUNT.name },
      subjects: [{ kind: 'ServiceAccount', ...ACCOUNT }],
    });
  }

  /** Bearer tokens that are accepted, and no others. */
  acceptTokens(...tokens: readonly string[]): void {
    this.identities.revokeAll();
    for (const text of tokens) this.issueToken({ ...ACCOUNT, text });
  }

  /** What may be done with Leases, and no more. */
  grant(...rules: readonly LeaseRule[]): void {
    this.put({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: ACCOUNT.name },
      rules: rules.map((rule) => ({ apiGroups: ['coordination.k8s.io'], resources: ['leases'], ...rule })),
    });
  }

  /** The `spec` of the lease; `undefined` when there is none. */
  spec(): JsonObject | undefined {
    const lease = this.#lease();
    return lease && objectAt(lease, 'spec');
  }

  metadata(): JsonObject | undefined {
    const lease = this.#lease();
    return lease && objectAt(lease, 'metadata');
  }

  /** Somebody with kubectl, who is not asked for versions; numbers and names are not validated. */
  edit(spec: unknown, labels: JsonObject = {}): void {
    const metadata = { name: LEASE_NAME, namespace: LEASE_NAMESPACE, labels };
    this.put({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec });
  }

  delete(): void {
    this.remove(LEASES, LEASE_NAMESPACE, LEASE_NAME);
  }

  #lease(): JsonObject | undefined {
    return this.find(LEASES, LEASE_NAMESPACE, LEASE_NAME);
  }
}
