import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  buildLeaseUpdate,
  buildNewLease,
  describeReach,
  type Lease,
  type LeaseChange,
  nameHolder,
  parseLease,
  UNREADABLE_HOLDER,
} from '../../../src/adapters/kubernetes/lease.ts';
import { formatMicroTime } from '../../../src/adapters/kubernetes/micro-time.ts';
import { isJsonObject } from '../../../src/core/wire/json.ts';
import { fc } from '../../support/property.ts';

const NOON_MS = Date.UTC(2026, 10, 21, 12);

const CHANGE: LeaseChange = {
  holder: 'pod-a_1',
  durationMs: 15_000,
  acquiredAtMs: NOON_MS,
  renewedAtMs: NOON_MS + 1_234,
  transitions: 3,
  microseconds: 7,
  installation: 'blue',
};

function withSpec(spec: unknown) {
  return { metadata: { name: 'l', resourceVersion: '7' }, spec };
}

function readLease(spec: unknown): Lease {
  const parsed = parseLease(withSpec(spec));
  assert.ok(parsed.ok);
  return parsed.lease;
}

describe('formatMicroTime', () => {
  for (const { wallMs, microseconds, text } of [
    { wallMs: NOON_MS, microseconds: 0, text: '2026-11-21T12:00:00.000000Z' },
    { wallMs: NOON_MS + 7.9, microseconds: 42, text: '2026-11-21T12:00:00.007042Z' },
    { wallMs: NOON_MS + 999, microseconds: 1_001, text: '2026-11-21T12:00:00.999001Z' },
    { wallMs: 0, microseconds: 999, text: '1970-01-01T00:00:00.000999Z' },
  ]) {
    it(`writes ${text}`, () => assert.equal(formatMicroTime(wallMs, microseconds), text));
  }

  it('always has six digits of a second, and names the moment', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4e12 }), fc.nat(5_000), (wallMs, microseconds) => {
        const text = formatMicroTime(wallMs, microseconds);
        assert.match(text, /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/);
        assert.equal(Date.parse(text), wallMs);
      }),
    );
  });
});

describe('parseLease', () => {
  it('reads the record of a held lease', () => {
    const { record, resourceVersion } = readLease({
      holderIdentity: 'pod-a_1',
      leaseDurationSeconds: 15,
      acquireTime: '2026-11-21T12:00:00.000000Z',
      renewTime: 'of no interest',
      leaseTransitions: 3,
    });
    assert.equal(resourceVersion, '7');
    assert.deepEqual(record, {
      holder: 'pod-a_1',
      durationMs: 15_000,
      acquireTime: '2026-11-21T12:00:00.000000Z',
      transitions: 3,
    });
  });

  for (const { name, spec } of [
    { name: 'no spec', spec: undefined },
    { name: 'an empty spec', spec: {} },
    { name: 'an empty holder', spec: { holderIdentity: '', leaseDurationSeconds: 1 } },
    { name: 'nulls', spec: { holderIdentity: null, leaseTransitions: null, leaseDurationSeconds: null } },
  ]) {
    it(`takes a lease with ${name} for one that nobody holds`, () => {
      const { record } = readLease(spec);
      assert.deepEqual([record.holder, record.transitions], ['', 0]);
    });
  }

  for (const { name, body, problem } of [
    { name: 'text', body: 'lease', problem: 'is no Lease object' },
    { name: 'nothing', body: undefined, problem: 'is no Lease object' },
    { name: 'no metadata', body: { spec: {} }, problem: 'has a malformed field metadata' },
    {
      name: 'no resourceVersion',
      body: { metadata: {}, spec: {} },
      problem: 'has a malformed field metadata.resourceVersion',
    },
    {
      name: 'a spec that is a list',
      body: withSpec([]),
      problem: 'has a malformed field spec',
    },
  ]) {
    it(`refuses ${name}`, () => assert.deepEqual(parseLease(body), { ok: false, problem }));
  }

  // Somebody with kubectl, or a server that is none: an election goes on with what is still good.
  for (const { name, spec, record } of [
    { name: 'a holder and no duration', spec: { holderIdentity: 'a' }, record: {} },
    { name: 'a duration of 0', spec: { leaseDurationSeconds: 0 }, record: {} },
    { name: 'a negative duration', spec: { leaseDurationSeconds: -15 }, record: {} },
    { name: 'a duration with a fraction', spec: { leaseDurationSeconds: 1.5 }, record: {} },
    { name: 'a duration that is text', spec: { leaseDurationSeconds: '15' }, record: {} },
    { name: 'a holder that is a number', spec: { holderIdentity: 1 }, record: { holder: UNREADABLE_HOLDER } },
    { name: 'negative transitions', spec: { leaseTransitions: -1 }, record: {} },
    { name: 'transitions beyond int32', spec: { leaseTransitions: 2 ** 31 }, record: {} },
    { name: 'an acquireTime that is a number', spec: { acquireTime: 1 }, record: {} },
  ]) {
    it(`reads ${name} for what is left`, () => {
      const lease = readLease({ holderIdentity: 'a', ...spec });
      const absent = { durationMs: undefined, acquireTime: undefined, transitions: 0 };
      assert.deepEqual(lease.record, { holder: 'a', ...absent, ...record });
    });
  }
});

