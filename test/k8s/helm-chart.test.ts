/** The chart: what `helm template` makes of it, against kustomize's installation, Kubernetes' schemas and hostile values. */
import assert from 'node:assert/strict';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { CHART, chartFiles } from '../../k8s/helm/chart.ts';
import { configurationJsonSchema } from '../../src/config/json-schema.ts';
import { VERSION } from '../../src/core/version.ts';
import { isJsonObject, type JsonObject } from '../../src/core/wire/json.ts';
import { CATALOG } from '../../src/wiring/catalog.ts';
import { findHelmProblem, HELM_SKIP, helm, refusalOf, renderChart } from '../support/helm.ts';
import { type Manifest, oneOf, readManifestText } from '../support/manifest.ts';
import { createPrivateFolder } from '../support/private-folder.ts';
import { StrictSchemas } from '../support/strict-schemas.ts';

const EXAMPLE = 'k8s/helm/example-values.yaml';

const PROVIDER: JsonObject = {
  name: 'apimw',
  kind: 'apimw',
  credentials: {
    apiKey: { awsSecret: 'credentials/apimw', key: 'api_key' },
    apiSecret: { awsSecret: 'credentials/apimw', key: 'api_secret' },
  },
  secret: 'payments/apimw',
};
const SMALLEST = { config: { store: { region: 'ap-southeast-3' }, providers: [PROVIDER] } };
const MONITORED = {
  ...SMALLEST,
  podMonitor: { enabled: true },
  prometheusRule: { enabled: true },
  grafanaDashboard: { enabled: true },
};

const schemas = new StrictSchemas();
const problemsOf = (manifests: readonly Manifest[]): readonly string[] =>
  manifests.flatMap((manifest) => schemas.problems(manifest));

function configurationOf(manifests: readonly Manifest[]): unknown {
  const data = manifests.find(({ metadata }) => metadata.name.includes('-config'))?.['data'];
  assert.ok(isJsonObject(data));
  // As the program reads it: YAML 1.2.
  return parse(String(data['config.yaml']));
}

function at(object: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((value, key) => (isJsonObject(value) ? value[key] : undefined), object);
}

describe('the files of the chart', () => {
  for (const [path, content] of Object.entries(chartFiles())) {
    it(`has in ${path} what the rest of the project says (write it again with: npm run chart)`, async () => {
      assert.equal(await readFile(join(CHART, path), 'utf8'), content);
    });
  }

  it('checks a configuration with our own schema', () => {
    const { $schema: _, required, ...ours } = configurationJsonSchema(CATALOG);
    assert.deepEqual(required, ['providers'], 'a template asks for these');
    const schema: unknown = JSON.parse(chartFiles()['values.schema.json'] ?? '');
    assert.deepEqual(at(schema, '$defs', 'configuration'), JSON.parse(JSON.stringify(ours)));
    assert.deepEqual(at(schema, 'properties', 'config'), { $ref: '#/$defs/configuration' });
  });

  it('has the version of the program', async () => {
    const chart: unknown = parse(await readFile(join(CHART, 'Chart.yaml'), 'utf8'));
    assert.equal(at(chart, 'version'), VERSION);
    assert.equal(at(chart, 'appVersion'), VERSION);
  });

  it('has in the example the configuration of overlays/example', async () => {
    const values: unknown = parse(await readFile(join(CHART, '../example-values.yaml'), 'utf8'));
    assert.deepEqual(at(values, 'config'), parse(readManifestText('overlays/example/config/config.yaml')));
  });
});

