/** The kinds of objects that the sandbox's API server knows. */
import { type ApiResource, defineResource as define } from './api-resource.ts';

const RBAC = 'rbac.authorization.k8s.io/v1';
const AUTHORIZATION = 'authorization.k8s.io/v1';
const CLUSTER_WIDE = { isNamespaced: false };

export const NAMESPACES = define('v1', 'Namespace', 'namespaces', { ...CLUSTER_WIDE, shortNames: ['ns'] });
export const SECRETS = define('v1', 'Secret', 'secrets');
export const SERVICE_ACCOUNTS = define('v1', 'ServiceAccount', 'serviceaccounts', { shortNames: ['sa'] });
export const LEASES = define('coordination.k8s.io/v1', 'Lease', 'leases');
export const ROLES = define(RBAC, 'Role', 'roles');
export const ROLE_BINDINGS = define(RBAC, 'RoleBinding', 'rolebindings');
export const CLUSTER_ROLES = define(RBAC, 'ClusterRole', 'clusterroles', CLUSTER_WIDE);
export const CLUSTER_ROLE_BINDINGS = define(RBAC, 'ClusterRoleBinding', 'clusterrolebindings', CLUSTER_WIDE);
export const TOKEN_REVIEWS = define('authentication.k8s.io/v1', 'TokenReview', 'tokenreviews', CLUSTER_WIDE);
export const ACCESS_REVIEWS = define(
  AUTHORIZATION,
  'SubjectAccessReview',
  'subjectaccessreviews',
  CLUSTER_WIDE,
);
export const OWN_ACCESS_REVIEWS = define(
  AUTHORIZATION,
  'SelfSubjectAccessReview',
  'selfsubjectaccessreviews',
  CLUSTER_WIDE,
);

export const KNOWN_RESOURCES: readonly ApiResource[] = [
  NAMESPACES,
  SECRETS,
  SERVICE_ACCOUNTS,
  LEASES,
  ROLES,
  ROLE_BINDINGS,
  CLUSTER_ROLES,
  CLUSTER_ROLE_BINDINGS,
  TOKEN_REVIEWS,
  ACCESS_REVIEWS,
  OWN_ACCESS_REVIEWS,
];
