import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { APIMW, CUSTOMERS, PIVOT, parseText, problemsOf } from '../support/configuration-text.ts';

const CANARIES: Readonly<Record<string, string>> = {
  'stripe key': 'sk_live_51Hc4n4ryQ8xLmNoPqRs',
  'access key': 'AKIAIOSFODNN7CANARY1',
  '32 hex': '0a1b2c3d4e5f60718293a4b5c6d7e8f9',
  '64 hex': '0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9',
  UUID: '3f2504e0-4f89-41d3-9a0c-0305e82c3301',
  JWT: 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjNG40cnkifQ.c2lnbmF0dXJlLWNhbmFyeQ',
  base64: 'c2VjcmV0LWNhbmFyeS0xMjM0NTY3ODkwYWJjZGVm',
  PEM: '-----BEGIN PRIVATE KEY-----MIIEc4n4ry',
};

/** Configurations with the credential, in YAML's double quotes, where something else belongs; most of them twice, as it is then compared. */
const PLACES: Readonly<Record<string, (canary: string) => string>> = {
  env: (text) => PIVOT.replace('env: MERCHANT_ID', `env: ${text}`),
  file: (text) => PIVOT.replace('env: MERCHANT_ID', `file: ${text}`),
  awsSecret: (text) =>
    PIVOT.replace('env: MERCHANT_ID', `awsSecret: ${text}`).replace(
      'secret: payments/pivot',
      `secret: ${text}`,
    ),
  key: (text) => PIVOT.replace('env: MERCHANT_ID', `env: A, key: ${text}`),
  'secret of two': (text) => `${PIVOT}${APIMW}`.replaceAll(/secret: payments\/.*/g, `secret: ${text}`),
  'secret of customers': (text) => CUSTOMERS.replace('payments/{customer}', text),
  stateSecret: (text) => `${PIVOT}    stateSecret: ${text}\n`,
  adopt: (text) => `store: { adopt: [${text}] }\n${PIVOT}`,
  'adopt, one slip away': (text) =>
    `store: { adopt: [payments/pivott, ${text}] }\n${PIVOT.replace('payments/pivot', text)}`,
  kmsKeyId: (text) => `store: { kmsKeyId: ${text} }\n${PIVOT}`,
  'value of a tag': (text) => `store: { tags: { team: [${text}] } }\n${PIVOT}`,
  'name of a tag': (text) => `store: { tags: { ${text}: [x] } }\n${PIVOT}`,
  region: (text) => `store: { region: ${text} }\n${PIVOT}`,
  baseUrl: (text) => `${PIVOT}    baseUrl: ${text}\n`,
  'names of customers': (text) =>
    CUSTOMERS.replace('name: ayu', `name: ${text}`).replace('name: budi', `name: ${text}`),
  'names of providers': (text) => `${PIVOT}${APIMW}`.replaceAll(/- name: .*/g, `- name: ${text}`),
  'name of a provider with a finding': (text) =>
    `readers: { staleness: 14m }\n${PIVOT.replace('name: pivot', `name: ${text}`)}`,
  'names of sinks': (text) =>
    `alerts: { sinks: [{ kind: sns, name: ${text}, topicArn: x }, { kind: sns, name: ${text}, topicArn: x }] }\n${PIVOT}`,
  topicArn: (text) => `alerts: { sinks: [{ kind: sns, topicArn: ${text} }] }\n${PIVOT}`,
  'urls of a sink': (text) => `alerts: { sinks: [{ kind: alertmanager, urls: [${text}] }] }\n${PIVOT}`,
  'url of a sink': (text) => `alerts: { sinks: [{ kind: slack, url: ${text} }] }\n${PIVOT}`,
  heartbeat: (text) => `alerts: { heartbeat: { url: ${text}, every: ${text} } }\n${PIVOT}`,
  coordination: (text) =>
    `coordination: { kind: kubernetes, leaseName: ${text}, namespace: ${text}, identity: ${text}, leaseDuration: ${text} }\n${PIVOT}`,
};

describe('a credential in the place of something else', () => {
  for (const [place, write] of Object.entries(PLACES)) {
    for (const [form, canary] of Object.entries(CANARIES)) {
      it(`is not quoted: a ${form} as ${place}`, () => {
        const parsed = parseText(write(JSON.stringify(canary)), {});
        const told = parsed.ok ? parsed.warnings : parsed.problems;
        const shown = [JSON.stringify(told), ...problemsOf(parsed)].join('\n');
        assert.ok(!shown.includes(canary), shown);
      });
    }
  }

  it('leaves names as people give them shown', () => {
    const text = `${PIVOT}${APIMW}`.replaceAll(/secret: payments\/.*/g, 'secret: payments/pik');
    assert.match(problemsOf(parseText(text)).join('\n'), /the token would be written to "payments\/pik"/);
  });
});
