import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findRejectionsProblem } from '../../src/wiring/rejections.ts';
import { parseText } from '../support/configuration-text.ts';

const PROVIDERS = `
providers:
  - name: pivot
    kind: pivot
    credentials: { merchantId: { env: A }, merchantSecret: { env: B } }
    secret: payments/pivot
`;
const ENV = { A: 'merchant', B: 'secret', REPORTER: 'reporter' };

function parse(section: string, env: Readonly<Record<string, string>> = ENV) {
  return parseText(`${section}${PROVIDERS}`, env);
}

describe('rejections', () => {
  it('are off when left out', () => {
    const parsed = parse('');
    assert.ok(parsed.ok);
    assert.equal(parsed.configuration.rejections, undefined);
  });

  it('have a port, an audience and all addresses by default', () => {
    const parsed = parse(
      'rejections: { allow: [{ serviceAccount: payments/checkout, tokens: [pivot, "b2b/*"] }] }',
    );
    assert.ok(parsed.ok);
    assert.deepEqual(parsed.configuration.rejections, {
      host: '::',
      port: 8081,
      audience: 'token-refresher',
      allow: [{ serviceAccount: 'payments/checkout', tokens: ['pivot', 'b2b/*'] }],
      bearer: undefined,
    });
  });

  for (const { section, path, text } of [
    { section: '{}', path: 'rejections', text: /neither allow nor bearer/ },
    { section: '{ port: 8081 }', path: 'rejections', text: /neither allow nor bearer/ },
    {
      section: '{ bearer: { env: REPORTER }, port: 8080 }',
      path: 'rejections.port',
      text: /8080 is the port of http as well; allowed: another one/,
    },
    {
      section: '{ bearer: { awsSecret: some/name } }',
      path: 'rejections.bearer.awsSecret',
      text: /found awsSecret/,
    },
    { section: '{ bearer: { env: UNSET } }', path: 'rejections.bearer.env', text: /UNSET is not set/ },
    { section: '{ bearer: in-the-file }', path: 'rejections.bearer', text: /./ },
    {
      section: '{ allow: [{ serviceAccount: checkout, tokens: [pivot] }] }',
      path: 'rejections.allow[0].serviceAccount',
      text: /checkout/,
    },
    {
      section: '{ allow: [{ serviceAccount: payments/checkout, tokens: [] }] }',
      path: 'rejections.allow[0].tokens',
      text: /./,
    },
    {
      section: '{ allow: [{ serviceAccount: payments/checkout, tokens: ["*/*"] }] }',
      path: 'rejections.allow[0].tokens[0]',
      text: /./,
    },
    { section: '{ bearer: { env: REPORTER }, audience: "a b" }', path: 'rejections.audience', text: /./ },
    { section: '{ bearer: { env: REPORTER }, tls: true }', path: 'rejections.tls', text: /./ },
  ])
    it(`are refused as ${section}, at ${path}`, () => {
      const parsed = parse(`rejections: ${section}`);
      assert.ok(!parsed.ok);
      assert.deepEqual(
        parsed.problems.map((problem) => problem.path),
        [path],
      );
      assert.match(parsed.problems[0]?.text ?? '', text);
      assert.doesNotMatch(JSON.stringify(parsed.problems), /in-the-file/);
    });

  for (const [hosts, ports, isGood] of [
    [['127.0.0.1', '127.0.0.2'], [9000, 9000], true],
    [['127.0.0.1', '127.0.0.1'], [9000, 9000], false],
    [['127.0.0.1', '0.0.0.0'], [9000, 9000], false],
    [['0.0.0.0', '::1'], [9000, 9000], true],
    [['0.0.0.0', '::'], [9000, 9000], false],
    [['127.0.0.1', '127.0.0.1'], [0, 0], true],
  ] as const)
    it(`are ${isGood ? 'taken' : 'refused'} at ${hosts[1]}:${ports[1]} beside http at ${hosts[0]}:${ports[0]}`, () => {
      const [http, own] = hosts.map((host, index) => `host: ${host}, port: ${ports[index]}`);
      const parsed = parse(`http: { ${http} }\nrejections: { ${own}, bearer: { env: REPORTER } }`);
      assert.equal(parsed.ok, isGood, JSON.stringify(parsed));
    });

  it('warn of tokens that there are none of, and say what was meant', () => {
    const parsed = parseText(
      `rejections:
  allow:
    - { serviceAccount: payments/checkout, tokens: [pivto, pivot/*, "*", piv*, b2b, "b2b/*", "b*/ayu", b2b/budi, found, "found/*", "f*", found/x, "*nd/x"] }
providers:
  - name: pivot
    kind: pivot
    credentials: { merchantId: { env: A }, merchantSecret: { env: B } }
    secret: payments/pivot
  - name: b2b
    kind: pivot-b2b2c
    credentials: { clientId: { env: A }, privateKey: { env: B } }
    secret: payments/b2b/{customer}
    customers: [{ name: ayu, bindingId: { env: A } }]
  - name: found
    kind: pivot-b2b2c
    credentials: { clientId: { env: A }, privateKey: { env: B } }
    secret: payments/found/{customer}
    customers: { discover: { tag: app=x } }
`,
      ENV,
    );
    assert.ok(parsed.ok, JSON.stringify(parsed));
    const warnings = parsed.warnings.filter(({ path }) => path.startsWith('rejections'));
    assert.deepEqual(
      warnings.map(({ path, text, suggestion }) => [
        path.slice('rejections.allow[0].'.length),
        text,
        suggestion,
      ]),
      (
        [
          [0, 'pivto', 'pivot'],
          [1, 'pivot/*', 'pivot'],
          [4, 'b2b', 'b2b/*'],
          [7, 'b2b/budi', undefined],
          [8, 'found', 'found/*'],
        ] as const
      ).map(([index, pattern, suggestion]) => [
        `tokens[${index}]`,
        `no token is called "${pattern}", so this allows no report`,
        suggestion,
      ]),
    );
  });

  it('need an API server where service accounts are named', () => {
    const accounts = parse('rejections: { allow: [{ serviceAccount: payments/checkout, tokens: ["*"] }] }');
    const bearer = parse('rejections: { bearer: { env: REPORTER } }');
    assert.ok(accounts.ok && bearer.ok);
    const inPod = (name: string): string | undefined =>
      name === 'KUBERNETES_SERVICE_HOST' ? '10.0.0.1' : undefined;
    assert.match(
      findRejectionsProblem(accounts.configuration, () => undefined) ?? '',
      /coordination\.apiServer, or use rejections\.bearer/,
    );
    assert.equal(findRejectionsProblem(accounts.configuration, inPod), undefined);
    assert.equal(
      findRejectionsProblem(bearer.configuration, () => undefined),
      undefined,
    );
  });
});
