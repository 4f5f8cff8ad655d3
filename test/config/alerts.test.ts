import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseConfiguration } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';
import { CATALOG } from '../../src/wiring/catalog.ts';
import { PIVOT, parseText, problemsOf } from '../support/configuration-text.ts';

function alertsOf(section: string) {
  const parsed = parseConfiguration(`alerts:${section}\n${PIVOT}`, {
    fileName: 'folder/app.yaml',
    ...CATALOG,
  });
  assert.ok(parsed.ok, JSON.stringify(parsed));
  return parsed.configuration.alerts;
}

describe('alerts', () => {
  it('tell nobody by default', () => {
    const parsed = parseText(PIVOT);
    assert.ok(parsed.ok);
    assert.deepEqual(parsed.configuration.alerts, alertsOf(' {}'));
    assert.deepEqual(
      [parsed.configuration.alerts.sinks, parsed.configuration.alerts.heartbeat],
      [[], undefined],
    );
  });

  it('know every kind of sink, with names and files that follow from the configuration', () => {
    const { sinks, heartbeat, ...rest } = alertsOf(`
  name: payments-prod
  remindEvery: 1h
  runbookUrl: https://wiki.example.com/runbook
  sinks:
    - { kind: slack, url: { file: slack-url } }
    - { kind: slack, name: oncall, leastSeverity: critical, url: { env: URL } }
    - { kind: pagerduty, routingKey: { awsSecret: pd, key: k } }
    - { kind: alertmanager, urls: ["http://am-0.monitoring:9093/", "http://am-1.monitoring:9093/am/"] }
    - { kind: webhook, url: { env: HOOK }, hmacKey: { env: KEY } }
    - { kind: sns, topicArn: "arn:aws:sns:ap-southeast-3:123456789012:alerts.fifo" }
  heartbeat: { url: { env: BEAT } }`);
    assert.deepEqual(rest, {
      name: 'payments-prod',
      remindEveryMs: 3_600_000,
      runbookUrl: 'https://wiki.example.com/runbook',
    });
    const leastSeverity = 'warning';
    // References as they are written stand in the settings; as they are looked up, in the credentials.
    const known = sinks.map(({ settings, credentials }) => ({ ...settings, ...credentials }));
    assert.deepEqual(known, [
      { kind: 'slack', name: 'slack', leastSeverity, url: { kind: 'file', path: 'folder/slack-url' } },
      { kind: 'slack', name: 'oncall', leastSeverity: 'critical', url: { kind: 'env', name: 'URL' } },
      {
        kind: 'pagerduty',
        name: 'pagerduty',
        leastSeverity,
        routingKey: { kind: 'awsSecret', id: 'pd', key: 'k' },
        endpoint: 'https://events.pagerduty.com',
      },
      {
        kind: 'alertmanager',
        name: 'alertmanager',
        leastSeverity,
        urls: ['http://am-0.monitoring:9093', 'http://am-1.monitoring:9093/am'],
      },
      {
        kind: 'webhook',
        name: 'webhook',
        leastSeverity,
        url: { kind: 'env', name: 'HOOK' },
        hmacKey: { kind: 'env', name: 'KEY' },
      },
      {
        kind: 'sns',
        name: 'sns',
        leastSeverity,
        topicArn: 'arn:aws:sns:ap-southeast-3:123456789012:alerts.fifo',
      },
    ]);
    assert.deepEqual(heartbeat, { url: { kind: 'env', name: 'BEAT' }, everyMs: 60_000 });
  });

  const LITERAL =
    'a credential must not stand in this file; put it into an environment variable or a file and write ' +
    '{ env: NAME }, { file: PATH } or { awsSecret: ID, key: NAME }';
  for (const [what, section, problem] of [
    [
      'an unknown kind',
      'sinks: [{ kind: slak }]',
      '1:27 alerts.sinks[0].kind: found "slak"; allowed: slack, pagerduty, alertmanager, webhook, sns',
    ],
    [
      'no kind',
      'sinks: [hello]',
      '1:19 alerts.sinks[0]: found a string; allowed: a mapping with kind, name, leastSeverity and what the kind needs',
    ],
    [
      'a literal URL',
      'sinks: [{ kind: slack, url: "https://hooks.slack.com/services/T/B/hunter2" }]',
      `1:39 alerts.sinks[0].url: ${LITERAL}`,
    ],
    [
      'a literal heartbeat',
      'heartbeat: { url: "https://hc.example.com/hunter2" }',
      `1:29 alerts.heartbeat.url: ${LITERAL}`,
    ],
    [
      'a missing key',
      'sinks: [{ kind: pagerduty }]',
      '1:19 alerts.sinks[0].routingKey: missing; allowed: { env: NAME }, { file: PATH } or { awsSecret: ID, key: NAME }',
    ],
    [
      'a variable that is not set',
      'sinks: [{ kind: slack, url: { env: NOPE } }]',
      '1:46 alerts.sinks[0].url.env: environment variable NOPE is not set',
    ],
    [
      'two sinks of one name',
      'sinks: [{ kind: slack, url: { file: a } }, { kind: slack, url: { file: b } }]',
      '1:54 alerts.sinks[1].name: found "slack", written or by default, the name of sinks[0] too; allowed: a unique name',
    ],
    [
      'a reminder every second',
      'remindEvery: 1s',
      '1:24 alerts.remindEvery: found "1s"; allowed: a duration like 30s, 15m or 1h30m (units d, h, m, s, ms), at least 1m',
    ],
    [
      'a token over http',
      'sinks: [{ kind: alertmanager, urls: ["http://am:9093"], token: { file: t } }]',
      '1:48 alerts.sinks[0].urls[0]: found "http://am:9093", which is http to another host than this one; allowed: an https URL without query, fragment and credentials (http for loopback hosts only)',
    ],
    [
      'no instance',
      'sinks: [{ kind: alertmanager, urls: [] }]',
      '1:47 alerts.sinks[0].urls: found an empty list; allowed: a list with at least one URL',
    ],
    [
      'no ARN',
      'sinks: [{ kind: sns, topicArn: alerts }]',
      '1:42 alerts.sinks[0].topicArn: found "alerts"; allowed: the ARN of an SNS topic, arn:aws:sns:REGION:ACCOUNT:NAME',
    ],
    [
      'a misspelt option',
      'sinks: [{ kind: slack, url: { file: a }, leastSeverty: critical }]',
      '1:52 alerts.sinks[0].leastSeverty: unknown key; allowed: kind, name, leastSeverity, url; did you mean "leastSeverity"?',
    ],
    [
      'a key that is read from what we write',
      'sinks: [{ kind: slack, url: { awsSecret: payments/pivot } }]',
      '1:52 alerts.sinks[0].url.awsSecret: a credential would be read from the secret that the token of providers[0] is written to; allowed: a secret of its own',
    ],
  ] as const) {
    it(`Bad input is refused clearly: ${what}`, () => {
      const problems = problemsOf(
        parseText(`alerts: { ${section} }\n${PIVOT}`, { MERCHANT_ID: 'x', MERCHANT_SECRET: 'x' }),
      );
      assert.deepEqual(problems, [`app.yaml:${problem}`]);
    });
  }
});