describe('helm', { skip: HELM_SKIP }, () => {
  it('is there, in the version that these tests are for', () => {
    assert.equal(findHelmProblem(), undefined);
  });

  for (const [what, files] of [
    ['alone', []],
    ['with the example', [EXAMPLE]],
  ] as const) {
    it(`lints the chart ${what}, strictly, without a warning`, () => {
      const { ok, stdout } = helm(['lint', '--strict'], { files });
      assert.ok(ok, stdout);
      assert.doesNotMatch(stdout, /WARNING|ERROR/);
    });
  }

  for (const [what, values] of Object.entries({
    'the smallest values': SMALLEST,
    'all of monitoring': MONITORED,
    'one replica without a Lease': {
      ...SMALLEST,
      replicas: 1,
      config: { ...SMALLEST.config, coordination: { kind: 'none' } },
    },
    'everything that an installation can add': {
      ...MONITORED,
      image: { repository: 'registry.example.com/x', digest: `sha256:${'a'.repeat(64)}` },
      imagePullSecrets: [{ name: 'registry' }],
      commonLabels: { team: 'payments' },
      commonAnnotations: { 'example.com/owner': 'payments, "settlement" {{ team }}' },
      podLabels: { 'sidecar.istio.io/inject': 'false' },
      podAnnotations: { 'example.com/scrape': 'true' },
      env: [{ name: 'A', value: '1' }],
      envFrom: [{ secretRef: { name: 'more' } }],
      volumes: [{ name: 'more', emptyDir: {} }],
      volumeMounts: [{ name: 'more', mountPath: '/more' }],
      initContainers: [{ name: 'wait', image: 'busybox' }],
      extraContainers: [{ name: 'side', image: 'busybox' }],
      serviceAccount: { create: false, name: 'ours' },
      journal: { volume: { persistentVolumeClaim: { claimName: 'journal' } } },
      tolerations: [{ operator: 'Exists' }],
      affinity: { nodeAffinity: {} },
      topologySpreadConstraints: [
        { maxSkew: 1, topologyKey: 'rack', whenUnsatisfiable: 'DoNotSchedule', labelSelector: {} },
      ],
      priorityClassName: 'high',
      runtimeClassName: 'gvisor',
      dnsPolicy: 'None',
      dnsConfig: { nameservers: ['10.0.0.1'] },
      hostAliases: [{ ip: '10.0.0.2', hostnames: ['api'] }],
      service: { annotations: { a: 'b' } },
      podDisruptionBudget: { maxUnavailable: '50%' },
      networkPolicy: { egress: [{ ports: [{ protocol: 'TCP', port: 6443 }] }] },
      probes: { startup: { initialDelaySeconds: 1 } },
    },
  })) {
    it(`makes of ${what} what Kubernetes' strict schemas accept`, () => {
      assert.deepEqual(problemsOf(renderChart({ values })), []);
    });
  }

  for (const [file, found, typo, problem] of [
    ['values.yaml', 'readOnlyRootFilesystem:', 'readOnlyRootFileSystem:', /readOnlyRootFileSystem/],
    [
      'templates/deployment.yaml',
      'terminationGracePeriodSeconds:',
      'terminationGracePeriod:',
      /terminationGracePeriod$/,
    ],
    ['templates/network-policy.yaml', 'policyTypes:', 'policyType:', /policyType$/],
    ['templates/pod-monitor.yaml', 'scrapeTimeout:', 'scrapetimeout:', /scrapetimeout/],
  ] as const) {
    it(`lets the strict schemas find ${typo.slice(0, -1)} where ${found.slice(0, -1)} is meant`, async (t) => {
      const chart = join(await createPrivateFolder(t), 'token-refresher');
      await cp(CHART, chart, { recursive: true });
      const text = await readFile(join(chart, file), 'utf8');
      assert.ok(text.includes(found));
      await writeFile(join(chart, file), text.replaceAll(found, typo));
      assert.match(problemsOf(renderChart({ chart, values: MONITORED })).join('\n'), problem);
    });
  }
});

describe('a mistake in the values', { skip: HELM_SKIP }, () => {
  const provider = (change: JsonObject): JsonObject => ({
    config: { ...SMALLEST.config, providers: [{ ...PROVIDER, ...change }] },
  });
  for (const [what, values, expected] of [
    [
      'a misspelt option of a section',
      { config: { ...SMALLEST.config, store: { regoin: 'x' } } },
      /at '\/config\/store': additional properties 'regoin' not allowed/,
    ],
    [
      'a misspelt option of a provider',
      provider({ refrehsAfter: '5m' }),
      /at '\/config\/providers\/0': additional properties 'refrehsAfter' not allowed/,
    ],
    [
      'a misspelt credential',
      provider({ credentials: { apiKye: { env: 'A' }, apiSecret: { env: 'B' } } }),
      /at '\/config\/providers\/0\/credentials': additional properties 'apiKye' not allowed/,
    ],
    [
      'an unknown kind',
      provider({ kind: 'apimv' }),
      /at '\/config\/providers\/0\/kind': value must be one of/,
    ],
    ['no duration', provider({ timeout: '10 seconds' }), /at '\/config\/providers\/0\/timeout'/],
    [
      'the name of a secret that Secrets Manager does not take',
      provider({ secret: 'payments/apimw-abcdef' }),
      /at '\/config\/providers\/0\/secret'/,
    ],
    ['a list of no providers', { config: { providers: [] } }, /at '\/config\/providers': minItems/],
    ['no providers', {}, /config\.providers is missing: name at least one provider/],
    ['no configuration', { config: null }, /missing property 'config'/],
    ['a configuration that is a text', { config: 'providers: []' }, /at '\/config': got string, want object/],
    ['a misspelt value', { ...SMALLEST, replica: 3 }, /at '': additional properties 'replica' not allowed/],
    [
      'a misspelt value further down',
      { ...SMALLEST, networkPolicy: { enabeld: true } },
      /at '\/networkPolicy': additional properties 'enabeld' not allowed/,
    ],
    ['a number in quotes', { ...SMALLEST, replicas: '2' }, /at '\/replicas': got string, want integer/],
    ['a tag that is a number', { ...SMALLEST, image: { tag: 20_261_129 } }, /at '\/image\/tag': got number/],
    ['a label that is a number', { ...SMALLEST, commonLabels: { team: 7 } }, /at '\/commonLabels\/team'/],
    ['a label with blanks', { ...SMALLEST, podLabels: { team: 'a b' } }, /at '\/podLabels\/team'/],
    ['a short digest', { ...SMALLEST, image: { digest: 'sha256:abc' } }, /at '\/image\/digest'/],
    ['a name of 64', { ...SMALLEST, fullnameOverride: 'a'.repeat(64) }, /at '\/fullnameOverride': maxLength/],
    ['a name in capitals', { ...SMALLEST, fullnameOverride: 'Blue' }, /at '\/fullnameOverride'/],
    ['no strategy', { ...SMALLEST, strategy: null }, /missing property 'strategy'/],
    [
      'two replicas that know nothing of each other',
      { config: { ...SMALLEST.config, coordination: { kind: 'none' } } },
      /kind is none and replicas is 2: .* set replicas: 1, or kind: kubernetes/,
    ],
  ] as const) {
    it(`is said with its path: ${what}`, () => {
      assert.match(refusalOf({ values }), expected);
    });
  }

  it('is a name that begins with a digit, which a Service cannot have', () => {
    assert.match(
      refusalOf({ values: SMALLEST, release: '7eleven' }),
      /"7eleven-token-refresher".*set fullnameOverride/,
    );
  });
});

