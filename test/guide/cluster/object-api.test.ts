import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CONFIG_MAPS, NAMESPACES } from './api-resource.ts';
import { ObjectApi } from './object-api.ts';
import { ObjectStore } from './object-store.ts';

const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'config' }, data: { a: '1' } };

function build() {
  const store = new ObjectStore();
  store.put(NAMESPACES, { metadata: { name: 'payments' } });
  const api = new ObjectApi(store);
  const target = (namespace = 'payments', query = '') => ({
    resource: CONFIG_MAPS,
    namespace,
    name: 'config',
    subresource: '',
    query: new URLSearchParams(query),
  });
  const create = (object: object, ...where: Parameters<typeof target>): number =>
    api.write('POST', target(...where), 'application/json', object).status;
  return { store, api, target, create };
}

describe('the objects of the cluster', () => {
  it('are kept when they are valid, once', () => {
    const { store, create } = build();
    assert.equal(create(configMap), 201);
    assert.equal(create(configMap), 409);
    assert.equal(store.list(CONFIG_MAPS, 'payments').length, 1);
  });

  it('are refused where there is no such namespace', () => {
    assert.equal(build().create(configMap, 'elsewhere'), 404);
  });

  it('are refused for a field that Kubernetes does not know', () => {
    assert.equal(build().create({ ...configMap, datta: {} }), 400);
  });

  it('are refused for a field of the wrong type', () => {
    assert.equal(build().create({ ...configMap, data: 'a' }), 400);
  });

  it('are not kept for a dry run', () => {
    const { store, create } = build();
    assert.equal(create(configMap, 'payments', 'dryRun=All'), 201);
    assert.deepEqual(store.list(CONFIG_MAPS), []);
  });

  it('are gone after they are deleted, and cannot be deleted again', () => {
    const { api, create, target } = build();
    create(configMap);
    const remove = (): number => api.write('DELETE', target(), 'application/json', {}).status;
    assert.deepEqual([remove(), remove()], [200, 404]);
  });
});
