/** The chart and kustomize install the same; and two installations of either do not meet. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { parse } from 'yaml';
import { isJsonObject, type JsonObject } from '../../src/core/wire/json.ts';
import { HELM_SKIP, renderChart } from '../support/helm.ts';
import { KUBECTL_SKIP, render, renderOverlay } from '../support/kubectl.ts';
import { type Manifest, oneOf, readManifestText, toDeployment } from '../support/manifest.ts';

const SKIP = HELM_SKIP === false ? KUBECTL_SKIP : HELM_SKIP;

const READERS = [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'payments' } } }];
const REJECTIONS = {
  port: 8081,
  audience: 'token-refresher',
  allow: [{ serviceAccount: 'payments/settlement', tokens: ['*'] }],
};
const BASE = { config: parse(readManifestText('base/config/config.yaml')) };

function at(object: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((value, key) => (isJsonObject(value) ? value[key] : undefined), object);
}

function labelsAt(object: unknown, ...path: readonly string[]): JsonObject {
  const labels = at(object, ...path);
  assert.ok(isJsonObject(labels), path.join('.'));
  return labels;
}

const REPORTING = { ...BASE.config, rejections: REJECTIONS };
const PUBLISHING = {
  ...BASE.config,
  store: { kind: 'kubernetes-secret', createSecrets: true },
  providers: [{ ...BASE.config.providers[0], secret: 'pivot-token' }],
};

/** What an overlay has of a configuration: JSON is YAML. */
function configured(config: unknown): JsonObject {
  const literals = [`config.yaml=${JSON.stringify(config)}`];
  return { configMapGenerator: [{ name: 'token-refresher-config', behavior: 'replace', literals }] };
}

/** Object by kind, and name where there are several of a kind. */
function byKind(manifests: readonly Manifest[]): Readonly<Record<string, Manifest>> {
  return Object.fromEntries(
    manifests.map((manifest) => {
      const { kind, metadata } = manifest;
      const part =
        kind === 'ConfigMap' ? ` ${/-(config|dashboard)(?:-\w{10})?$/.exec(metadata.name)?.[1]}` : '';
      const secrets = /(?:-(?:create-)?secrets(?:-of-any-name)?|-rejections)$/.exec(metadata.name)?.[0] ?? '';
      return [kind + part + secrets, manifest];
    }),
  );
}

/** What differs, on purpose; everything else has to be equal. A change returns the part without its difference. */
const DIFFERENCES: readonly {
  readonly why: string;
  readonly change: (key: string, value: unknown, path: string) => unknown;
}[] = [
  {
    why: 'Helm says who manages an object and by which chart, and gives all of them the same labels',
    change: (key, value, path) => (key === 'labels' && path.endsWith('metadata') ? undefined : value),
  },
  {
    why: "Helm's selectors have the release's name, so that two installations in one namespace do not meet",
    change: (key, value) =>
      key === 'matchLabels' || (key === 'selector' && isJsonObject(value) && !('matchLabels' in value))
        ? isJsonObject(value) && 'app.kubernetes.io/name' in value
          ? 'of the pods'
          : value
        : value,
  },
  {
    why: 'kustomize names the ConfigMap after its content; Helm changes it in place, and an annotation rolls the pods',
    change: (key, value) => {
      if (key === 'name') return String(value).replace(/(-config)-\w{10}$/, '$1');
      if (key !== 'annotations' || !isJsonObject(value)) return value;
      const { 'checksum/config': _, ...others } = value;
      return Object.keys(others).length === 0 ? undefined : others;
    },
  },
  {
    why: 'what is in no namespace is named after it by Helm',
    change: (key, value) =>
      key === 'name'
        ? String(value).replace(/^token-refresher:token-refresher:(?=token-reviews$)/, 'token-refresher-')
        : value,
  },
  {
    why: 'Helm writes the configuration with sorted keys and without comments',
    change: (key, value) => (key === 'config.yaml' ? parse(String(value)) : value),
  },
  {
    why: "Helm's alert rules look at the series of their own installation only",
    change: (key, value) =>
      key === 'expr'
        ? String(value)
            .replaceAll(/\{job="[^"]*"\}|job="[^"]*",/g, '')
            .trim()
        : value,
  },
  {
    why: 'Helm gives the dashboard of each installation an identity of its own',
    change: (key, value, path) => {
      if (!/^token-refresher.*\.json$/.test(key) || !path.endsWith('data')) return value;
      const dashboard: unknown = JSON.parse(String(value));
      assert.ok(isJsonObject(dashboard));
      return { ...dashboard, uid: 'own', title: 'own' };
    },
  },
  {
    why: 'the order of variables, volumes and mounts means nothing',
    change: (key, value) =>
      ['env', 'volumes', 'volumeMounts'].includes(key) && Array.isArray(value)
        ? value.toSorted((a, b) => String(at(a, 'name')).localeCompare(String(at(b, 'name'))))
        : value,
  },
];

function withoutDifferences(value: unknown, path = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutDifferences(item, path));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, part]) => {
      let changed: unknown = part;
      for (const { change } of DIFFERENCES) changed = change(key, changed, path);
      const name = /^token-refresher.*\.json$/.test(key) ? 'dashboard' : key;
      return changed === undefined ? [] : [[name, withoutDifferences(changed, `${path}.${key}`)]];
    }),
  );
}

