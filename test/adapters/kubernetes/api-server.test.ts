import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findClusterApiServer } from '../../../src/adapters/kubernetes/api-server.ts';

describe('findClusterApiServer', () => {
  for (const { name, env, url } of [
    {
      name: 'an IPv4 address',
      env: { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '6443' },
      url: 'https://10.96.0.1:6443',
    },
    {
      name: 'an IPv6 address',
      env: { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' },
      url: 'https://[fd00::1]:443',
    },
    { name: 'no port', env: { KUBERNETES_SERVICE_HOST: '10.96.0.1' }, url: 'https://10.96.0.1:443' },
    { name: 'nothing at all', env: {}, url: undefined },
    {
      name: 'a port that is none',
      env: { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: 'tcp://10.96.0.1:443' },
      url: undefined,
    },
  ] satisfies readonly { name: string; env: Record<string, string>; url: string | undefined }[]) {
    it(`finds ${url ?? 'nothing'} in an environment with ${name}`, () => {
      const variables = new Map(Object.entries(env));
      const found = findClusterApiServer((variable) => variables.get(variable));
      assert.equal(found?.url, url);
      if (url === undefined) return;
      assert.equal(found?.caFile, '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt');
      assert.equal(found?.tokenFile, '/var/run/secrets/kubernetes.io/serviceaccount/token');
    });
  }
});
