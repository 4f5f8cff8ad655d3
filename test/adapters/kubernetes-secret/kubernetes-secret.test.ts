import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { FileLanes } from '../../../src/adapters/files/file-lanes.ts';
import { failureFromReply } from '../../../src/adapters/kubernetes-secret/failure-from-reply.ts';
import { KUBERNETES_SECRET } from '../../../src/adapters/kubernetes-secret/kubernetes-secret.ts';
import { SECRET_NAMES } from '../../../src/adapters/kubernetes-secret/secret-names.ts';
import { createSystemClock } from '../../../src/adapters/system/clock.ts';
import { formatProblem } from '../../../src/config/problem.ts';
import type { StoreDeps } from '../../../src/core/store-kind.ts';
import { PIVOT, parseText, problemsOf } from '../../support/configuration-text.ts';
import { NAMESPACE, startCluster } from '../../support/kubernetes-bench.ts';
import { createPrivateFolder } from '../../support/private-folder.ts';
import { expectFailure, publishOk } from '../../support/store-expectations.ts';
import { buildWrite, never } from '../../support/store-write.ts';
import { createDirectTransport } from '../../support/transport.ts';

function deps(folder = '/nowhere'): StoreDeps {
  const clock = createSystemClock();
  return {
    transport: createDirectTransport(),
    clock,
    events: () => undefined,
    files: new FileLanes(clock),
    awsCredentials: undefined,
    readEnv: () => undefined,
    folder,
  };
}

function open(t: TestContext, section: object, folder = '/nowhere') {
  const opened = KUBERNETES_SECRET.configure(section).open(deps(folder));
  t.after(() => opened.close());
  return opened;
}

describe('the kind kubernetes-secret', () => {
  it('takes its token from a file beside the configuration', async (t) => {
    const cluster = await startCluster(t);
    cluster.grant([{ verbs: ['get', 'create', 'update'] }]);
    const folder = await createPrivateFolder(t);
    await writeFile(join(folder, 'token'), cluster.token.reveal());
    const apiServer = { url: cluster.server.url, tokenFile: 'token' };
    const { store } = open(t, { namespace: NAMESPACE, apiServer, createSecrets: true }, folder);
    await publishOk(store, buildWrite('one', undefined, { secretName: 'pik' }));
    assert.ok(cluster.secret('pik') !== undefined);
  });

  it('says what to set outside of a cluster', async (t) => {
    const { message } = expectFailure(
      await open(t, {}).store.read('payments/pik', never),
      'store-unavailable',
      'backoff',
    );
    assert.match(message, /outside of a cluster set store.apiServer and store.namespace/);
  });

  it('names the settings as the configuration has them, whatever it calls the place', async (t) => {
    const parsed = parseText(`${PIVOT}stores: { eks: { kind: kubernetes-secret } }\npublish: { to: eks }\n`);
    assert.ok(parsed.ok);
    const eks = parsed.configuration.places.get('eks');
    assert.ok(eks !== undefined);
    const opened = eks.open(deps());
    t.after(() => opened.close());
    const { message } = expectFailure(
      await opened.store.read('payments/pik', never),
      'store-unavailable',
      'backoff',
    );
    assert.match(message, /outside of a cluster set stores\.eks\.apiServer and stores\.eks\.namespace/);
  });

  it('does not discover customers, and says why', async (t) => {
    const { bindings } = open(t, {});
    const tag = { key: 'a', value: 'b' };
    for (const result of [await bindings.list(tag, never), await bindings.findLoss('x', tag, never)]) {
      const { message } = expectFailure(result, 'store-denied', 'needs-human');
      assert.match(message, /the right to read all Secrets of a namespace/);
    }
  });

  for (const [what, settings, problem] of [
    ['a label with a blank', 'tags: { team: "a b" }', /store\.tags\.team/],
    ['a key that is none', 'annotations: { "a b": c }', /store\.annotations/],
    ['a version budget', 'versionBudget: 100', /versionBudget/],
    ['a namespace with a dot', 'namespace: a.b', /store\.namespace/],
    ['an API server without a token', 'apiServer: { url: "https://k" }', /store\.apiServer\.tokenFile/],
    ['a name in capitals to adopt', 'adopt: [payments/Pik]', /store\.adopt/],
    [
      'an API server of which no namespace is known',
      'apiServer: { url: "https://k", tokenFile: token }',
      /store\.namespace: missing; allowed: that of Secrets .*with apiServer there is no pod/,
    ],
  ] as const) {
    it(`refuses ${what}`, () => {
      const parsed = parseText(`${PIVOT}store: { kind: kubernetes-secret, ${settings} }\n`);
      assert.ok(!parsed.ok);
      assert.match(parsed.problems.map(formatProblem).join('\n'), problem);
    });
  }
});

