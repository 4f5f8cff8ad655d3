import { z } from 'zod';
import type { LeaseRule } from '../../support/lease-api.ts';
import { objectsAt, textAt } from '../json-tree.ts';
import { ROLE_BINDINGS, ROLES } from './api-resource.ts';
import type { ObjectStore } from './object-store.ts';

const ruleSchema = z.object({
  apiGroups: z.array(z.string()),
  resources: z.array(z.string()),
  verbs: z.array(z.enum(['get', 'create', 'update'])),
  resourceNames: z.array(z.string()).optional(),
});

/** What the Roles that were applied let an account do with Leases of the namespace. */
export class LeaseRights {
  readonly #store: ObjectStore;
  readonly #namespace: string;

  constructor(store: ObjectStore, namespace: string) {
    this.#store = store;
    this.#namespace = namespace;
  }

  of(
    identity: { readonly namespace: string; readonly serviceAccount: string } | undefined,
  ): readonly LeaseRule[] {
    if (identity === undefined) return [];
    return this.#store
      .list(ROLE_BINDINGS, this.#namespace)
      .filter((binding) =>
        objectsAt(binding, 'subjects').some(
          (subject) =>
            textAt(subject, 'kind') === 'ServiceAccount' &&
            textAt(subject, 'name') === identity.serviceAccount &&
            textAt(subject, 'namespace') === identity.namespace,
        ),
      )
      .flatMap((binding) => {
        const role = this.#store.get(ROLES, this.#namespace, textAt(binding, 'roleRef', 'name'));
        return objectsAt(role, 'rules').map((rule) => ruleSchema.parse(rule));
      })
      .filter(
        ({ apiGroups, resources }) =>
          apiGroups.includes('coordination.k8s.io') && resources.includes('leases'),
      )
      .map(({ verbs, resourceNames }) => ({ verbs, ...(resourceNames && { resourceNames }) }));
  }
}
