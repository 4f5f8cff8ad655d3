import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { PROJECT } from './program-process.ts';

const manifestSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string().optional(),
    labels: z.record(z.string(), z.string()).default({}),
  }),
});

/** One Kubernetes object, of which only the beginning is known. */
export type Manifest = z.output<typeof manifestSchema>;

/** @throws when something is no object of Kubernetes */
export function parseManifests(text: string): readonly Manifest[] {
  return parseAllDocuments(text, { version: '1.1' }).map((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw error;
    return manifestSchema.parse(document.toJS());
  });
}

/** @param path relative to `k8s/` */
export function readManifests(path: string): readonly Manifest[] {
  return parseManifests(readManifestText(path));
}

export function readManifestText(path: string): string {
  return readFileSync(join(PROJECT, 'k8s', path), 'utf8');
}

/** @throws unless there is exactly one */
export function only<T>(items: readonly T[]): T {
  const [item, second] = items;
  if (item === undefined || second !== undefined) throw new Error('wanted: exactly one');
  return item;
}

/** The Deployment that every overlay builds on. */
export function baseDeployment(): Deployment {
  return toDeployment(only(readManifests('base/deployment.yaml')));
}

/** The only object of a kind. @throws when there is none, or more than one */
export function oneOf(manifests: readonly Manifest[], kind: string): Manifest {
  const [found, second] = manifests.filter((manifest) => manifest.kind === kind);
  if (found === undefined || second !== undefined) throw new Error(`wanted: exactly one ${kind}`);
  return found;
}

const podSpecSchema = z.looseObject({
  serviceAccountName: z.string().optional(),
  automountServiceAccountToken: z.boolean().optional(),
  enableServiceLinks: z.boolean().optional(),
  terminationGracePeriodSeconds: z.number().optional(),
  securityContext: z.looseObject({}).optional(),
  containers: z.array(
    z.looseObject({
      image: z.string(),
      args: z.array(z.string()).optional(),
      env: z
        .array(
          z.looseObject({
            name: z.string(),
            value: z.string().optional(),
            valueFrom: z.looseObject({}).optional(),
          }),
        )
        .default([]),
      ports: z.array(z.looseObject({ name: z.string(), containerPort: z.number() })).default([]),
      securityContext: z.looseObject({}).optional(),
      volumeMounts: z
        .array(
          z.looseObject({ name: z.string(), mountPath: z.string(), readOnly: z.boolean().default(false) }),
        )
        .default([]),
    }),
  ),
  volumes: z
    .array(
      z.looseObject({
        name: z.string(),
        configMap: z.looseObject({ name: z.string() }).optional(),
        secret: z.looseObject({ items: z.array(z.looseObject({ path: z.string() })).default([]) }).optional(),
        emptyDir: z.looseObject({ medium: z.string().optional() }).optional(),
      }),
    )
    .default([]),
});

const podTemplateSchema = z.looseObject({
  metadata: z.looseObject({ labels: z.record(z.string(), z.string()) }),
  spec: podSpecSchema,
});

const deploymentSchema = z.looseObject({
  spec: z.looseObject({
    replicas: z.number().optional(),
    strategy: z.looseObject({ type: z.string() }).optional(),
    selector: z.looseObject({ matchLabels: z.record(z.string(), z.string()) }),
    template: podTemplateSchema,
  }),
});

const cronJobSchema = z.looseObject({
  spec: z.looseObject({
    schedule: z.string(),
    jobTemplate: z.looseObject({ spec: z.looseObject({ template: podTemplateSchema }) }),
  }),
});

export type PodTemplate = z.output<typeof podTemplateSchema>;
export type Deployment = z.output<typeof deploymentSchema>['spec'];

export function toDeployment(manifest: Manifest): Deployment {
  return deploymentSchema.parse(manifest).spec;
}

export function toCronJob(manifest: Manifest): { readonly schedule: string; readonly template: PodTemplate } {
  const { schedule, jobTemplate } = cronJobSchema.parse(manifest).spec;
  return { schedule, template: jobTemplate.spec.template };
}