describe('a holder', () => {
  const POD = 'token-refresher-7d4b9c-x2x7k';
  const SUFFIX = '_0d3f5c1e-9a41-4b0e-8a57-2f9d1c6e7b10';
  const holds = (holderIdentity: string, namespace?: unknown): Lease => {
    const parsed = parseLease({ metadata: { resourceVersion: '7', namespace }, spec: { holderIdentity } });
    assert.ok(parsed.ok);
    return parsed.lease;
  };

  it('is called as its pod, whose page one command brings', () => {
    assert.equal(nameHolder(`${POD}${SUFFIX}`), POD);
    assert.equal(
      describeReach(holds(`${POD}${SUFFIX}`, 'payments'), 8080),
      `kubectl -n payments port-forward pod/${POD} 8080`,
    );
  });

  for (const { what, lease } of [
    { what: 'no pod can be called so', lease: holds('Replica_1', 'payments') },
    { what: 'its name is not shown', lease: holds('a; rm -rf /', 'payments') },
    { what: 'the namespace is missing', lease: holds(POD) },
    { what: 'the namespace is none', lease: holds(POD, 'a; rm -rf /') },
  ])
    it(`is reached by no command when ${what}`, () => assert.equal(describeReach(lease, 8080), undefined));
});

describe('building a lease', () => {
  it('writes a new one', () => {
    assert.deepEqual(buildNewLease('token-refresher', 'payments', CHANGE), {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        name: 'token-refresher',
        namespace: 'payments',
        annotations: { 'token-refresher/installation': 'blue' },
      },
      spec: {
        holderIdentity: 'pod-a_1',
        leaseDurationSeconds: 15,
        acquireTime: '2026-11-21T12:00:00.000007Z',
        renewTime: '2026-11-21T12:00:01.234007Z',
        leaseTransitions: 3,
      },
    });
  });

  it('sends back what it does not know, and the version that it read', () => {
    const metadata = { name: 'l', resourceVersion: '7', labels: { 'app.kubernetes.io/name': 'x' } };
    const spec = {
      holderIdentity: 'pod-b',
      leaseDurationSeconds: 60,
      acquireTime: 'then',
      strategy: 'Oldest',
    };
    const parsed = parseLease({ metadata, spec, later: { version: 2 } });
    assert.ok(parsed.ok);
    const update = buildLeaseUpdate(parsed.lease, { ...CHANGE, acquiredAtMs: undefined });
    assert.deepEqual(update['metadata'], {
      ...metadata,
      annotations: { 'token-refresher/installation': 'blue' },
    });
    assert.deepEqual(update['later'], { version: 2 });
    assert.deepEqual(update['spec'], {
      holderIdentity: 'pod-a_1',
      leaseDurationSeconds: 15,
      acquireTime: 'then',
      renewTime: '2026-11-21T12:00:01.234007Z',
      leaseTransitions: 3,
      strategy: 'Oldest',
    });
  });

  it('begins to count transitions anew where the API server would refuse the number', () => {
    const { spec } = buildNewLease('token-refresher', 'payments', { ...CHANGE, transitions: 2 ** 31 });
    assert.equal(isJsonObject(spec) && spec['leaseTransitions'], 0);
  });
});
