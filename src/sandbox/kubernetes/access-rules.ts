/**
 * Role-based access control: what Roles and their bindings let somebody do. Source: `plugin/pkg/auth/authorizer/rbac` of
 * Kubernetes 1.36.
 */
import type { JsonObject } from '../../core/wire/json.ts';
import { CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES } from './api-resources.ts';
import type { User } from './identities.ts';
import { objectsAt, textAt, textListAt } from './json-tree.ts';
import type { ObjectStore } from './object-store.ts';

/** What somebody wants to do. */
export interface Attempt {
  readonly verb: string;
  readonly group: string;
  /** In plural, with a subresource behind a slash. */
  readonly resource: string;
  /** Empty at the scope of the cluster, or for all namespaces. */
  readonly namespace: string;
  /** Empty where the object has no name yet: a `create` cannot be allowed for certain names. */
  readonly name: string;
}

export function isAllowed(store: ObjectStore, user: User, attempt: Attempt): boolean {
  if (user.groups.includes('system:masters')) return true;
  const { namespace } = attempt;
  const wide = store.list(CLUSTER_ROLE_BINDINGS);
  const local = namespace === '' ? [] : store.list(ROLE_BINDINGS, namespace);
  return [...wide, ...local]
    .filter((binding) =>
      objectsAt(binding, 'subjects').some((subject) =>
        isMeant(subject, user, textAt(binding, 'metadata', 'namespace')),
      ),
    )
    .flatMap((binding) => objectsAt(findRole(store, binding), 'rules'))
    .some((rule) => allows(rule, attempt));
}

function findRole(store: ObjectStore, binding: JsonObject): JsonObject | undefined {
  const name = textAt(binding, 'roleRef', 'name');
  return textAt(binding, 'roleRef', 'kind') === 'ClusterRole'
    ? store.get(CLUSTER_ROLES, '', name)
    : store.get(ROLES, textAt(binding, 'metadata', 'namespace'), name);
}

function isMeant(subject: JsonObject, user: User, home: string): boolean {
  const name = textAt(subject, 'name');
  switch (textAt(subject, 'kind')) {
    case 'ServiceAccount':
      return user.username === `system:serviceaccount:${textAt(subject, 'namespace') || home}:${name}`;
    case 'User':
      return user.username === name;
    case 'Group':
      return user.groups.includes(name);
    default:
      return false;
  }
}

function allows(rule: JsonObject, { verb, group, resource, name }: Attempt): boolean {
  const names = textListAt(rule, 'resourceNames');
  return (
    holds(textListAt(rule, 'verbs'), verb) &&
    holds(textListAt(rule, 'apiGroups'), group) &&
    holds(textListAt(rule, 'resources'), resource) &&
    (names.length === 0 || (name !== '' && names.includes(name)))
  );
}

function holds(list: readonly string[], wanted: string): boolean {
  return list.includes('*') || list.includes(wanted);
}