/** A second installation in a namespace, as docs/install-eks.md says. */
const BLUE = {
  namePrefix: 'blue-',
  labels: [
    {
      pairs: { 'app.kubernetes.io/instance': 'blue-token-refresher' },
      includeSelectors: true,
      fields: [{ kind: 'PodMonitor', path: 'spec/selector/matchLabels', create: true }],
    },
  ],
};

describe('the chart and kustomize', { skip: SKIP }, () => {
  const overlay =
    (components: readonly string[], more: JsonObject = {}) =>
    async (t: TestContext) =>
      (await renderOverlay(t, components, { namespace: 'token-refresher', ...more })).manifests;

  for (const [what, byKustomize, byHelm] of [
    [
      'overlays/example and the example values',
      () => render('k8s/overlays/example').manifests.filter(({ kind }) => kind !== 'Namespace'),
      { files: ['k8s/helm/example-values.yaml'] },
    ],
    [
      'components/irsa and an annotation of the account',
      overlay(['irsa']),
      {
        values: {
          ...BASE,
          networkPolicy: { podIdentityAgent: false },
          serviceAccount: {
            annotations: {
              'eks.amazonaws.com/role-arn': 'arn:aws:iam::111122223333:role/token-refresher',
              'eks.amazonaws.com/sts-regional-endpoints': 'true',
            },
          },
        },
      },
    ],
    [
      'components/single-replica and one replica',
      overlay(['single-replica', 'pod-identity']),
      { values: { ...BASE, replicas: 1, strategy: { type: 'Recreate', rollingUpdate: null } } },
    ],
    [
      'components/cronjob and cronJob.enabled',
      overlay(['pod-identity', 'cronjob']),
      { values: { ...BASE, cronJob: { enabled: true } } },
    ],
    [
      'components/rejections and a configuration with that section',
      overlay(['pod-identity', 'rejections'], configured(REPORTING)),
      { values: { config: REPORTING, networkPolicy: { rejectionsFrom: READERS } } },
    ],
    [
      'components/kubernetes-secrets, their names, and a configuration that publishes there',
      overlay(['pod-identity', 'kubernetes-secrets', 'kubernetes-secrets-create'], {
        ...configured(PUBLISHING),
        patches: [
          {
            target: { kind: 'Role', name: 'token-refresher-secrets' },
            patch: JSON.stringify([
              { op: 'replace', path: '/rules/0/resourceNames', value: ['pivot-token', 'pivot-token-state'] },
            ]),
          },
        ],
      }),
      { values: { config: PUBLISHING } },
    ],
    [
      'a namePrefix and another release',
      overlay(['pod-identity', 'prometheus-operator'], BLUE),
      {
        release: 'blue-token-refresher',
        values: {
          ...BASE,
          podMonitor: { enabled: true },
          prometheusRule: { enabled: true },
          grafanaDashboard: { enabled: true },
        },
      },
    ],
  ] as const) {
    it(`install the same: ${what}`, async (t) => {
      const [left, right] = [byKind(await byKustomize(t)), byKind(renderChart(byHelm))];
      assert.deepEqual(Object.keys(right).toSorted(), Object.keys(left).toSorted());
      for (const [key, object] of Object.entries(left))
        assert.deepEqual(withoutDifferences(right[key]), withoutDifferences(object), key);
      for (const { metadata } of Object.values(right)) {
        assert.equal(metadata.labels['app.kubernetes.io/managed-by'], 'Helm');
        for (const label of ['name', 'instance', 'version', 'part-of'])
          assert.ok(metadata.labels[`app.kubernetes.io/${label}`] !== undefined, label);
      }
    });
  }

  it('differ in nothing that is not there', () => {
    const objects = [
      ...render('k8s/overlays/example').manifests,
      ...renderChart({ files: ['k8s/helm/example-values.yaml'] }),
      ...renderChart({
        values: { config: REPORTING, networkPolicy: { rejectionsFrom: READERS } },
      }),
    ];
    for (const { why, change } of DIFFERENCES) {
      let isSeen = false;
      const look = (value: unknown, path: string): void => {
        if (Array.isArray(value)) for (const item of value) look(item, path);
        if (!isJsonObject(value)) return;
        for (const [key, part] of Object.entries(value)) {
          isSeen ||= change(key, part, path) !== part;
          look(part, `${path}.${key}`);
        }
      };
      for (const object of objects) look(object, '');
      assert.ok(isSeen, why);
    }
  });
});

