/** Facts that stand in a manifest and in the code, and have to agree. */
import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { z } from 'zod';
import { VERSION } from '../../src/core/version.ts';
import { createHealth } from '../../src/http/health.ts';
import { startHttpServer } from '../../src/http/server.ts';
import { KINDS } from '../../src/providers/registry.ts';
import { readDockerfile } from '../support/dockerfile.ts';
import { KUBECTL_SKIP, render } from '../support/kubectl.ts';
import type { LeaseRule } from '../support/lease-api.ts';
import { buildChange, startLeaseClientBench } from '../support/lease-client-bench.ts';
import {
  type Manifest,
  oneOf,
  type PodTemplate,
  readManifests,
  readManifestText,
  toCronJob,
  toDeployment,
} from '../support/manifest.ts';
import { listReferences, readShippedConfiguration } from '../support/shipped-configuration.ts';

const image = readDockerfile();
const CONFIGURATIONS = ['base/config/config.yaml', 'overlays/example/config/config.yaml'];
/** The program ends within 10 s of SIGTERM. */
const STOP_LIMIT_SECONDS = 10;

function only<T>(items: readonly T[]): T {
  const [item, second] = items;
  if (item === undefined || second !== undefined) throw new Error('wanted: exactly one');
  return item;
}

function baseDeployment(): Manifest {
  return oneOf(readManifests('base/deployment.yaml'), 'Deployment');
}

