/** What `kubectl kustomize` makes of the manifests, and whether Kubernetes would take it. */
import assert from 'node:assert/strict';
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { parseJson } from '../../src/core/wire/json.ts';
import { documentText } from '../support/document-text.ts';
import { findKubectlProblem, KUBECTL_SKIP, render, renderOverlay } from '../support/kubectl.ts';
import { validateByModel } from '../support/kubernetes-models.ts';
import {
  type Manifest,
  oneOf,
  only,
  readManifests,
  readManifestText,
  toCronJob,
  toDeployment,
} from '../support/manifest.ts';
import { createPrivateFolder } from '../support/private-folder.ts';
import { PROJECT } from '../support/program-process.ts';
import { StrictSchemas } from '../support/strict-schemas.ts';

const CHANGING = ['irsa', 'pod-identity', 'single-replica', 'prometheus-operator', 'cronjob', 'rejections'];
/** These add objects and change none. */
const ADDING = ['kubernetes-secrets', 'kubernetes-secrets-create', 'kubernetes-secrets-any-name'];
const COMPONENTS = [...CHANGING, ...ADDING];
const CONSUMERS = ['external-secrets', 'kubernetes-secret', 'secrets-store-csi', 'sdk'];

function kindsOf(manifests: readonly Manifest[]): readonly string[] {
  return manifests.map(({ kind }) => kind).toSorted();
}

