import type { JsonObject } from '../../../src/core/wire/json.ts';
import type { Target } from '../../../src/sandbox/kubernetes/api-target.ts';

/** A `Status` that says no. */
export function refusal(code: number, reason: string, message: string): JsonObject {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code, reason, message };
}

export function notFound({ resource, name }: Target): JsonObject {
  return {
    ...refusal(404, 'NotFound', `${resource.plural} "${name}" not found`),
    details: { name, group: resource.group, kind: resource.plural },
  };
}
