/** The kinds of objects that the cluster knows. */
import { type ApiResource, defineResource as define } from '../../../src/sandbox/kubernetes/api-resource.ts';

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