describe('kubectl kustomize', { skip: KUBECTL_SKIP }, () => {
  it('is there, in a version that knows components', () => {
    assert.equal(findKubectlProblem(), undefined);
  });

  it('renders overlays/example: a whole installation in one namespace', () => {
    const { ok, manifests, stderr } = render('k8s/overlays/example');
    assert.ok(ok, stderr);
    assert.equal(stderr, '', 'not even a warning');
    const expected = [
      'ConfigMap',
      'Deployment',
      'Namespace',
      'NetworkPolicy',
      'PodDisruptionBudget',
      'PodMonitor',
    ];
    for (const kind of [...expected, 'Role', 'RoleBinding', 'Service', 'ServiceAccount'])
      assert.ok(kindsOf(manifests).includes(kind), kind);
    for (const { kind, metadata } of manifests)
      if (kind !== 'Namespace') assert.equal(metadata.namespace, 'token-refresher', kind);
  });

  it('gives the program the configuration under its hashed name, so that a change is rolled out', () => {
    const { manifests } = render('k8s/overlays/example');
    const names = manifests.filter(({ kind }) => kind === 'ConfigMap').map(({ metadata }) => metadata.name);
    const name = names.find((each) => /^token-refresher-config-\w{10}$/.test(each));
    assert.ok(name !== undefined, names.join());
    const { volumes } = toDeployment(oneOf(manifests, 'Deployment')).template.spec;
    assert.equal(volumes.find((volume) => volume.name === 'config')?.configMap?.name, name);
  });

  for (const component of COMPONENTS) {
    it(`renders the base with components/${component}`, async (t) => {
      const { ok, manifests, stderr } = await renderOverlay(t, [component]);
      assert.ok(ok, stderr);
      assert.equal(stderr, '');
      for (const manifest of manifests) validateByModel(manifest);
    });
  }

  // In both orders: an overlay lists them as it likes.
  for (const first of CHANGING)
    for (const second of CHANGING)
      if (first !== second)
        it(`renders the base with components/${first} and then ${second}`, async (t) => {
          const { ok, manifests, stderr } = await renderOverlay(t, [first, second]);
          assert.ok(ok, stderr);
          for (const manifest of manifests) validateByModel(manifest);
        });

  it('renders the base with all components that only add objects, in any order', async (t) => {
    const one = await renderOverlay(t, ADDING);
    assert.ok(one.ok, one.stderr);
    assert.equal((await renderOverlay(t, ADDING.toReversed())).text, one.text);
    for (const manifest of one.manifests) validateByModel(manifest);
  });

  for (const component of COMPONENTS) {
    it(`renders overlays/example with components/${component} added`, async (t) => {
      const copy = join(await createPrivateFolder(t), 'k8s');
      await cp(join(PROJECT, 'k8s'), copy, { recursive: true });
      const file = join(copy, 'overlays/example/kustomization.yaml');
      const text = await readFile(file, 'utf8');
      const line = `  - ../../components/${component}`;
      const lines = text.split('\n').filter((each) => !each.startsWith(line));
      lines.splice(lines.indexOf('components:') + 1, 0, line);
      await writeFile(file, lines.join('\n'));
      const { ok, manifests, stderr } = render(join(copy, 'overlays/example'));
      assert.ok(ok, stderr);
      for (const manifest of manifests) validateByModel(manifest);
      const { spec } =
        component === 'cronjob'
          ? toCronJob(oneOf(manifests, 'CronJob')).template
          : toDeployment(oneOf(manifests, 'Deployment')).template;
      const { env, volumeMounts } = only(spec.containers);
      assert.ok(
        env.some(({ name }) => name === 'PIK_APP_ID'),
        'the credentials are there',
      );
      assert.ok(volumeMounts.some(({ name }) => name === 'credentials'));
    });
  }

  it('names the apiVersion in every fieldRef, as the API server would: else a server-side apply conflicts', async (t) => {
    for (const component of COMPONENTS) {
      const { text } = await renderOverlay(t, [component]);
      assert.doesNotMatch(text, /fieldRef:\n\s+fieldPath/, component);
    }
  });

  it('keeps two installations in one namespace apart, with what the guide says: Lease, Role, pods', async (t) => {
    const more = {
      namePrefix: 'blue-',
      labels: [
        {
          pairs: { 'app.kubernetes.io/instance': 'blue-token-refresher' },
          includeSelectors: true,
          fields: [{ kind: 'PodMonitor', path: 'spec/selector/matchLabels', create: true }],
        },
      ],
    };
    const { ok, manifests, text, stderr } = await renderOverlay(t, ['prometheus-operator'], more);
    assert.ok(ok, stderr);
    const { env } = only(toDeployment(oneOf(manifests, 'Deployment')).template.spec.containers);
    const leaseName = env.find(({ name }) => name === 'TOKEN_REFRESHER_LEASE_NAME')?.value;
    assert.equal(leaseName, 'blue-token-refresher');
    assert.match(text, new RegExp(`resourceNames:\\n  - ${leaseName}\\n`));
    for (const kind of ['Deployment', 'Service', 'PodDisruptionBudget', 'NetworkPolicy', 'PodMonitor'])
      assert.match(
        JSON.stringify(oneOf(manifests, kind)['spec']),
        /[sS]elector":\{[^}]*"app.kubernetes.io\/instance":"blue-token-refresher"/,
        kind,
      );
    assert.match(documentText('docs/install-eks.md'), /namePrefix: blue-/);
  });

  it('components/prometheus-operator hands the dashboard to a Grafana that looks for its label', async (t) => {
    const { manifests } = await renderOverlay(t, ['prometheus-operator']);
    const dashboard = manifests.find(({ metadata }) => metadata.name === 'token-refresher-dashboard');
    const { metadata, data } = z
      .looseObject({
        metadata: z.looseObject({ labels: z.record(z.string(), z.string()) }),
        data: z.strictObject({ 'token-refresher.json': z.string() }),
      })
      .parse(dashboard);
    assert.equal(metadata.labels['grafana_dashboard'], '1');
    assert.deepEqual(
      parseJson(data['token-refresher.json']),
      parseJson(readManifestText('components/prometheus-operator/dashboard.json')),
    );
  });

  it('components/single-replica leaves one pod that is replaced, not doubled', async (t) => {
    const { manifests } = await renderOverlay(t, ['single-replica']);
    const { replicas, strategy } = toDeployment(oneOf(manifests, 'Deployment'));
    assert.equal(replicas, 1);
    assert.deepEqual(strategy, { type: 'Recreate' });
    assert.ok(!kindsOf(manifests).includes('PodDisruptionBudget'));
  });

  it('components/cronjob leaves no daemon that would fetch the same tokens', async (t) => {
    const { manifests } = await renderOverlay(t, ['cronjob']);
    assert.deepEqual(kindsOf(manifests), [
      'ConfigMap',
      'CronJob',
      'NetworkPolicy',
      'Role',
      'RoleBinding',
      'ServiceAccount',
    ]);
    const { template } = toCronJob(oneOf(manifests, 'CronJob'));
    assert.equal(
      template.spec.volumes.find(({ name }) => name === 'config')?.configMap?.name,
      oneOf(manifests, 'ConfigMap').metadata.name,
    );
  });

  it('components/rejections opens its port to the namespaces of readers, and to the replicas, which pass reports on', async (t) => {
    const { manifests } = await renderOverlay(t, ['rejections']);
    const port = [{ protocol: 'TCP', port: 8081 }];
    const pods = { podSelector: { matchLabels: { 'app.kubernetes.io/name': 'token-refresher' } } };
    const readers = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'payments' } } };
    const { ingress, egress } = z
      .looseObject({
        spec: z.looseObject({ ingress: z.array(z.unknown()), egress: z.array(z.unknown()) }),
      })
      .parse(oneOf(manifests, 'NetworkPolicy')).spec;
    assert.deepEqual(ingress.slice(1), [{ from: [readers, pods], ports: port }]);
    assert.deepEqual(egress.slice(2), [{ to: [pods], ports: port }]);
    const { ports, env } = only(toDeployment(oneOf(manifests, 'Deployment')).template.spec.containers);
    assert.deepEqual(
      ports.map(({ name, containerPort }) => `${name} ${containerPort}`),
      ['http 8080', 'rejections 8081'],
    );
    assert.deepEqual(env.find(({ name }) => name === 'POD_IP')?.valueFrom, {
      fieldRef: { apiVersion: 'v1', fieldPath: 'status.podIP' },
    });
    const service = manifests.find(({ metadata }) => metadata.name === 'token-refresher-rejections');
    const own = manifests.find(
      ({ kind, metadata }) => kind === 'Service' && metadata.name === 'token-refresher',
    );
    const specSchema = z.looseObject({ spec: z.looseObject({ selector: z.unknown(), ports: z.unknown() }) });
    const { spec } = specSchema.parse(service);
    assert.deepEqual(spec.ports, [{ name: 'http', port: 8081, targetPort: 'rejections' }]);
    assert.deepEqual(spec.selector, specSchema.parse(own).spec.selector);
  });

  it('components/irsa annotates the account and closes the way to the Pod Identity agent; pod-identity opens it', async (t) => {
    const irsa = await renderOverlay(t, ['irsa']);
    assert.match(irsa.text, /eks\.amazonaws\.com\/role-arn: arn:aws:iam::111122223333:role\/token-refresher/);
    assert.doesNotMatch(irsa.text, /169\.254\.170\.23/);
    const podIdentity = await renderOverlay(t, ['pod-identity']);
    assert.doesNotMatch(podIdentity.text, /role-arn/);
    assert.match(podIdentity.text, /169\.254\.170\.23\/32[\s\S]*fd00:ec2::23\/128/);
  });
});

