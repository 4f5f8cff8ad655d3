/** The chart: what `helm template` makes of it, against kustomize's installation, Kubernetes' schemas and hostile values. */
import assert from 'node:assert/strict';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { z } from 'zod';
import { CHART, chartFiles } from '../../k8s/helm/chart.ts';
import { SECRET_NAMES } from '../../src/adapters/kubernetes-secret/secret-names.ts';
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
    'a CronJob': {
      ...SMALLEST,
      cronJob: { enabled: true },
      podAnnotations: { a: 'b' },
      podLabels: { c: 'd' },
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
      journal: {
        volume: { ephemeral: { volumeClaimTemplate: { spec: { accessModes: ['ReadWriteOnce'] } } } },
      },
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
      'templates/_pod.tpl',
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
  const MIRRORED = {
    stores: { aws: { kind: 'aws-secrets-manager' }, pods: { kind: 'kubernetes-secret' } },
    providers: [PROVIDER],
  };
  const withReports = (rejections: JsonObject): JsonObject => ({
    config: { ...SMALLEST.config, rejections: { bearer: { env: 'SECRET' }, ...rejections } },
    networkPolicy: { rejectionsFrom: [{ podSelector: {} }] },
  });
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
      'the name of a secret that no store takes',
      provider({ secret: 'payments apimw' }),
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
    ...['{job="x"}', 'job="x",'].map(
      (seriesSelector) =>
        [
          `a selector that does not fit between braces: ${seriesSelector}`,
          { ...SMALLEST, prometheusRule: { seriesSelector } },
          /at '\/prometheusRule\/seriesSelector'/,
        ] as const,
    ),
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
    ...[
      'journal/own',
      '/journal',
      '/app/journal',
      '/usr/local/journal',
      '/etc/token-refresher/journal/',
      '/etc/token-refresher/journal/own',
    ].map(
      (dir) =>
        [
          `a journal that no volume can hold: ${dir}`,
          { config: { ...SMALLEST.config, journal: { dir } } },
          /config\.journal\.dir is "\S+": .* like \/journal\/token-refresher/,
        ] as const,
    ),
    [
      'two replicas with one journal',
      { ...SMALLEST, journal: { volume: { persistentVolumeClaim: { claimName: 'journal' } } } },
      /journal\.volume is a volume that all pods share, and replicas is 2: .* set replicas: 1/,
    ],
    ...['127.0.0.1', '::1', 'localhost'].map(
      (host) =>
        [
          `an address that no probe reaches: ${host}`,
          { config: { ...SMALLEST.config, http: { host } } },
          /config\.http\.host is \S+: nothing outside of the pod reaches it/,
        ] as const,
    ),
    [
      'a port that no probe knows',
      { config: { ...SMALLEST.config, http: { port: 0 } } },
      /config\.http\.port is 0, .* leave it out for 8080/,
    ],
    [
      'an address that no reader reaches',
      withReports({ host: '127.0.0.1' }),
      /config\.rejections\.host is 127\.0\.0\.1: nothing outside of the pod reaches it; leave it out/,
    ],
    [
      'a port that no reader knows',
      withReports({ port: 0 }),
      /config\.rejections\.port is 0, .* leave it out for 8081/,
    ],
    [
      'a name that leaves no room for that of the second Service',
      { ...withReports({}), fullnameOverride: 'n'.repeat(53) },
      /"n{53}", which is too long for the Service NAME-rejections: .* 52 characters at most/,
    ],
    [
      'a name that no CronJob can have',
      { ...SMALLEST, cronJob: { enabled: true }, fullnameOverride: 'n'.repeat(53) },
      /"n{53}", which is too long for a CronJob: .* 52 characters at most/,
    ],
    ...['\u{7f}', '\u{85}', '\u{9f}', '\u{2028}', '\u{fffe}', '\u{ffff}'].map(
      (character) =>
        [
          `a character of which Helm makes something else: ${escape(character)}`,
          { config: { ...SMALLEST.config, store: { tags: { team: `pay${character}` } } } },
          /config contains a character that Helm cannot pass on/,
        ] as const,
    ),
    [
      'such a character beside the configuration',
      { ...SMALLEST, env: [{ name: 'A', value: '\u{7f}' }] },
      /env contains a character that Helm cannot pass on/,
    ],
  ] as const) {
    it(`is said with its path: ${what}`, () => {
      assert.match(refusalOf({ values }), expected);
    });
  }

  for (const [what, values] of Object.entries({
    'config.rejections': {
      config: { ...SMALLEST.config, rejections: { port: 8081 } },
      networkPolicy: { rejectionsFrom: [{ podSelector: {} }] },
    },
    'podMonitor.enabled': { podMonitor: { enabled: true } },
    'prometheusRule.enabled': { prometheusRule: { enabled: true } },
    'config.publish.mirrors': { config: { ...MIRRORED, publish: { to: 'aws', mirrors: ['pods'] } } },
    'places.mirrors of apimw': {
      config: {
        ...MIRRORED,
        publish: { to: 'aws' },
        providers: [{ ...PROVIDER, places: { to: 'aws', mirrors: ['pods'] } }],
      },
    },
  })) {
    it(`is a CronJob with ${what}, which needs a daemon`, () => {
      assert.match(
        refusalOf({ values: { ...SMALLEST, ...values, cronJob: { enabled: true } } }),
        new RegExp(`cronJob\\.enabled leaves nothing that runs between two jobs, and ${what} needs that`),
      );
    });
  }

  it('is a name that begins with a digit, which a Service cannot have', () => {
    assert.match(
      refusalOf({ values: SMALLEST, release: '7eleven' }),
      /"7eleven-token-refresher".*set fullnameOverride/,
    );
  });
});

