import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findCoordinationProblem } from '../../src/wiring/coordination.ts';
import { PIVOT, parseText } from '../support/configuration-text.ts';

function problemOf(section: string, env: Readonly<Record<string, string>> = {}): string | undefined {
  const parsed = parseText(`coordination: ${section}\n${PIVOT}`);
  assert.ok(parsed.ok, JSON.stringify(parsed));
  return findCoordinationProblem(parsed.configuration, (name) => env[name]);
}

describe('findCoordinationProblem', () => {
  it('refuses an election outside of a cluster, unless it is told of an API server', () => {
    assert.equal(
      problemOf('{ kind: kubernetes }'),
      'coordination: kubernetes, but this is no pod (KUBERNETES_SERVICE_HOST is not set): ' +
        'set coordination.apiServer, or coordination.kind to none',
    );
    const apiServer = 'apiServer: { url: "https://10.0.0.1", tokenFile: t }';
    assert.equal(problemOf(`{ kind: kubernetes, namespace: n, ${apiServer} }`), undefined);
  });

  it('finds nothing wrong in a pod, and with one replica', () => {
    assert.equal(problemOf('{ kind: kubernetes }', { KUBERNETES_SERVICE_HOST: '10.96.0.1' }), undefined);
    assert.equal(problemOf('{ kind: none }'), undefined);
  });
});