describe('what the daemon may do with Secrets', { skip: KUBECTL_SKIP }, () => {
  const rulesOf = (manifests: readonly Manifest[]): readonly unknown[] =>
    manifests.flatMap(({ kind, metadata, ...rest }) =>
      kind === 'Role' ? [[metadata.namespace, rest['rules']]] : [],
    );
  const secrets = { apiGroups: [''], resources: ['secrets'] };

  it('is in overlays/reader-namespace: read and replace those that are named, and be the daemon of another namespace', () => {
    const { ok, manifests, stderr } = render('k8s/overlays/reader-namespace');
    assert.ok(ok && stderr === '', stderr);
    for (const manifest of manifests) validateByModel(manifest);
    assert.deepEqual(rulesOf(manifests), [
      ['payments', [{ ...secrets, resourceNames: ['pivot-token'], verbs: ['get', 'update'] }]],
    ]);
    assert.deepEqual(oneOf(manifests, 'RoleBinding')['subjects'], [
      { kind: 'ServiceAccount', name: 'token-refresher', namespace: 'token-refresher' },
    ]);
  });

  it('is nothing without a component, and never more than get, update and create', async (t) => {
    assert.doesNotMatch(render('k8s/overlays/example').text, /resources:\n *- secrets/);
    const { manifests } = await renderOverlay(t, ADDING, { namespace: 'payments' });
    assert.deepEqual(rulesOf(manifests).slice(1), [
      ['payments', [{ ...secrets, verbs: ['create'] }]],
      ['payments', [{ ...secrets, resourceNames: ['pivot-token'], verbs: ['get', 'update'] }]],
      ['payments', [{ ...secrets, verbs: ['get', 'update'] }]],
    ]);
  });

  it('is bound to the account of the installation under any name and in any namespace', async (t) => {
    const { manifests } = await renderOverlay(t, ['rejections', ...ADDING], {
      namespace: 'here',
      namePrefix: 'blue-',
    });
    const bindings = manifests.filter(({ kind }) => kind.endsWith('RoleBinding'));
    assert.equal(bindings.length, 2 + ADDING.length);
    for (const { metadata, ...binding } of bindings) {
      assert.match(metadata.name, /^blue-/);
      assert.deepEqual(
        binding['subjects'],
        [{ kind: 'ServiceAccount', name: 'blue-token-refresher', namespace: 'here' }],
        metadata.name,
      );
    }
  });
});

