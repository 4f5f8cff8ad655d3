/** Facts that stand in a manifest and in the code, and have to agree. */
import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { VERSION } from '../../src/core/version.ts';
import { createHealth } from '../../src/http/health.ts';
import { startHttpServer } from '../../src/http/server.ts';
import { readDockerfile } from '../support/dockerfile.ts';
import { FakeClock } from '../support/fake-clock.ts';
import {
  baseDeployment,
  oneOf,
  only,
  type PodTemplate,
  readManifests,
  toCronJob,
} from '../support/manifest.ts';
import { readShippedConfiguration, SHIPPED_CONFIGURATIONS } from '../support/shipped-configuration.ts';

const image = readDockerfile();
/** The program ends within 10 s of SIGTERM. */
const STOP_LIMIT_SECONDS = 10;

describe('the Deployment', () => {
  const { template } = baseDeployment();
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
      'POD_NAMESPACE',
      'TOKEN_REFRESHER_CONFIG',
      'TOKEN_REFRESHER_LEASE_NAME',
    ]);
    assert.equal(env.get('TOKEN_REFRESHER_CONFIG'), image.env['TOKEN_REFRESHER_CONFIG']);
    // With its apiVersion, as the API server fills it in: left out, a server-side apply after a client-side one conflicts.
    assert.deepEqual(env.get('POD_NAME'), { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } });
    assert.equal(env.get('AWS_EC2_METADATA_DISABLED'), 'true');
  });

  it('mounts the configuration where the program looks for it, and the journal on memory', () => {
    const mounts = new Map(container.volumeMounts.map((mount) => [mount.name, mount]));
    assert.equal(mounts.get('config')?.mountPath, dirname(image.env['TOKEN_REFRESHER_CONFIG'] ?? ''));
    for (const { name, readOnly } of container.volumeMounts) assert.equal(readOnly, name !== 'journal', name);
    const journal = template.spec.volumes.find(({ name }) => name === 'journal');
    assert.equal(journal?.emptyDir?.medium, 'Memory');
    for (const path of SHIPPED_CONFIGURATIONS) {
      const { journal: configured } = readShippedConfiguration(path);
      assert.equal(dirname(configured?.dir ?? ''), mounts.get('journal')?.mountPath, path);
    }
  });

  it('asks the paths that the program serves, on the port that it listens on', async () => {
    const { port } = only(container.ports.map(({ containerPort }) => ({ port: containerPort })));
    assert.deepEqual(image.exposedPorts, [port]);
    for (const path of SHIPPED_CONFIGURATIONS) {
      const { http } = readShippedConfiguration(path);
      assert.deepEqual(http, { host: '::', port }, path);
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
      clock: new FakeClock(),
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
  const { selector, template, replicas } = baseDeployment();
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
  it('runs the pod of the Deployment once, without probes and ports', () => {
    const { template } = toCronJob(oneOf(readManifests('components/cronjob/cron-job.yaml'), 'CronJob'));
    const daemon = baseDeployment().template;
    const container = only(template.spec.containers);
    const daemonContainer = only(daemon.spec.containers);
    assert.deepEqual(container.args, ['run', '--once']);
    // `run --once` takes part in the election: without the token it would leave the tokens to somebody who is not there.
    assert.equal(template.spec.automountServiceAccountToken, true);
    for (const part of ['image', 'securityContext', 'volumeMounts', 'resources'])
      assert.deepEqual(container[part], daemonContainer[part], part);
    for (const part of ['securityContext', 'volumes', 'serviceAccountName', 'enableServiceLinks'])
      assert.deepEqual(template.spec[part], daemon.spec[part], part);
    assert.deepEqual(container.env, daemonContainer.env);
  });
});

describe('the network policy', () => {
  it('lets metrics in and DNS and TLS out, and nothing else', () => {
    const { ingress, egress, policyTypes } = networkPolicy();
    assert.deepEqual(policyTypes, ['Ingress', 'Egress']);
    const port = only(only(baseDeployment().template.spec.containers).ports).containerPort;
    assert.deepEqual(
      ingress.flatMap(({ ports }) => ports),
      [{ protocol: 'TCP', port }],
    );
    assert.deepEqual(
      egress.flatMap(({ ports }) => ports.map((each) => `${each.protocol} ${each.port}`)),
      ['UDP 53', 'TCP 53', 'TCP 443'],
    );
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
