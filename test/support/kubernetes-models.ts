import { ExternalSecret } from '@kubernetes-models/external-secrets/external-secrets.io/v1/ExternalSecret';
import { SecretStore } from '@kubernetes-models/external-secrets/external-secrets.io/v1/SecretStore';
import { PodMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor';
import { PrometheusRule } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { CronJob } from 'kubernetes-models/batch/v1/CronJob';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { ClusterRole } from 'kubernetes-models/rbac.authorization.k8s.io/v1/ClusterRole';
import { ClusterRoleBinding } from 'kubernetes-models/rbac.authorization.k8s.io/v1/ClusterRoleBinding';
import { Role } from 'kubernetes-models/rbac.authorization.k8s.io/v1/Role';
import { RoleBinding } from 'kubernetes-models/rbac.authorization.k8s.io/v1/RoleBinding';
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap';
import { Namespace } from 'kubernetes-models/v1/Namespace';
import { Service } from 'kubernetes-models/v1/Service';
import { ServiceAccount } from 'kubernetes-models/v1/ServiceAccount';
import type { Manifest } from './manifest.ts';

interface Model<Data> {
  readonly is: (value: unknown) => value is Data;
  new (data: Data): { validate(): void };
}

/** Kinds of the maintained type packages. They let unknown fields pass: see `strict-schemas.ts`. */
const CHECKS = [
  checkWith(ClusterRole),
  checkWith(ClusterRoleBinding),
  checkWith(ConfigMap),
  checkWith(CronJob),
  checkWith(Deployment),
  checkWith(ExternalSecret),
  checkWith(Namespace),
  checkWith(NetworkPolicy),
  checkWith(PodDisruptionBudget),
  checkWith(PodMonitor),
  checkWith(PrometheusRule),
  checkWith(Role),
  checkWith(RoleBinding),
  checkWith(SecretStore),
  checkWith(Service),
  checkWith(ServiceAccount),
];

/** No package has types for these. */
const WITHOUT_TYPES: ReadonlySet<string> = new Set(['SecretProviderClass']);

/** @throws with the path of what is wrong, or for a kind that is not known here */
export function validateByModel(manifest: Manifest): void {
  if (WITHOUT_TYPES.has(manifest.kind)) return;
  if (!CHECKS.some((check) => check(manifest))) throw new Error(`no model for ${manifest.kind}`);
}

function checkWith<Data>(Kind: Model<Data>): (manifest: Manifest) => boolean {
  return (manifest) => {
    const data: unknown = manifest;
    if (!Kind.is(data)) return false;
    new Kind(data).validate();
    return true;
  };
}