describe('a kustomization', () => {
  it('takes in every file of its folder', async () => {
    const files = await readdir(join(PROJECT, 'k8s'), { recursive: true });
    const folders = files
      .filter((path) => basename(path) === 'kustomization.yaml')
      .map((path) => dirname(path));
    assert.equal(folders.length, 3 + COMPONENTS.length);
    for (const path of files) {
      const folder = folders.find((each) => path.startsWith(`${each}/`) && path.endsWith('.yaml'));
      if (folder === undefined || basename(path) === 'kustomization.yaml') continue;
      const named = new RegExp(
        `(?:- |path: |=)${path.slice(folder.length + 1).replaceAll('.', '\\.')}$`,
        'm',
      );
      const text = readManifestText(join(folder, 'kustomization.yaml')).replaceAll(/ # .*$/gm, '');
      assert.match(text, named, path);
    }
  });
});

describe('the guide for EKS', () => {
  it('names every component and every reader', async () => {
    assert.deepEqual(await readdir(join(PROJECT, 'k8s/components')), COMPONENTS.toSorted());
    assert.deepEqual(
      await readdir(join(PROJECT, 'k8s/consumers')),
      CONSUMERS.map((name) => `${name}.yaml`).toSorted(),
    );
    for (const component of COMPONENTS)
      assert.match(documentText('docs/install-eks.md'), new RegExp(`^\\| \`${component}\` \\|`, 'm'));
  });
});

describe('the Kubernetes types', () => {
  for (const name of CONSUMERS) {
    it(`accept consumers/${name}.yaml`, () => {
      for (const manifest of readManifests(`consumers/${name}.yaml`)) validateByModel(manifest);
    });
  }

  it('refuse what has the wrong type', () => {
    const [service] = readManifests('base/service.yaml');
    assert.ok(service !== undefined);
    validateByModel(service);
    assert.throws(() => validateByModel({ ...service, spec: { ports: 'http' } }), /ports|array/);
  });
});

describe('strict validation', () => {
  const schemas = new StrictSchemas();
  const problemsOf = (manifests: readonly Manifest[]): readonly string[] =>
    manifests.flatMap((manifest) => schemas.problems(manifest));

  for (const name of CONSUMERS) {
    it(`accepts consumers/${name}.yaml`, () => {
      assert.deepEqual(problemsOf(readManifests(`consumers/${name}.yaml`)), []);
    });
  }

  for (const [what, render_] of [
    ['overlays/example', () => render('k8s/overlays/example')],
    ['overlays/reader-namespace', () => render('k8s/overlays/reader-namespace')],
    ['the base', () => render('k8s/base')],
  ] as const) {
    it(`accepts every object of ${what}`, { skip: KUBECTL_SKIP }, () => {
      assert.deepEqual(problemsOf(render_().manifests), []);
    });
  }

  for (const component of COMPONENTS) {
    it(`accepts every object with components/${component}`, { skip: KUBECTL_SKIP }, async (t) => {
      assert.deepEqual(problemsOf((await renderOverlay(t, [component])).manifests), []);
    });
  }

  for (const [file, found, typo, problem] of [
    ['base/deployment.yaml', 'readOnlyRootFilesystem:', 'readOnlyRootFileSystem:', /readOnlyRootFileSystem/],
    [
      'base/deployment.yaml',
      'terminationGracePeriodSeconds:',
      'terminationGracePeriod:',
      /terminationGracePeriod$/,
    ],
    ['base/network-policy.yaml', 'policyTypes:', 'policyType:', /policyType$/],
    ['components/prometheus-operator/pod-monitor.yaml', 'scrapeTimeout:', 'scrapetimeout:', /scrapetimeout/],
  ] as const) {
    it(`finds ${typo.slice(0, -1)} where ${found.slice(0, -1)} is meant`, {
      skip: KUBECTL_SKIP,
    }, async (t) => {
      const copy = join(await createPrivateFolder(t), 'k8s');
      await cp(join(PROJECT, 'k8s'), copy, { recursive: true });
      const text = await readFile(join(copy, file), 'utf8');
      assert.ok(text.includes(found));
      await writeFile(join(copy, file), text.replaceAll(found, typo));
      const { ok, manifests, stderr } = render(join(copy, 'overlays/example'));
      assert.ok(ok, stderr);
      assert.match(problemsOf(manifests).join('\n'), problem);
    });
  }
});