/** By what installations in one cluster could meet. */
function identityOf(manifests: readonly Manifest[]) {
  const deployment = toDeployment(oneOf(manifests, 'Deployment'));
  const pods = deployment.template.metadata.labels;
  const selectors = [
    labelsAt(oneOf(manifests, 'Deployment'), 'spec', 'selector', 'matchLabels'),
    ...manifests
      .filter(({ kind }) => kind === 'Service')
      .map((service) => labelsAt(service, 'spec', 'selector')),
    labelsAt(oneOf(manifests, 'PodDisruptionBudget'), 'spec', 'selector', 'matchLabels'),
    labelsAt(oneOf(manifests, 'NetworkPolicy'), 'spec', 'podSelector', 'matchLabels'),
    labelsAt(oneOf(manifests, 'PodMonitor'), 'spec', 'selector', 'matchLabels'),
  ];
  const [container] = deployment.template.spec.containers;
  const role = JSON.stringify(manifests.filter(({ kind }) => kind === 'Role'));
  const lease = container?.env.find(({ name }) => name === 'TOKEN_REFRESHER_LEASE_NAME')?.value ?? '';
  assert.ok(role.includes(`"resourceNames":["${lease}"]`), 'the Role is for the Lease');
  return {
    names: manifests.map(({ kind, metadata }) => `${metadata.namespace}/${kind}/${metadata.name}`),
    lease: `${oneOf(manifests, 'Deployment').metadata.namespace}/${lease}`,
    pods,
    selectors,
    namespace: oneOf(manifests, 'Deployment').metadata.namespace,
  };
}

const selects = (selector: JsonObject, labels: JsonObject): boolean =>
  Object.entries(selector).every(([key, value]) => labels[key] === value);

function assertApart(one: readonly Manifest[], other: readonly Manifest[]): void {
  const [a, b] = [identityOf(one), identityOf(other)];
  assert.deepEqual(
    a.names.filter((name) => b.names.includes(name)),
    [],
  );
  assert.notEqual(a.lease, b.lease);
  for (const [own, foreign] of [
    [a, b],
    [b, a],
  ] as const)
    for (const selector of own.selectors) {
      assert.ok(selects(selector, own.pods), 'finds its own pods');
      // A selector looks in its own namespace.
      if (own.namespace === foreign.namespace) assert.ok(!selects(selector, foreign.pods), 'no others');
    }
}