describe('the Roles for Secrets', { skip: HELM_SKIP }, () => {
  const POD_PLACE = { kind: 'kubernetes-secret' };
  const token = (secret: string, more: JsonObject = {}): JsonObject => ({
    ...PROVIDER,
    name: secret.toLowerCase().replaceAll(/[^a-z0-9]/g, '-'),
    secret,
    ...more,
  });
  const listed = { customers: [{ name: 'ayu' }, { name: 'budi', secret: 'shop/own' }] };
  const discovered = { customers: { discover: { tag: 'app=bindings' } } };
  const secrets = { apiGroups: [''], resources: ['secrets'] };
  const named = (...resourceNames: readonly string[]): JsonObject => ({
    ...secrets,
    resourceNames,
    verbs: ['get', 'update'],
  });
  const anyName = { ...secrets, verbs: ['get', 'update'] };
  const create = { ...secrets, verbs: ['create'] };
  const rulesOf = (config: JsonObject): Readonly<Record<string, readonly unknown[]>> => {
    const manifests = renderChart({ values: { config } });
    assert.deepEqual(problemsOf(manifests), []);
    const roles = manifests.filter(
      ({ kind, metadata }) => kind === 'Role' && metadata.name.includes('secrets'),
    );
    const bindings = manifests.filter(({ kind }) => kind === 'RoleBinding').map(({ metadata }) => metadata);
    for (const { metadata } of roles)
      assert.ok(
        bindings.some(({ name, namespace }) => name === metadata.name && namespace === metadata.namespace),
        metadata.name,
      );
    return Object.fromEntries(
      roles.map((role) => [
        `${role.metadata.namespace} ${role.metadata.name}`,
        z.array(z.unknown()).parse(role['rules']),
      ]),
    );
  };

  for (const [what, config, expected] of [
    ['none for AWS', { providers: [token('a/b')] }, {}],
    [
      'one for a place of its own namespace, with the state of each token',
      { store: POD_PLACE, providers: [token('a'), token('b', { stateSecret: 'vault/b' })] },
      {
        'token-refresher token-refresher-secrets': [named('a', 'a-state', 'b')],
        'vault token-refresher:token-refresher-secrets': [named('b')],
      },
    ],
    [
      'one for the namespace of the place, and one for that of a name; new Secrets where they are made',
      {
        store: { ...POD_PLACE, namespace: 'shop', createSecrets: true },
        providers: [token('a'), token('pay/b')],
      },
      {
        'pay token-refresher:token-refresher-secrets': [named('b', 'b-state')],
        'pay token-refresher:token-refresher-create-secrets': [create],
        'shop token-refresher:token-refresher-secrets': [named('a', 'a-state')],
        'shop token-refresher:token-refresher-create-secrets': [create],
      },
    ],
    [
      'customers that are listed by their names',
      { store: POD_PLACE, providers: [token('c', { secret: 'shop/c-{customer}', ...listed })] },
      { 'shop token-refresher:token-refresher-secrets': [named('c-ayu', 'c-ayu-state', 'own', 'own-state')] },
    ],
    [
      'discovered customers by a namespace of their own',
      { store: POD_PLACE, providers: [token('c', { secret: 'shop/{customer}', ...discovered }), token('a')] },
      {
        'shop token-refresher:token-refresher-secrets-of-any-name': [anyName],
        'token-refresher token-refresher-secrets': [named('a', 'a-state')],
      },
    ],
    [
      'mirrors without state, under the names that they have there; a provider that goes elsewhere not at all',
      {
        stores: { aws: { kind: 'aws-secrets-manager' }, pods: { ...POD_PLACE, namespace: 'shop' } },
        publish: { to: 'aws', mirrors: ['pods'] },
        providers: [token('Pay_b/c/d'), token('pay/e'), token('f', { places: { to: 'aws' } })],
      },
      {
        'shop token-refresher:token-refresher-secrets': [named('pay-b-c-d', 'pay-e')],
      },
    ],
    [
      'none for a place in another cluster',
      {
        store: { ...POD_PLACE, apiServer: { url: 'https://10.0.0.1', tokenFile: 'token' } },
        providers: [token('a')],
      },
      {},
    ],
  ] as const) {
    it(`are ${what}`, () => {
      assert.deepEqual(rulesOf({ ...config, coordination: { kind: 'kubernetes' } }), expected);
    });
  }

  it('name the Secrets of a mirror as the store does', () => {
    const names = [
      'pay',
      'shop/pay.v2',
      'Pay/Pivot_B2B',
      'pay/pivot/ayu',
      '/tokens/pay/',
      'a@b+c=d.e',
      'pay_',
      '_Pay.',
      'x/.y',
      'UPPER/x',
      `${'n'.repeat(64)}/pay`,
      'p/'.repeat(130) + 'end',
      'n'.repeat(253),
    ];
    const rules = rulesOf({
      stores: { aws: { kind: 'aws-secrets-manager' }, pods: POD_PLACE },
      publish: { to: 'aws', mirrors: ['pods'] },
      providers: names.map((secret, index) => token(secret, { name: `p${index}` })),
    });
    const rendered = Object.entries(rules).flatMap(([role, [rule]]) => {
      const [namespace = ''] = role.split(' ');
      const own: unknown = at(rule, 'resourceNames');
      assert.ok(Array.isArray(own));
      return own.map((name) => `${namespace}/${name}`);
    });
    const expected = names.map((name) => {
      const secret = SECRET_NAMES.mirrorOf(name);
      return secret.includes('/') ? secret : `token-refresher/${secret}`;
    });
    assert.deepEqual(rendered.toSorted(), [...new Set(expected)].toSorted());
  });

  it('are left to others with rbac.secrets: false', () => {
    const config = {
      store: POD_PLACE,
      providers: [token('c', { secret: '{customer}/token', ...discovered })],
    };
    const manifests = renderChart({ values: { config, rbac: { secrets: false } } });
    assert.ok(!manifests.some(({ metadata }) => metadata.name.includes('secrets')));
  });

  it('come with a token for the API server, also without a Lease', () => {
    const tokenOf = (config: JsonObject): unknown =>
      at(
        oneOf(
          renderChart({
            values: {
              config: { ...config, coordination: { kind: 'none' }, providers: [token('a')] },
              replicas: 1,
              networkPolicy: { rejectionsFrom: [{ podSelector: {} }] },
            },
          }),
          'Deployment',
        ),
        'spec',
        'template',
        'spec',
        'automountServiceAccountToken',
      );
    assert.equal(tokenOf({}), false);
    assert.equal(tokenOf({ store: POD_PLACE }), true);
    assert.equal(tokenOf({ rejections: { allow: [{ serviceAccount: 'a/b', tokens: ['*'] }] } }), true);
    assert.equal(tokenOf({ rejections: { bearer: { env: 'SECRET' } } }), false);
  });

  for (const [what, config, expected] of [
    [
      'beside the credentials of the daemon',
      { store: POD_PLACE, providers: [token('c', { secret: 'c-{customer}', ...discovered })] },
      /need a namespace of their own, and default has the daemon's credentials: name another one in `secret`/,
    ],
    [
      'beside other tokens',
      {
        store: POD_PLACE,
        providers: [token('c', { secret: 'shop/{customer}', ...discovered }), token('shop/a')],
      },
      /need a namespace of their own, and shop has a, a-state as well/,
    ],
    [
      'in namespaces that nobody knows',
      { store: POD_PLACE, providers: [token('c', { secret: '{customer}/token', ...discovered })] },
      /c publishes to namespaces that are discovered \(\{customer\}\/token\).*rbac\.secrets: false/,
    ],
  ] as const) {
    it(`refuse customers that are discovered ${what}`, () => {
      assert.match(refusalOf({ values: { config } }), expected);
    });
  }

  it('and the network policy refuse reports of nobody', () => {
    const config = { ...SMALLEST.config, rejections: { port: 8081 } };
    assert.match(refusalOf({ values: { config } }), /networkPolicy\.rejectionsFrom names nobody/);
    renderChart({ values: { config, networkPolicy: { enabled: false } } });
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

  it('that YAML would take for something else stay texts and whole numbers', () => {
    const manifests = renderChart({
      namespace: '2026',
      values: {
        ...MONITORED,
        fullnameOverride: 'on',
        serviceAccount: { name: '1e3' },
        replicas: 1_000_000,
        revisionHistoryLimit: 1_000_000,
        terminationGracePeriodSeconds: 1_000_000,
      },
    });
    assert.deepEqual(problemsOf(manifests), []);
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

  it('of one object win over those of all', () => {
    const labels = { release: 'monitoring' };
    const values = {
      ...SMALLEST,
      commonLabels: { release: 'all', team: 'payments' },
      podLabels: labels,
      podMonitor: { enabled: true, labels },
    };
    const found = renderChart({ values });
    const pod = at(oneOf(found, 'Deployment'), 'spec', 'template', 'metadata', 'labels');
    assert.deepEqual([at(pod, 'release'), at(pod, 'team')], ['monitoring', 'payments']);
    assert.equal(oneOf(found, 'PodMonitor').metadata.labels['release'], 'monitoring');
    assert.equal(oneOf(found, 'Deployment').metadata.labels['release'], 'all');
    const job = { ...values, podMonitor: { enabled: false }, cronJob: { enabled: true } };
    const template = at(
      oneOf(renderChart({ values: job }), 'CronJob'),
      'spec',
      'jobTemplate',
      'spec',
      'template',
    );
    assert.equal(at(template, 'metadata', 'labels', 'release'), 'monitoring');
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

  it('let the port of every URL that pods call through the network policy, and no other', () => {
    const sinks = [{ kind: 'alertmanager', urls: ['http://am-0.monitoring:9093/path:1', 'http://am-1'] }];
    const config = {
      ...SMALLEST.config,
      store: { endpoint: 'https://[fd00::1]:8443' },
      alerts: { runbookUrl: 'http://people:7001', sinks },
      http: { url: 'http://people:7002' },
      providers: [{ ...PROVIDER, baseUrl: 'http://127.0.0.1:7003' }],
    };
    const env = [{ name: 'HTTPS_PROXY', value: 'http://user:7004x@proxy:3128' }];
    const egress = at(oneOf(renderChart({ values: { config, env } }), 'NetworkPolicy'), 'spec', 'egress');
    assert.ok(Array.isArray(egress));
    const ports: unknown = egress.map((rule: unknown) => at(rule, 'ports'));
    assert.deepEqual(
      JSON.parse(JSON.stringify(ports)),
      [[53, 53], [443, 9093, 80, 8443, 3128], [80]].map((numbers) =>
        numbers.map((port, index) => ({ protocol: port === 53 && index === 0 ? 'UDP' : 'TCP', port })),
      ),
    );
  });

  it('of a variable that the chart sets replace it: a server-side apply takes no name twice', () => {
    const env = [{ name: 'AWS_EC2_METADATA_DISABLED', value: 'false' }];
    const pod = at(
      oneOf(renderChart({ values: { ...SMALLEST, env } }), 'Deployment'),
      'spec',
      'template',
      'spec',
    );
    const containers = at(pod, 'containers');
    assert.ok(Array.isArray(containers));
    const variables = at(containers[0], 'env');
    assert.ok(Array.isArray(variables));
    const names = variables.map((variable: unknown) => at(variable, 'name'));
    assert.equal(new Set(names).size, names.length);
    assert.deepEqual(variables.at(-1), env[0]);
  });

  it('allow no eviction where no pod may be missing', () => {
    const values = { ...SMALLEST, podDisruptionBudget: { maxUnavailable: 0 } };
    assert.equal(at(oneOf(renderChart({ values }), 'PodDisruptionBudget'), 'spec', 'maxUnavailable'), 0);
  });

  it('put the rights for the Lease into its namespace', () => {
    const config = { ...SMALLEST.config, coordination: { namespace: 'locks' } };
    const manifests = renderChart({ values: { config } });
    for (const kind of ['Role', 'RoleBinding'])
      assert.equal(oneOf(manifests, kind).metadata.namespace, 'locks', kind);
    assert.deepEqual(at(oneOf(manifests, 'RoleBinding'), 'subjects'), [
      { kind: 'ServiceAccount', name: 'token-refresher', namespace: 'token-refresher' },
    ]);
  });

  it('never run two pods on one journal', () => {
    const volume = { persistentVolumeClaim: { claimName: 'journal' } };
    const manifests = renderChart({
      values: {
        replicas: 1,
        journal: { volume },
        config: { ...SMALLEST.config, journal: { dir: '/journal/own/' } },
      },
    });
    const spec = at(oneOf(manifests, 'Deployment'), 'spec');
    assert.deepEqual(at(spec, 'strategy'), { type: 'Recreate' });
    assert.match(JSON.stringify(spec), /"mountPath":"\/journal"/);
  });

  it('name a journal for each pod, also without details', () => {
    const journal = { volume: { emptyDir: {} } };
    assert.equal(
      at(oneOf(renderChart({ values: { ...SMALLEST, journal } }), 'Deployment'), 'spec', 'replicas'),
      2,
    );
  });

  it('give the rules the series that they name, whatever these are called, and the links of the runbook', () => {
    const seriesSelector = 'job="token_refresher_eu",pod=~"a|b$"';
    const config = { ...SMALLEST.config, alerts: { runbookUrl: 'https://wiki.example.com/tokens/' } };
    const rule = oneOf(
      renderChart({ values: { config, prometheusRule: { enabled: true, seriesSelector } } }),
      'PrometheusRule',
    );
    const text = JSON.stringify(rule['spec']).replaceAll('\\"', '"');
    assert.match(text, /absent\(token_refresher_build_info\{job="token_refresher_eu",pod=~"a\|b\$"\}\)/);
    assert.doesNotMatch(text, /\{job="token_refresher_eu\{/);
    assert.match(text, /"runbook_url":"https:\/\/wiki\.example\.com\/tokens#tokenrefresherabsent"/);
    assert.doesNotMatch(text, /localhost/);
  });

  it('name another strategy than the default, without its details', () => {
    const values = { ...SMALLEST, strategy: { type: 'Recreate' } };
    const strategy = at(oneOf(renderChart({ values }), 'Deployment'), 'spec', 'strategy');
    assert.deepEqual(strategy, { type: 'Recreate' });
  });

  it('say of what the installation is a part', () => {
    const label = 'app.kubernetes.io/part-of';
    for (const { kind, metadata } of renderChart({
      values: { ...SMALLEST, commonLabels: { [label]: 'payments' } },
    }))
      assert.equal(metadata.labels[label], 'payments', kind);
  });

  it('take the `enabled` by which a chart of charts leaves this one out', async (t) => {
    const chart = await createPrivateFolder(t);
    await mkdir(join(chart, 'charts'));
    await cp(CHART, join(chart, 'charts/token-refresher'), { recursive: true });
    await writeFile(
      join(chart, 'Chart.yaml'),
      'apiVersion: v2\nname: all\nversion: 1.0.0\ndependencies:\n' +
        '  - { name: token-refresher, version: 0.x, condition: token-refresher.enabled }\n',
    );
    const render = (enabled: boolean): number =>
      renderChart({ chart, values: { 'token-refresher': { ...SMALLEST, enabled } } }).length;
    assert.equal(render(true), renderChart({ values: SMALLEST }).length);
    assert.equal(render(false), 0);
  });

  it('give the port to everything that has to know it', () => {
    const values = { config: { ...SMALLEST.config, http: { port: 9090 } } };
    const text = JSON.stringify(renderChart({ values }));
    assert.doesNotMatch(text, /8080/);
    assert.equal([...text.matchAll(/"(?:containerPort|port)":9090/g)].length, 3);
  });
});
