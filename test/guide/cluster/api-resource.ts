/** The kinds of objects that the cluster knows, and how it tells clients about them. */
import type { JsonObject } from '../../../src/core/wire/json.ts';

export interface ApiResource {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly isNamespaced: boolean;
  /** Defined by a custom resource definition: clients know no merge keys for it. */
  readonly isCustom: boolean;
  readonly shortNames: readonly string[];
}

const define = (
  groupVersion: string,
  kind: string,
  plural: string,
  { isNamespaced = true, isCustom = false, shortNames = [] }: Partial<ApiResource> = {},
): ApiResource => {
  const [group = '', version = groupVersion] = groupVersion.includes('/') ? groupVersion.split('/') : [''];
  return { group, version, kind, plural, isNamespaced, isCustom, shortNames };
};

export const NAMESPACES = define('v1', 'Namespace', 'namespaces', {
  isNamespaced: false,
  shortNames: ['ns'],
});
export const PODS = define('v1', 'Pod', 'pods', { shortNames: ['po'] });
export const SERVICES = define('v1', 'Service', 'services');
export const CONFIG_MAPS = define('v1', 'ConfigMap', 'configmaps', { shortNames: ['cm'] });
export const SECRETS = define('v1', 'Secret', 'secrets');
export const SERVICE_ACCOUNTS = define('v1', 'ServiceAccount', 'serviceaccounts', { shortNames: ['sa'] });
export const DEPLOYMENTS = define('apps/v1', 'Deployment', 'deployments', { shortNames: ['deploy'] });
export const REPLICA_SETS = define('apps/v1', 'ReplicaSet', 'replicasets', { shortNames: ['rs'] });
export const ROLES = define('rbac.authorization.k8s.io/v1', 'Role', 'roles');
export const ROLE_BINDINGS = define('rbac.authorization.k8s.io/v1', 'RoleBinding', 'rolebindings');
export const LEASES = define('coordination.k8s.io/v1', 'Lease', 'leases');

export const API_RESOURCES: readonly ApiResource[] = [
  NAMESPACES,
  PODS,
  SERVICES,
  CONFIG_MAPS,
  SECRETS,
  SERVICE_ACCOUNTS,
  DEPLOYMENTS,
  REPLICA_SETS,
  ROLES,
  ROLE_BINDINGS,
  LEASES,
  define('networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies', { shortNames: ['netpol'] }),
  define('policy/v1', 'PodDisruptionBudget', 'poddisruptionbudgets', { shortNames: ['pdb'] }),
  define('monitoring.coreos.com/v1', 'PodMonitor', 'podmonitors', { isCustom: true }),
  define('monitoring.coreos.com/v1', 'PrometheusRule', 'prometheusrules', { isCustom: true }),
];

const VERBS = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'];

export function apiVersionOf({ group, version }: ApiResource): string {
  return group === '' ? version : `${group}/${version}`;
}

/** What `GET path` tells about the API itself; `undefined` when the path is about objects. */
export function describeApi(path: string): JsonObject | undefined {
  const groups = [...new Set(API_RESOURCES.filter(({ group }) => group !== '').map(apiVersionOf))];
  if (path === '/version')
    return { major: '1', minor: '36', gitVersion: 'v1.36.0-guide', platform: 'linux/amd64' };
  if (path === '/api') return { kind: 'APIVersions', versions: ['v1'] };
  if (path === '/apis')
    return {
      kind: 'APIGroupList',
      apiVersion: 'v1',
      groups: groups.map((groupVersion) => {
        const [name, version] = groupVersion.split('/');
        return { name, versions: [{ groupVersion, version }], preferredVersion: { groupVersion, version } };
      }),
    };
  if (path === '/openapi/v3')
    return {
      paths: Object.fromEntries(
        ['v1', ...groups].map((groupVersion) => {
          const name = groupVersion === 'v1' ? 'api/v1' : `apis/${groupVersion}`;
          return [name, { serverRelativeURL: `/openapi/v3/${name}?hash=guide` }];
        }),
      ),
    };
  const [, root, groupVersion = ''] = /^\/(api|apis|openapi\/v3\/apis?)\/(.+)$/.exec(path) ?? [];
  const resources = API_RESOURCES.filter((resource) => apiVersionOf(resource) === groupVersion);
  if (root === undefined || resources.length === 0) return undefined;
  return root.startsWith('openapi') ? describePaths(resources) : describeResources(groupVersion, resources);
}

function describeResources(groupVersion: string, resources: readonly ApiResource[]): JsonObject {
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion,
    resources: resources.map(({ plural, kind, isNamespaced, shortNames }) => ({
      name: plural,
      singularName: kind.toLowerCase(),
      namespaced: isNamespaced,
      kind,
      verbs: VERBS,
      shortNames,
    })),
  };
}

/** As much of OpenAPI as tells a client that the server itself validates fields strictly. */
function describePaths(resources: readonly ApiResource[]): JsonObject {
  const validation = { name: 'fieldValidation', in: 'query', schema: { type: 'string' } };
  return {
    openapi: '3.0.0',
    info: { title: 'guide', version: '1' },
    paths: Object.fromEntries(
      resources.map((resource) => {
        const { group, version, kind, plural } = resource;
        const root = group === '' ? '/api' : '/apis';
        const operation = {
          'x-kubernetes-group-version-kind': { group, version, kind },
          parameters: [validation],
          responses: {},
        };
        return [`${root}/${apiVersionOf(resource)}/${plural}/{name}`, { patch: operation, post: operation }];
      }),
    ),
  };
}