describe('two installations', { skip: SKIP }, () => {
  const monitoring = {
    podMonitor: { enabled: true },
    prometheusRule: { enabled: true },
    grafanaDashboard: { enabled: true },
  };
  const release = ([name, namespace]: readonly [string, string]): readonly Manifest[] =>
    renderChart({
      release: name,
      namespace,
      values: {
        ...monitoring,
        config: {
          ...PUBLISHING,
          // No Service can have a name that long and the end of its own.
          ...(name.length > 36 ? BASE.config : REPORTING),
          store: { kind: 'kubernetes-secret', namespace: 'shared' },
        },
        networkPolicy: { rejectionsFrom: READERS },
      },
    });
  const expressionsOf = (manifests: readonly Manifest[]): readonly string[] =>
    [...JSON.stringify(oneOf(manifests, 'PrometheusRule')).matchAll(/"expr":"((?:[^"\\]|\\.)*)"/g)].map(
      ([, expression = '']) => expression,
    );
  const dashboardOf = (manifests: readonly Manifest[]): Manifest | undefined =>
    manifests.find(({ metadata }) => metadata.name.endsWith('-dashboard'));

  for (const [what, one, other] of [
    ['one namespace', ['blue', 'payments'], ['green', 'payments']],
    ['namespaces of their own, under one name', ['token-refresher', 'blue'], ['token-refresher', 'green']],
    [
      'one namespace, with names that only differ in their ends',
      [`${'r'.repeat(52)}a`, 'x'],
      [`${'r'.repeat(52)}b`, 'x'],
    ],
    [
      'one namespace, with the longest names that reports allow',
      [`${'r'.repeat(35)}a`, 'x'],
      [`${'r'.repeat(35)}b`, 'x'],
    ],
  ] as const) {
    it(`by Helm do not meet in ${what}: names, Lease, selectors, alerts, dashboard`, () => {
      const [a, b] = [release(one), release(other)];
      assertApart(a, b);
      for (const manifests of [a, b]) {
        const monitor = oneOf(manifests, 'PodMonitor').metadata;
        for (const expression of expressionsOf(manifests)) {
          const series = [...expression.matchAll(/[a-z:]*token_refresher_[a-z0-9_:]+(\{job=[^,}]*)?/g)];
          assert.ok(series.length > 0, expression);
          // The name that the operator gives to the targets of a PodMonitor.
          for (const [, own] of series)
            assert.equal(own, `{job=\\"${monitor.namespace}/${monitor.name}\\"`, expression);
        }
      }
      assert.equal(expressionsOf(a).length, expressionsOf(b).length);
      const [left, right] = [dashboardOf(a)?.['data'], dashboardOf(b)?.['data']];
      assert.ok(isJsonObject(left) && isJsonObject(right));
      assert.notDeepEqual(Object.keys(left), Object.keys(right), 'files of one sidecar');
      const uids = [left, right].map((data) => at(JSON.parse(String(Object.values(data)[0])), 'uid'));
      assert.notEqual(uids[0], uids[1]);
    });
  }

  it('have rules whose links lead to the page of their own configuration', () => {
    const config = { ...BASE.config, http: { port: 8080, url: 'https://tokens.example.com/' } };
    const rule = oneOf(renderChart({ values: { config, ...monitoring } }), 'PrometheusRule');
    const links = [...JSON.stringify(rule).matchAll(/"runbook_url":"([^"]*)"/g)].map(([, link = '']) => link);
    assert.ok(links.length > 5);
    for (const link of links) assert.match(link, /^https:\/\/tokens\.example\.com\/runbook\//);
  });

  it('by kustomize do not meet in one namespace: names, Lease, selectors', async (t) => {
    const components = ['pod-identity', 'prometheus-operator'];
    const namespace = 'payments';
    for (const naming of [{ namePrefix: 'green-' }, { nameSuffix: '-green' }]) {
      const pairs = { 'app.kubernetes.io/instance': 'green' };
      const [one, other] = [
        await renderOverlay(t, components, { namespace, ...BLUE }),
        await renderOverlay(t, components, {
          namespace,
          ...naming,
          labels: [{ ...BLUE.labels[0], pairs }],
        }),
      ];
      assert.ok(one.ok && other.ok, one.stderr + other.stderr);
      assertApart(one.manifests, other.manifests);
    }
  });
});
