import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseConfiguration } from '../../src/config/load.ts';
import { CATALOG } from '../../src/wiring/catalog.ts';
import { PIVOT, parseText, problemsOf } from '../support/configuration-text.ts';

/** The coordination section in front of a good provider. */
function parseSection(section: string) {
  return parseConfiguration(`coordination:${section}\n${PIVOT}`, {
    fileName: 'folder/app.yaml',
    ...CATALOG,
  });
}

function coordinationOf(section: string) {
  const parsed = parseSection(section);
  assert.ok(parsed.ok, JSON.stringify(parsed));
  return parsed.configuration.coordination;
}

describe('coordination', () => {
  it('is none by default', () => {
    const parsed = parseText(PIVOT);
    assert.ok(parsed.ok);
    assert.deepEqual(parsed.configuration.coordination, { kind: 'none' });
    assert.deepEqual(coordinationOf(' {}'), { kind: 'none' });
  });

  it('by Kubernetes needs nothing but its name, in a pod', () => {
    assert.deepEqual(coordinationOf(' { kind: kubernetes }'), {
      kind: 'kubernetes',
      leaseName: 'token-refresher',
      namespace: undefined,
      identity: undefined,
      timing: { leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2_000 },
      apiServer: undefined,
    });
  });

  it("finds files relative to the configuration's folder", () => {
    const section = `
  kind: kubernetes
  leaseName: payments.token-refresher
  namespace: payments
  leaseDuration: 30s
  renewDeadline: 20s
  retryPeriod: 4s
  identity: refresher-1
  apiServer:
    url: https://10.0.0.1:6443/
    caFile: ca.crt
    tokenFile: /run/token`;
    assert.deepEqual(coordinationOf(section), {
      kind: 'kubernetes',
      leaseName: 'payments.token-refresher',
      namespace: 'payments',
      identity: 'refresher-1',
      timing: { leaseDurationMs: 30_000, renewDeadlineMs: 20_000, retryPeriodMs: 4_000 },
      apiServer: { url: 'https://10.0.0.1:6443', caFile: 'folder/ca.crt', tokenFile: '/run/token' },
    });
  });
});

describe('Bad input is refused clearly: a coordination section', () => {
  for (const { name, section, problem } of [
    {
      name: 'of an unknown kind',
      section: ' { kind: consul }',
      problem: '1:23 coordination.kind: found "consul"; allowed: none, kubernetes',
    },
    {
      name: 'that is a text',
      section: ' kubernetes',
      problem: '1:15 coordination: found "kubernetes"; allowed: a mapping with kind',
    },
    {
      name: 'with settings of an election and none to hold',
      section: ' { leaseName: x }',
      problem: '1:17 coordination.leaseName: unknown key; allowed: kind',
    },
    {
      name: 'whose deadline is not before the end of the lease',
      section: ' { kind: kubernetes, renewDeadline: 15s }',
      problem:
        '1:50 coordination.renewDeadline: found "15s"; allowed: more than 1.2 x retryPeriod (2s400ms): one lost answer must not end a term; and less than leaseDuration (15s): the leader must stop before another may lead',
    },
    {
      name: 'whose deadline has no room for a second attempt',
      section: ' { kind: kubernetes, renewDeadline: 6s, retryPeriod: 5s }',
      problem:
        '1:50 coordination.renewDeadline: found "6s"; allowed: more than 1.2 x retryPeriod (6s): one lost answer must not end a term; and less than leaseDuration (15s): the leader must stop before another may lead',
    },
    {
      name: 'whose lease is not in whole seconds',
      section: ' { kind: kubernetes, leaseDuration: 15s500ms }',
      problem: '1:50 coordination.leaseDuration: found "15s500ms"; allowed: whole seconds, from 11s to 1h',
    },
    {
      name: 'with a name that Kubernetes does not take',
      section: ' { kind: kubernetes, leaseName: Token_Refresher }',
      problem:
        '1:46 coordination.leaseName: found "Token_Refresher"; allowed: lower-case letters, digits, hyphens and dots, beginning and ending with a letter or digit',
    },
    {
      name: 'with an API server and no namespace',
      section: ' { kind: kubernetes, apiServer: { url: "https://10.0.0.1", tokenFile: t } }',
      problem:
        "1:15 coordination.namespace: missing; allowed: the Lease's namespace: with apiServer there is no pod to take it from",
    },
    {
      name: 'that would send the token unencrypted',
      section: ' { kind: kubernetes, namespace: n, apiServer: { url: "http://10.0.0.1", tokenFile: t } }',
      problem:
        '1:67 coordination.apiServer.url: found "http://10.0.0.1", which is http to another host than this one; allowed: an https URL without query, fragment and credentials (http for loopback hosts only)',
    },
  ]) {
    it(name, () => assert.deepEqual(problemsOf(parseSection(section)), [`folder/app.yaml:${problem}`]));
  }
});
