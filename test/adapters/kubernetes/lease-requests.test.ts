import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Lease, parseLease } from '../../../src/adapters/kubernetes/lease.ts';
import type { LeaseClient } from '../../../src/adapters/kubernetes/lease-client.ts';
import { createRequestDesk } from '../../../src/adapters/kubernetes/lease-requests.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';

/** The Lease as it is after a command has written its request. */
function leaseAsking(name: string, id: string): Lease {
  const request = JSON.stringify({ id, name, at_ms: 0 });
  const annotations = { 'token-refresher/refresh-request': request };
  const parsed = parseLease({ metadata: { name: 'l', resourceVersion: '7', annotations }, spec: {} });
  assert.ok(parsed.ok);
  return parsed.lease;
}

describe('the leader who is asked to refresh', () => {
  it('outlives a request that comes upon a bug, and answers the next one', async () => {
    const written: Readonly<Record<string, string>>[] = [];
    let lease = leaseAsking('broken', 'first');
    const client: Pick<LeaseClient, 'get' | 'annotate'> = {
      get: () => Promise.resolve({ kind: 'lease', lease }),
      annotate: (_, annotations) => {
        written.push(annotations);
        return Promise.resolve({ kind: 'lease', lease });
      },
    };
    const show = createRequestDesk({
      client,
      clock: new FakeClock(0),
      handle: (name) => (name === 'broken' ? Promise.reject(new Error('a bug')) : Promise.resolve([])),
    });
    show(lease);
    await settle();
    lease = leaseAsking('pik', 'second');
    show(lease);
    await settle();
    assert.equal(written.length, 1);
  });
});
