/** The Grafana dashboard: what Grafana would import, and whether it asks for metrics that there are. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { z } from 'zod';
import { METRICS } from '../../src/adapters/prometheus/metric-list.ts';
import { FAILURE_CODES } from '../../src/core/failure.ts';
import { parseJson } from '../../src/core/wire/json.ts';
import { needsTool } from '../support/monitoring-tool.ts';
import { PROJECT } from '../support/program-process.ts';

const dataSource = z.strictObject({ type: z.literal('prometheus'), uid: z.literal('${datasource}') });
const panelSchema = z.strictObject({
  id: z.int(),
  type: z.enum(['timeseries', 'stat', 'state-timeline']),
  title: z.string().min(1),
  description: z.string().min(1),
  datasource: dataSource,
  gridPos: z.strictObject({ x: z.int().min(0), y: z.int().min(0), w: z.int().min(1), h: z.int().min(1) }),
  fieldConfig: z.strictObject({
    defaults: z.looseObject({ unit: z.string() }),
    overrides: z.array(z.looseObject({})),
  }),
  options: z.looseObject({}),
  targets: z
    .array(
      z.strictObject({
        refId: z.string().regex(/^[A-Z]$/),
        datasource: dataSource,
        expr: z.string().min(1),
        legendFormat: z.string(),
        instant: z.boolean(),
      }),
    )
    .min(1),
});
/** Of Grafana's dashboard model, what an import needs: https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/ */
const dashboardSchema = z.strictObject({
  title: z.literal('token-refresher'),
  uid: z.string().max(40),
  description: z.string(),
  tags: z.array(z.string()),
  schemaVersion: z.int().min(36),
  version: z.int(),
  editable: z.boolean(),
  graphTooltip: z.int(),
  refresh: z.string(),
  timezone: z.literal('utc'),
  time: z.strictObject({ from: z.string(), to: z.literal('now') }),
  links: z.array(
    z.looseObject({ title: z.string(), type: z.literal('link'), url: z.string(), tooltip: z.string() }),
  ),
  annotations: z.strictObject({ list: z.array(z.never()) }),
  templating: z.strictObject({ list: z.array(z.looseObject({ name: z.string(), type: z.string() })) }),
  panels: z.array(panelSchema),
});

const thresholdsSchema = z.looseObject({
  steps: z.array(z.strictObject({ color: z.string(), value: z.number().nullable() })),
});

const { panels, templating, links } = dashboardSchema.parse(
  parseJson(readFileSync(join(PROJECT, 'k8s/components/prometheus-operator/dashboard.json'), 'utf8')),
);
const targets = panels.flatMap((panel) => panel.targets);
const expressions = targets.map(({ expr }) => expr);

/** Labels by name, the series of histograms included; Prometheus adds job and instance, its operator and its external labels the rest. */
const LABELS = new Map(
  METRICS.flatMap(({ name, type, labels }): [string, ReadonlySet<string>][] => {
    const all = [...labels, 'cluster', 'namespace', 'job', 'instance'];
    if (type !== 'histogram') return [[name, new Set(all)]];
    return ['_bucket', '_count', '_sum'].map((suffix) => [`${name}${suffix}`, new Set([...all, 'le'])]);
  }),
);
const NAME = /\b(?:token_refresher|process|nodejs)_\w+/g;

/** What is wrong with the metrics and labels of an expression. */
function findUnknown(expression: string, legend = ''): readonly string[] {
  const names = [...expression.matchAll(NAME)].map(([name]) => name);
  const wrong = names.filter((name) => !LABELS.has(name));
  for (const [, name = '', matchers = ''] of expression.matchAll(/(\w+)\{([^}]*)\}/g))
    for (const [, label = ''] of matchers.matchAll(/(\w+)(?:=~|!~|!=|=)"/g))
      if (LABELS.get(name)?.has(label) === false) wrong.push(`${name}{${label}}`);
  const grouped = [...expression.matchAll(/\b(?:by|on) \(([^)]*)\)/g)].flatMap(([, list = '']) =>
    list === '' ? [] : list.split(', '),
  );
  const shown = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label);
  for (const label of [...grouped, ...shown])
    if (!names.some((name) => LABELS.get(name)?.has(label))) wrong.push(`label ${label}`);
  for (const [, pattern = ''] of expression.matchAll(/code(?:=~|!~|!=|=)"([^"]*)"/g))
    for (const code of pattern.split('|'))
      if (code !== 'ok' && !FAILURE_CODES.some((known) => known === code)) wrong.push(`code ${code}`);
  return wrong;
}