describe('hostile values', { skip: HELM_SKIP }, () => {
  it('come to the program as they were written', () => {
    const texts = [
      '{{ .Values.image }}',
      '{{',
      '%s %d ${x} $1',
      'it\'s "quoted"',
      'a: b # c',
      '- a',
      '0440',
      '0o14',
      '0x1F',
      '1_000',
      '1e3',
      '+1.5',
      '.inf',
      '1:30',
      'on',
      'No',
      '~',
      'null',
      'True',
      '2026-11-29',
      '=',
      '<<',
      '!tag',
      '&anchor',
      '*alias',
      '|',
      '@',
      ' blank ',
      'tab\tand\\backslash',
      'Zahlungsübersicht',
      '支付 🚀',
    ];
    const config = {
      ...SMALLEST.config,
      store: { tags: Object.fromEntries(texts.map((text, index) => [`tag${index}`, text])) },
      readers: { staleness: '10s' },
    };
    const manifests = renderChart({ values: { config } });
    assert.deepEqual(at(configurationOf(manifests), 'store', 'tags'), config.store.tags);
  });

  it('that are empty lists add nothing, and never let in everybody', () => {
    const manifests = renderChart({
      values: {
        ...SMALLEST,
        imagePullSecrets: [],
        env: [],
        topologySpreadConstraints: [],
        networkPolicy: { ingressFrom: [], egress: [] },
      },
    });
    assert.deepEqual(problemsOf(manifests), []);
    assert.deepEqual(at(oneOf(manifests, 'NetworkPolicy'), 'spec', 'ingress'), []);
    const pod = at(oneOf(manifests, 'Deployment'), 'spec', 'template', 'spec');
    assert.ok(isJsonObject(pod) && !('topologySpreadConstraints' in pod) && !('imagePullSecrets' in pod));
  });

  it('never replace the labels by which pods are found', () => {
    const labels = { 'app.kubernetes.io/name': 'other', 'app.kubernetes.io/instance': 'other' };
    const [plain, hostile] = [SMALLEST, { ...SMALLEST, commonLabels: labels, podLabels: labels }].map(
      (values) => at(oneOf(renderChart({ values }), 'Deployment'), 'spec', 'template', 'metadata', 'labels'),
    );
    assert.deepEqual(hostile, plain);
  });

  it('of the greatest length leave names that Kubernetes takes', () => {
    const release = `${'r'.repeat(52)}-`.slice(0, 52).concat('x');
    const manifests = renderChart({ values: { ...MONITORED, nameOverride: 'n'.repeat(63) }, release });
    assert.deepEqual(problemsOf(manifests), []);
    for (const { metadata } of manifests) {
      assert.match(metadata.name.replace(/-(config|dashboard)$/, ''), /^[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?$/);
      for (const label of Object.values(metadata.labels)) assert.ok(label.length <= 63, label);
    }
  });

  it('give the port to everything that has to know it', () => {
    const values = { config: { ...SMALLEST.config, http: { port: 9090 } } };
    const text = JSON.stringify(renderChart({ values }));
    assert.doesNotMatch(text, /8080/);
    assert.equal([...text.matchAll(/"(?:containerPort|port)":9090/g)].length, 3);
  });
});