describe('one Secret', () => {
  const API_SERVER = 'apiServer: { url: "https://k", tokenFile: token }';
  const own = `own: { kind: kubernetes-secret, namespace: payments, ${API_SERVER} }`;
  const problems = (text: string, podNamespace?: string): string =>
    problemsOf(parseText(text, undefined, { podNamespace })).join('\n');
  const second = PIVOT.replace('providers:\n', '').replace('name: pivot', 'name: other');

  it('is not written by two tokens, of which one names its namespace', () => {
    const named = second.replace('payments/pivot', 'pivot');
    assert.match(
      problems(`${PIVOT}${named}store: { kind: kubernetes-secret, namespace: payments, ${API_SERVER} }\n`),
      /providers\[1\].secret: the token would be written to "pivot", which is "payments\/pivot", where the token of providers\[0\] is written/,
    );
    const inPod = `${PIVOT}${named}store: { kind: kubernetes-secret }\n`;
    for (const namespace of [undefined, 'other']) assert.equal(problems(inPod, namespace), '');
    assert.match(problems(inPod, 'payments'), /providers\[1\].secret/);
  });

  it('is not both the authority and its mirror', () => {
    const publish = 'publish: { to: own, mirrors: [copy] }';
    const copyOf = (settings: string) =>
      problems(`${PIVOT}stores: { ${own}, copy: { kind: kubernetes-secret, ${settings} } }\n${publish}\n`);
    assert.match(
      copyOf(`namespace: elsewhere, ${API_SERVER}`),
      /providers\[0\].secret: the token would be written to "payments\/pivot" in copy, which is "payments\/pivot" in own/,
    );
    assert.equal(copyOf('namespace: payments, apiServer: { url: "https://l", tokenFile: token }'), '');
  });
});

describe('pods that mount a Secret', () => {
  const notesOf = (more: string): readonly string[] => {
    const parsed = parseText(`${PIVOT}${more}\n`);
    assert.ok(parsed.ok, JSON.stringify(parsed));
    return parsed.warnings.map(formatProblem);
  };

  it('are late, which is said until a staleness is written', () => {
    const [note, ...others] = notesOf('store: { kind: kubernetes-secret }');
    assert.match(
      String(note),
      /store: pods that mount what is published here see a change up to 2m later; write staleness: 2m/,
    );
    assert.deepEqual(others, []);
    assert.deepEqual(notesOf('store: { kind: kubernetes-secret, staleness: 0s }'), []);
    assert.deepEqual(notesOf('store: { kind: kubernetes-secret }\nreaders: { staleness: 2m }'), []);
    assert.doesNotMatch(notesOf('store: {}').join('\n'), /mount/);
  });
});

describe('a policy of the cluster', () => {
  const WEBHOOK = 'admission webhook "canary" denied the request: canary';
  // A webhook chooses the status; of one that says none the API server makes 400. A policy's is 422 unless it says another.
  for (const [status, reason, text, code, message] of [
    [400, undefined, WEBHOOK, 'store-denied', /400 to update .*: an admission webhook refuses it$/],
    [409, 'Conflict', WEBHOOK, 'store-denied', /an admission webhook refuses it$/],
    [422, 'Invalid', WEBHOOK, 'store-denied', /an admission webhook refuses it$/],
    [
      422,
      'Invalid',
      `secrets "pik" is forbidden: ValidatingAdmissionPolicy 'canary' with binding 'b' denied request: canary`,
      'store-denied',
      /an admission policy \(ValidatingAdmissionPolicy\) refuses it$/,
    ],
    [
      500,
      'InternalError',
      'Internal error occurred: failed calling webhook "canary": failed to call webhook: Post "https://canary": EOF',
      'store-unavailable',
      /500 \(InternalError\) to update .*: an admission webhook does not answer, or not as it should$/,
    ],
  ] as const) {
    it(`that answers ${status} is looked at again within a minute, and named: ${text.slice(0, 60)}`, () => {
      const body = JSON.stringify({ kind: 'Status', status: 'Failure', reason, message: text, code: status });
      const reply = { kind: 'answer', status, retryAfter: undefined, body } as const;
      const call = { verb: 'update', namespace: 'payments', name: 'pik', section: 'store' } as const;
      const failure = failureFromReply(reply, call, 0);
      assert.equal(failure.code, code);
      assert.equal(failure.retry, 'backoff');
      assert.match(failure.message, message);
      assert.doesNotMatch(failure.message, /canary/);
    });
  }
});

describe('names of Secrets', () => {
  for (const [name, isAllowed] of [
    ['pik', true],
    ['payments/pik.v1-a', true],
    ['a/b/c', false],
    ['Pik', false],
    ['pay.ments/pik', false],
    ['-pik', false],
    ['pik/', false],
    ['a.b-c.d', true],
    ['pik..a', false],
    ['pik.-a', false],
    ['pik-.a', false],
    [`${'n'.repeat(63)}/${'x'.repeat(253)}`, true],
    [`${'n'.repeat(64)}/x`, false],
    ['x'.repeat(254), false],
  ] as const) {
    it(`${name.slice(0, 20)} (${name.length}) is ${isAllowed ? 'one' : 'none'}`, () => {
      assert.equal(SECRET_NAMES.pattern.test(name), isAllowed);
    });
  }

  for (const [name, suggestion] of [
    ['payments/pivot/ayu', 'payments-pivot/ayu'],
    ['Payments/My_Token', 'payments/my-token'],
  ] as const) {
    it(`${name} is most likely ${suggestion}`, () => {
      assert.equal(SECRET_NAMES.findSlip(name)?.suggestion, suggestion);
      assert.ok(SECRET_NAMES.pattern.test(suggestion));
    });
  }

  it('of a mirror are made of those of the authority', () => {
    for (const [name, mirrored] of [
      ['/Prod/pay_ments@x', 'prod-pay-ments-x'],
      ['v1./.x..y_.z', 'v1.x.y.z'],
    ] as const)
      assert.equal(SECRET_NAMES.mirrorOf(name), mirrored);
    assert.equal(SECRET_NAMES.findSlip('payments/pik'), undefined);
    assert.equal(SECRET_NAMES.stateSecretOf('payments/pik'), 'payments/pik-state');
  });
});