describe('the Deployment', () => {
  const { template } = toDeployment(baseDeployment());
  const container = only(template.spec.containers);

  it('runs the image as its own user, on a read-only root, without privileges', () => {
    assert.equal(container.image, `token-refresher:${VERSION}`);
    assert.deepEqual(template.spec.securityContext, {
      runAsNonRoot: true,
      runAsUser: image.user.uid,
      runAsGroup: image.user.gid,
      fsGroup: image.user.gid,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    assert.deepEqual(container.securityContext, {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
  });

  it('sets the environment variables that the program reads', () => {
    const env = new Map(container.env.map(({ name, value, valueFrom }) => [name, value ?? valueFrom]));
    assert.deepEqual([...env.keys()].toSorted(), [
      'AWS_EC2_METADATA_DISABLED',
      'POD_NAME',
      'TOKEN_REFRESHER_CONFIG',
    ]);
    assert.equal(env.get('TOKEN_REFRESHER_CONFIG'), image.env['TOKEN_REFRESHER_CONFIG']);
    assert.deepEqual(env.get('POD_NAME'), { fieldRef: { fieldPath: 'metadata.name' } });
    assert.equal(env.get('AWS_EC2_METADATA_DISABLED'), 'true');
  });

  it('mounts the configuration where the program looks for it, and the journal on memory', () => {
    const mounts = new Map(container.volumeMounts.map((mount) => [mount.name, mount]));
    assert.equal(mounts.get('config')?.mountPath, dirname(image.env['TOKEN_REFRESHER_CONFIG'] ?? ''));
    for (const { name, readOnly } of container.volumeMounts) assert.equal(readOnly, name !== 'journal', name);
    const journal = template.spec.volumes.find(({ name }) => name === 'journal');
    assert.equal(journal?.emptyDir?.medium, 'Memory');
    for (const path of CONFIGURATIONS) {
      const { journal: configured } = readShippedConfiguration(path);
      assert.equal(dirname(configured?.dir ?? ''), mounts.get('journal')?.mountPath, path);
    }
  });

  it('asks the paths that the program serves, on the port that it listens on', async () => {
    const { port } = only(container.ports.map(({ containerPort }) => ({ port: containerPort })));
    assert.deepEqual(image.exposedPorts, [port]);
    for (const path of CONFIGURATIONS) {
      const { http } = readShippedConfiguration(path);
      assert.deepEqual(http, { host: '0.0.0.0', port }, path);
    }
    const probeSchema = z.looseObject({
      httpGet: z.object({ path: z.string(), port: z.literal('http') }),
    });
    const probes = z
      .looseObject({ startupProbe: probeSchema, livenessProbe: probeSchema, readinessProbe: probeSchema })
      .parse(container);
    assert.equal(probes.startupProbe.httpGet.path, '/livez');
    assert.equal(probes.livenessProbe.httpGet.path, '/livez');
    assert.equal(probes.readinessProbe.httpGet.path, '/readyz');

    const server = await startHttpServer({
      host: '127.0.0.1',
      port: 0,
      health: createHealth(() => []),
      metrics: { text: async () => '', contentType: 'text/plain' },
      onFault: (error) => assert.fail(String(error)),
    });
    try {
      for (const path of ['/livez', '/readyz', metricsPath()])
        assert.notEqual((await fetch(`${server.url}${path}`)).status, 404, path);
    } finally {
      await server.stop();
    }
  });

  it('gives the program longer to stop than it takes, and no links to other services', () => {
    assert.ok((template.spec.terminationGracePeriodSeconds ?? 0) >= 2 * STOP_LIMIT_SECONDS);
    assert.equal(template.spec.enableServiceLinks, false);
    assert.equal(template.spec.automountServiceAccountToken, true);
  });
});

describe('label selectors', () => {
  const { selector, template, replicas } = toDeployment(baseDeployment());
  const { labels } = template.metadata;
  const matches = (wanted: Readonly<Record<string, string>>): boolean =>
    Object.entries(wanted).every(([key, value]) => labels[key] === value);

  it('find the pods of the daemon', () => {
    assert.ok(matches(selector.matchLabels));
    const service = z
      .looseObject({ spec: z.looseObject({ selector: z.record(z.string(), z.string()) }) })
      .parse(oneOf(readManifests('base/service.yaml'), 'Service'));
    assert.ok(matches(service.spec.selector));
    for (const file of [
      'base/pod-disruption-budget.yaml',
      'components/prometheus-operator/pod-monitor.yaml',
    ]) {
      const selecting = z
        .looseObject({
          spec: z.looseObject({ selector: z.object({ matchLabels: z.record(z.string(), z.string()) }) }),
        })
        .parse(only(readManifests(file)));
      assert.deepEqual(selecting.spec.selector.matchLabels, selector.matchLabels, file);
    }
    const policy = networkPolicy();
    assert.ok(matches(policy.podSelector.matchLabels));
    for (const { labelSelector } of spreadConstraints(template))
      assert.deepEqual(labelSelector.matchLabels, selector.matchLabels);
    assert.equal(replicas, 2);
  });

  it('do not take the pods of the CronJob for the daemon', () => {
    const job = toCronJob(oneOf(readManifests('components/cronjob/cron-job.yaml'), 'CronJob'));
    const { labels: jobLabels } = job.template.metadata;
    assert.ok(Object.entries(selector.matchLabels).some(([key, value]) => jobLabels[key] !== value));
    for (const [key, value] of Object.entries(networkPolicy().podSelector.matchLabels))
      assert.equal(jobLabels[key], value, 'but the network policy holds for both');
  });
});

describe('the CronJob', () => {
  it('runs the pod of the Deployment once, without probes, ports and Lease', () => {
    const { template } = toCronJob(oneOf(readManifests('components/cronjob/cron-job.yaml'), 'CronJob'));
    const daemon = toDeployment(baseDeployment()).template;
    const container = only(template.spec.containers);
    const daemonContainer = only(daemon.spec.containers);
    assert.deepEqual(container.args, ['run', '--once']);
    assert.equal(template.spec.automountServiceAccountToken, false);
    for (const part of ['image', 'securityContext', 'volumeMounts', 'resources'])
      assert.deepEqual(container[part], daemonContainer[part], part);
    for (const part of ['securityContext', 'volumes', 'serviceAccountName', 'enableServiceLinks'])
      assert.deepEqual(template.spec[part], daemon.spec[part], part);
    assert.deepEqual(
      container.env,
      daemonContainer.env.filter(({ name }) => name !== 'POD_NAME'),
    );
  });
});

describe('the network policy', () => {
  it('lets metrics in and DNS, TLS and the Pod Identity agent out, and nothing else', () => {
    const { ingress, egress, policyTypes } = networkPolicy();
    assert.deepEqual(policyTypes, ['Ingress', 'Egress']);
    const port = only(only(toDeployment(baseDeployment()).template.spec.containers).ports).containerPort;
    assert.deepEqual(
      ingress.flatMap(({ ports }) => ports),
      [{ protocol: 'TCP', port }],
    );
    assert.deepEqual(
      egress.flatMap(({ ports }) => ports.map((each) => `${each.protocol} ${each.port}`)),
      ['UDP 53', 'TCP 53', 'TCP 443', 'TCP 80'],
    );
    assert.deepEqual(egress.at(-1)?.to, [{ ipBlock: { cidr: '169.254.170.23/32' } }]);
  });
});

const roleSchema = z.looseObject({
  rules: z.array(
    z.object({
      apiGroups: z.tuple([z.literal('coordination.k8s.io')]),
      resources: z.tuple([z.literal('leases')]),
      verbs: z.array(z.enum(['get', 'create', 'update'])),
      resourceNames: z.array(z.string()).optional(),
    }),
  ),
});

describe('the Role', () => {
  const rules = roleSchema
    .parse(only(readManifests('base/role.yaml')))
    .rules.map(({ verbs, resourceNames }) => ({
      verbs,
      ...(resourceNames === undefined ? {} : { resourceNames }),
    }));

  /** The calls of an election with these rules, by verb: whether the API server carried each out. */
  async function callAll(
    t: TestContext,
    granted: readonly LeaseRule[],
  ): Promise<Readonly<Record<string, boolean>>> {
    const { server, client, call } = await startLeaseClientBench(t, { rules: granted });
    const created = await client.create(buildChange(), call);
    const read = await client.get(call);
    // Somebody else has made it, and it is known: whether it may be changed is all that is left to see.
    server.api.grant(...rules);
    if (created.kind !== 'lease') await client.create(buildChange(), call);
    const known = await client.get(call);
    server.api.grant(...granted);
    assert.ok(known.kind === 'lease');
    const updated = await client.update(known.lease, buildChange({ transitions: 1 }), call);
    return {
      create: created.kind === 'lease',
      get: read.kind === 'lease' || read.kind === 'absent',
      update: updated.kind === 'lease',
    };
  }

  it('allows the calls that an election makes, on the Lease that the configurations name', async (t) => {
    assert.deepEqual(await callAll(t, rules), { create: true, get: true, update: true });
    for (const path of CONFIGURATIONS) {
      const { coordination } = readShippedConfiguration(path);
      assert.equal(coordination.kind, 'kubernetes');
      assert.deepEqual(
        rules.flatMap(({ resourceNames = [] }) => resourceNames),
        [coordination.leaseName],
      );
    }
  });

  for (const verb of rules.flatMap(({ verbs }) => verbs)) {
    it(`allows no more: without ${verb} an election could not be held`, async (t) => {
      const fewer = rules.map((rule) => ({ ...rule, verbs: rule.verbs.filter((each) => each !== verb) }));
      assert.equal((await callAll(t, fewer))[verb], false);
    });
  }

  it('is bound to the account of the pods', () => {
    const binding = z
      .looseObject({
        roleRef: z.object({ apiGroup: z.string(), kind: z.string(), name: z.string() }),
        subjects: z.array(z.object({ kind: z.string(), name: z.string() })),
      })
      .parse(only(readManifests('base/role-binding.yaml')));
    const { serviceAccountName } = toDeployment(baseDeployment()).template.spec;
    assert.equal(binding.roleRef.name, only(readManifests('base/role.yaml')).metadata.name);
    assert.deepEqual(binding.subjects, [{ kind: 'ServiceAccount', name: serviceAccountName }]);
    assert.equal(only(readManifests('base/service-account.yaml')).metadata.name, serviceAccountName);
  });
});

describe('overlays/example', { skip: KUBECTL_SKIP }, () => {
  const configuration = readShippedConfiguration('overlays/example/config/config.yaml');
  const references = listReferences(configuration);

  it('gives the program every environment variable and file that its configuration refers to, and no other', () => {
    const { spec } = toDeployment(oneOf(render('k8s/overlays/example').manifests, 'Deployment')).template;
    const container = only(spec.containers);
    const wanted = references.flatMap((reference) => (reference.kind === 'env' ? [reference.name] : []));
    const fromSecret = container.env.filter(({ valueFrom }) => valueFrom?.['secretKeyRef'] !== undefined);
    assert.deepEqual(fromSecret.map(({ name }) => name).toSorted(), [...new Set(wanted)].toSorted());
    const files = spec.volumes.flatMap(({ name, secret }) => {
      const mount = container.volumeMounts.find((each) => each.name === name);
      return (secret?.items ?? []).map(({ path }) => join(mount?.mountPath ?? '', path));
    });
    const wantedFiles = references.flatMap((reference) =>
      reference.kind === 'file' ? [reference.path] : [],
    );
    assert.deepEqual(files.toSorted(), [...new Set(wantedFiles)].toSorted());
  });

  it('has every kind of provider, in a region that its readers name as well', () => {
    assert.deepEqual(
      configuration.providers.map(({ kind }) => kind.kind).toSorted(),
      KINDS.map(({ kind }) => kind).toSorted(),
    );
    for (const name of ['external-secrets', 'secrets-store-csi', 'sdk'])
      assert.match(readManifestText(`consumers/${name}.yaml`), new RegExp(configuration.store.region ?? '-'));
  });

  it('carries the version of the program in its labels and its image', () => {
    const { manifests } = render('k8s/overlays/example');
    const deployment = oneOf(manifests, 'Deployment');
    const { metadata, spec } = toDeployment(deployment).template;
    for (const labels of [deployment.metadata.labels, metadata.labels]) {
      assert.equal(labels['app.kubernetes.io/version'], VERSION);
      for (const label of ['name', 'instance', 'component'])
        assert.ok(labels[`app.kubernetes.io/${label}`] !== undefined, label);
    }
    assert.match(only(spec.containers).image, new RegExp(`/token-refresher:${VERSION}$`));
  });

  it('binds the Role to the account in its own namespace, which the API server insists on', () => {
    const { manifests } = render('k8s/overlays/example');
    const { subjects } = z
      .looseObject({ subjects: z.array(z.looseObject({ namespace: z.string() })) })
      .parse(oneOf(manifests, 'RoleBinding'));
    assert.equal(only(subjects).namespace, oneOf(manifests, 'Namespace').metadata.name);
  });

  it('does not let a version into a selector, which may never change', () => {
    const { manifests } = render('k8s/overlays/example');
    assert.deepEqual(Object.keys(toDeployment(oneOf(manifests, 'Deployment')).selector.matchLabels), [
      'app.kubernetes.io/component',
      'app.kubernetes.io/name',
    ]);
  });
});

function networkPolicy() {
  const portsSchema = z.array(z.object({ protocol: z.string(), port: z.number() }));
  return z
    .looseObject({
      spec: z.object({
        podSelector: z.object({ matchLabels: z.record(z.string(), z.string()) }),
        policyTypes: z.array(z.string()),
        ingress: z.array(z.looseObject({ ports: portsSchema })),
        egress: z.array(z.looseObject({ to: z.array(z.unknown()), ports: portsSchema })),
      }),
    })
    .parse(oneOf(readManifests('base/network-policy.yaml'), 'NetworkPolicy')).spec;
}

function spreadConstraints(template: PodTemplate) {
  return z
    .looseObject({
      topologySpreadConstraints: z.array(
        z.looseObject({
          labelSelector: z.object({ matchLabels: z.record(z.string(), z.string()) }),
        }),
      ),
    })
    .parse(template.spec).topologySpreadConstraints;
}

function metricsPath(): string {
  const { spec } = z
    .looseObject({
      spec: z.looseObject({
        podMetricsEndpoints: z.array(z.looseObject({ port: z.literal('http'), path: z.string() })),
      }),
    })
    .parse(only(readManifests('components/prometheus-operator/pod-monitor.yaml')));
  return only(spec.podMetricsEndpoints).path;
}