interface Sample {
  readonly labels: string;
  readonly value: number;
}

/** What promtool finds for each expression a minute after the series began, whatever the variables stand for. */
async function expectSamples(
  t: TestContext,
  series: Readonly<Record<string, string>>,
  expected: readonly (readonly [expr: string, samples: readonly Sample[]])[],
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'token-refresher-dashboard-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'test.yaml');
  const test = {
    interval: '15s',
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    promql_expr_test: expected.map(([expr, samples]) => ({
      expr: expr
        .replaceAll('$__rate_interval', '5m')
        .replaceAll(/\$(?:cluster|namespace|job|provider)/g, '.*'),
      eval_time: '1m',
      exp_samples: samples,
    })),
  };
  await writeFile(file, stringify({ tests: [test] }));
  const { stdout } = await promisify(execFile)('promtool', ['test', 'rules', file]);
  assert.match(stdout, /SUCCESS/);
}

describe('the Grafana dashboard', () => {
  for (const { title, targets: ofPanel } of panels) {
    it(`asks for metrics, labels and codes that there are: ${title}`, () => {
      for (const { expr, legendFormat } of ofPanel)
        assert.deepEqual(findUnknown(expr, legendFormat), [], expr);
    });
  }

  it('a metric, a label, a legend and a code that do not exist are found', () => {
    assert.deepEqual(findUnknown('sum by (pod) (token_refresher_token{kind="a", code="odd"})', '{{zone}}'), [
      'token_refresher_token',
      'label pod',
      'label zone',
      'code odd',
    ]);
    assert.deepEqual(findUnknown('token_refresher_leader{token="a"}'), ['token_refresher_leader{token}']);
  });

  it('shows what matters: life, refreshes, failures, latency, versions and budget, leadership, lag, mirrors, reports', () => {
    const shown = new Set(expressions.join(' ').match(NAME));
    for (const name of [
      'token_refresher_token_expires_at_seconds',
      'token_refresher_refresh_total',
      'token_refresher_fetch_duration_seconds_bucket',
      'token_refresher_secret_versions_24h',
      'token_refresher_secret_version_budget',
      'token_refresher_store_writes_total',
      'token_refresher_leader',
      'token_refresher_token_next_refresh_timestamp_seconds',
      'token_refresher_ticks_missed_total',
      'token_refresher_mirror_tokens_behind',
      'token_refresher_mirror_lag_seconds',
      'token_refresher_mirror_writes_total',
      'token_refresher_rejections_total',
    ])
      assert.ok(shown.has(name), name);
  });

  it('is about the cluster, namespace, job and providers that are chosen, and about any data source', () => {
    assert.deepEqual(
      templating.list.map(({ name, type }) => [name, type]),
      [
        ['datasource', 'datasource'],
        ['cluster', 'query'],
        ['namespace', 'query'],
        ['job', 'query'],
        ['provider', 'query'],
        ['page', 'textbox'],
      ],
    );
    for (const expression of expressions) {
      assert.doesNotMatch(expression, /\b(?:token_refresher|process|nodejs)_\w+(?![\w{])/, expression);
      for (const [, name = '', matchers = ''] of expression.matchAll(/(\w+)\{([^}]*)\}/g)) {
        for (const variable of ['cluster', 'namespace', 'job'])
          assert.ok(matchers.includes(`${variable}=~"$${variable}"`), expression);
        if (LABELS.get(name)?.has('provider') === true)
          assert.match(matchers, /provider=~"\$provider"/, expression);
      }
    }
  });

  it('links to the status page and to the runbook', () => {
    assert.deepEqual(
      links.map(({ url }) => url),
      ['${page}/', '${page}/runbook'],
    );
  });

  const stats = panels.filter(({ type }) => type === 'stat');
  for (const { what, series } of [
    { what: 'no pod is scraped', series: {} },
    {
      what: 'two pods run and nobody leads',
      series: {
        'token_refresher_leader{job="t",instance="a"}': '0x10',
        'token_refresher_leader{job="t",instance="b"}': '0x10',
        'token_refresher_tokens{job="t",instance="a",provider="pik",state="fresh"}': '1x10',
        'token_refresher_token_expires_at_seconds{job="t",instance="a",provider="pik",token="pik"}': '900x10',
      },
    },
  ]) {
    it(`says 0, in red, when ${what}`, needsTool('promtool'), async (t) => {
      for (const { title, fieldConfig } of stats) {
        const { steps } = thresholdsSchema.parse(fieldConfig.defaults['thresholds']);
        assert.deepEqual(steps[0], { color: 'red', value: null }, title);
        assert.ok((steps[1]?.value ?? 0) > 0, title);
      }
      const nobody = panels.flatMap((panel) =>
        panel.targets.filter(({ legendFormat }) => legendFormat === 'nobody leads'),
      );
      assert.equal(nobody.length, 3);
      const asked = [...stats.flatMap((panel) => panel.targets), ...nobody];
      await expectSamples(
        t,
        series,
        asked.map(({ expr }) => [expr, [{ labels: '{}', value: 0 }]]),
      );
    });
  }

  it(
    'says 0 where there are no mirrors and no reports, and who is behind as the leader sees it',
    needsTool('promtool'),
    async (t) => {
      const unused = panels.filter(({ targets: ofPanel }) =>
        ofPanel.some(({ legendFormat }) => /^no (?:mirrors|reports)$/.test(legendFormat)),
      );
      assert.equal(unused.length, 5);
      const nothing: readonly Sample[] = [];
      await expectSamples(
        t,
        {},
        unused.flatMap((panel) =>
          panel.targets.map(
            ({ expr }) => [expr, expr.startsWith('vector') ? [{ labels: '{}', value: 0 }] : nothing] as const,
          ),
        ),
      );
      const [behind, lag] = unused;
      const series = {
        'token_refresher_leader{job="t",instance="a"}': '1x10',
        'token_refresher_leader{job="t",instance="b"}': '0x10',
        'token_refresher_mirror_tokens_behind{job="t",instance="a",place="eu"}': '3x10',
        'token_refresher_mirror_tokens_behind{job="t",instance="b",place="eu"}': '9x10',
        'token_refresher_mirror_lag_seconds{job="t",instance="a",place="eu"}': '15+15x10',
      };
      await expectSamples(t, series, [
        [behind?.targets[0]?.expr ?? '', [{ labels: '{place="eu"}', value: 3 }]],
        [behind?.targets[1]?.expr ?? '', nothing],
        [lag?.targets[0]?.expr ?? '', [{ labels: '{place="eu"}', value: 75 }]],
      ]);
    },
  );

  it('has no two panels with one id or in one place', () => {
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, n) => `${x + (n % w)},${y + Math.floor(n / w)}`),
    );
    assert.equal(new Set(cells).size, cells.length);
    assert.ok(panels.every(({ gridPos: { x, w } }) => x + w <= 24));
  });

  it('holds expressions that Prometheus understands', needsTool('promtool'), async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'token-refresher-dashboard-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const rules = expressions.map((expr, index) => ({
      record: `panel:expression_${index}`,
      expr: expr
        .replaceAll('$__rate_interval', '5m')
        .replaceAll(/\$(?:cluster|namespace|job|provider)/g, '.*'),
    }));
    const file = join(folder, 'rules.yaml');
    await writeFile(file, stringify({ groups: [{ name: 'dashboard', rules }] }));
    const { stdout } = await promisify(execFile)('promtool', ['check', 'rules', file]);
    assert.match(stdout, new RegExp(`SUCCESS: ${expressions.length} rules found`));
  });
});