describe('an installation without a name', () => {
  const AM = 'alerts: { sinks: [{ kind: alertmanager, urls: ["http://am:9093"] }] }';
  const parse = (text: string, podNamespace?: string) => {
    const options = { fileName: 'app.yaml', ...CATALOG, podNamespace };
    const parsed = parseConfiguration(`${AM}\n${text}\n${PIVOT}`, options);
    assert.ok(parsed.ok);
    return {
      name: parsed.configuration.alerts.name,
      warnings: parsed.warnings.map(formatProblem).filter((warning) => warning.includes(' alerts')),
    };
  };
  const REGION = 'store: { region: ap-southeast-3 }';
  const LONG = 'x'.repeat(100);

  for (const { text, podNamespace, name } of [
    {
      text: 'coordination: { kind: kubernetes }',
      podNamespace: 'payments',
      name: 'token-refresher/payments',
    },
    {
      text: `coordination: { kind: kubernetes }\n${REGION}`,
      podNamespace: 'payments',
      name: 'token-refresher/payments/ap-southeast-3',
    },
    {
      text: `coordination: { kind: kubernetes, namespace: other, leaseName: second }\n${REGION}`,
      podNamespace: 'payments',
      name: 'token-refresher/other/second/ap-southeast-3',
    },
    { text: REGION, podNamespace: 'payments', name: 'token-refresher/payments/ap-southeast-3' },
    {
      text: `coordination: { kind: kubernetes, leaseName: ${LONG} }`,
      podNamespace: 'payments',
      name: `token-refresher/payments/${'x'.repeat(30)}-5c45589c`,
    },
  ])
    it(`is called ${name}, so that another place has another name`, () => {
      assert.deepEqual(parse(text, podNamespace), { name, warnings: [] });
      assert.ok(name.length <= 64);
    });

  it('is told so, with the place, where nothing but the region tells it from another one', () => {
    const { name, warnings } = parse(REGION);
    assert.equal(name, 'token-refresher/ap-southeast-3');
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /^app\.yaml:1:9 alerts: there is no name: .*allowed: alerts\.name/);
  });
});

// A new sink makes this fail until `PLAIN_SINK_FIELDS` knows those of its fields that are no secret.
describe('a mistake in a field of a sink', () => {
  for (const { kind, credentials, schema } of CATALOG.sinks) {
    for (const field of Object.keys(schema.in.shape).filter((each) => each !== 'kind')) {
      const isSecret = credentials.includes(field);
      it(`${kind}.${field}: what was found is ${isSecret ? 'kept quiet' : 'told'}`, () => {
        const problems = problemsOf(
          parseText(`alerts: { sinks: [{ kind: ${kind}, ${field}: 4242 }] }\n${PIVOT}`),
        ).filter((each) => each.includes(`alerts.sinks[0].${field}: `));
        assert.equal(problems.length, 1);
        assert.equal(problems.join().includes('4242'), !isSecret);
      });
    }
  }
});
