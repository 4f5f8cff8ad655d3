import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findConditions } from '../../../src/alerts/alert-conditions.ts';
import { TokenBoard } from '../../../src/board/token-board.ts';
import { NO_LEADER_AFTER_MS } from '../../../src/core/board.ts';
import { DEFAULT_LEASE_TIMING } from '../../../src/core/lease-timing.ts';
import type { Leadership } from '../../../src/core/ports.ts';
import type { JsonObject } from '../../../src/core/wire/json.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { LEASE_NAMESPACE, LeaseApi } from '../../support/lease-api.ts';
import { INSTANT, LeaseReplica, type Passage, type ReplicaOptions } from '../../support/lease-replica.ts';

const { leaseDurationMs, renewDeadlineMs, retryPeriodMs } = DEFAULT_LEASE_TIMING;
const HOUR_MS = 3_600_000;

/** Replicas `a`, `b`, … on one server; draws of chance are 0, so that every wait is a whole retry period. */
function setUp(count: number, changes: (index: number) => Partial<ReplicaOptions> = () => ({})) {
  const clock = new FakeClock();
  const api = new LeaseApi();
  const random = { next: () => 0, uuid: () => '' };
  const replicas = Array.from({ length: count }, (_, index) => {
    const identity = String.fromCodePoint(97 + index);
    return new LeaseReplica({
      api,
      clock,
      identity,
      timing: DEFAULT_LEASE_TIMING,
      random,
      ...changes(index),
    });
  });
  const [a, b] = replicas;
  assert.ok(a !== undefined);
  return { clock, api, replicas, a, b: b ?? a };
}

interface Candidate {
  readonly stop: AbortController;
  term: Leadership | undefined;
  /** True time at which the term began. */
  ledAtMs: number | undefined;
  error: unknown;
}

async function stand(replica: LeaseReplica, clock: FakeClock): Promise<Candidate> {
  const candidate: Candidate = {
    stop: new AbortController(),
    term: undefined,
    ledAtMs: undefined,
    error: undefined,
  };
  replica.elector.lead(candidate.stop.signal).then(
    (term) => {
      candidate.term = term;
      candidate.ledAtMs = clock.monotonicMs();
    },
    (error: unknown) => {
      candidate.error = error;
    },
  );
  await settle();
  return candidate;
}

/** `a` leads, `b` stands by and has seen it. */
async function setUpPair(changes?: (index: number) => Partial<ReplicaOptions>) {
  const world = setUp(2, changes);
  const leader = await stand(world.a, world.clock);
  assert.ok(leader.term !== undefined, 'a leads');
  const standBy = await stand(world.b, world.clock);
  return { ...world, leader, standBy };
}

describe('the lease', () => {
  it('is created by the first, with no transition', async () => {
    const { api, a, clock } = setUp(1);
    await stand(a, clock);
    assert.deepEqual(api.spec(), {
      holderIdentity: 'a',
      leaseDurationSeconds: 15,
      acquireTime: '2026-11-21T12:00:00.000001Z',
      renewTime: '2026-11-21T12:00:00.000001Z',
      leaseTransitions: 0,
    });
  });

  it('is renewed with one call in every retry period, and keeps its acquireTime', async () => {
    const { api, a, clock } = setUp(1);
    await stand(a, clock);
    await clock.advance(5 * retryPeriodMs);
    assert.deepEqual(
      a.calls.map(({ operation }) => operation),
      ['get', 'create', ...Array.from({ length: 5 }, () => 'update')],
    );
    assert.equal(api.spec()?.['acquireTime'], '2026-11-21T12:00:00.000001Z');
    assert.equal(api.spec()?.['renewTime'], '2026-11-21T12:00:10.000006Z');
    assert.equal(api.spec()?.['leaseTransitions'], 0);
  });

  it('is renewed for the server too when the wall clock stands still', async () => {
    const { api, a, clock } = setUp(1);
    const leader = await stand(a, clock);
    const versions = new Set<unknown>();
    for (let renewal = 0; renewal < 5; renewal += 1) {
      versions.add(api.metadata()?.['resourceVersion']);
      clock.jumpWallTime(-retryPeriodMs);
      await clock.advance(retryPeriodMs);
    }
    assert.equal(versions.size, 5);
    assert.equal(leader.term?.signal.aborted, false);
  });

  it('goes to one of several that want it at once', async () => {
    const { replicas, clock } = setUp(3);
    const candidates = await Promise.all(replicas.map((replica) => stand(replica, clock)));
    await clock.advance(HOUR_MS / 60);
    assert.equal(candidates.filter(({ term }) => term !== undefined).length, 1);
  });

  it('keeps the labels that a deployment tool has put on it', async () => {
    const { api, a, clock } = setUp(1);
    api.edit({}, { 'app.kubernetes.io/instance': 'blue' });
    await stand(a, clock);
    assert.equal(api.spec()?.['holderIdentity'], 'a');
    assert.deepEqual(api.metadata()?.['labels'], { 'app.kubernetes.io/instance': 'blue' });
  });
});

describe('a take-over', () => {
  for (const sinceRenewalMs of [0, 1, 1_000, 1_999]) {
    it(`happens within lease duration and retry period of a crash ${sinceRenewalMs} ms after a renewal`, async () => {
      const { clock, a, standBy, api } = await setUpPair();
      await clock.advance(3 * retryPeriodMs + sinceRenewalMs);
      a.pause();
      const crashedAtMs = clock.monotonicMs();
      await clock.advance(leaseDurationMs + retryPeriodMs);
      assert.ok(standBy.ledAtMs !== undefined, 'b leads');
      assert.ok(standBy.ledAtMs - crashedAtMs >= leaseDurationMs - sinceRenewalMs);
      assert.equal(api.spec()?.['holderIdentity'], 'b');
      assert.equal(api.spec()?.['leaseTransitions'], 1);
    });
  }

  it('does not happen while the leader renews, however long that goes on', async () => {
    const { clock, leader, standBy } = await setUpPair();
    await clock.advance(HOUR_MS / 2);
    assert.equal(leader.term?.signal.aborted, false);
    assert.equal(standBy.term, undefined);
  });

  for (const { name, wallSkewMs } of [
    { name: 'a day ahead', wallSkewMs: 24 * HOUR_MS },
    { name: 'a day behind', wallSkewMs: -24 * HOUR_MS },
  ]) {
    it(`does not come early or late by a stand-by whose wall clock is ${name}`, async () => {
      const { clock, a, standBy } = await setUpPair((index) => (index === 1 ? { wallSkewMs } : {}));
      await clock.advance(10 * retryPeriodMs);
      assert.equal(standBy.term, undefined);
      a.pause();
      await clock.advance(leaseDurationMs - 1);
      assert.equal(standBy.term, undefined);
      await clock.advance(retryPeriodMs + 1);
      assert.ok(standBy.term !== undefined);
    });
  }

  it('waits anew when the record changes from one holder to another', async () => {
    const { clock, api, a, standBy } = await setUpPair();
    a.pause();
    await clock.advance(leaseDurationMs - 1);
    api.edit({ holderIdentity: 'z', leaseDurationSeconds: 15, leaseTransitions: 7 });
    await clock.advance(leaseDurationMs - retryPeriodMs);
    assert.equal(standBy.term, undefined);
    await clock.advance(2 * retryPeriodMs);
    assert.ok(standBy.term !== undefined);
    assert.equal(api.spec()?.['leaseTransitions'], 8);
  });

  it('waits for the duration that the holder has promised, not for its own setting', async () => {
    const { clock, api, a } = setUp(1);
    api.edit({ holderIdentity: 'z', leaseDurationSeconds: 60 });
    const candidate = await stand(a, clock);
    await clock.advance(60_000 - 1);
    assert.equal(candidate.term, undefined);
    await clock.advance(1);
    assert.equal(candidate.ledAtMs, 60_000);
  });

  it('of a lease that somebody deleted comes no earlier: its holder may not know yet', async () => {
    const { clock, api, a, standBy } = await setUpPair();
    a.pause();
    await clock.advance(retryPeriodMs);
    api.delete();
    await clock.advance(leaseDurationMs - 1);
    assert.equal(standBy.term, undefined);
    await clock.advance(retryPeriodMs + 1);
    assert.ok(standBy.term !== undefined);
  });

  it('is left to others when the same moment was theirs', async () => {
    const { clock, api, replicas } = setUp(3);
    api.edit({ holderIdentity: 'z', leaseDurationSeconds: 15 });
    const candidates = await Promise.all(replicas.map((replica) => stand(replica, clock)));
    await clock.advance(2 * leaseDurationMs);
    assert.deepEqual(
      candidates.filter(({ term }) => term !== undefined).map(({ ledAtMs }) => ledAtMs),
      [leaseDurationMs],
    );
  });
});

describe('release', () => {
  it('Quick to stop: names nobody, and the successor leads within one retry period', async () => {
    const { clock, api, a, leader, standBy } = await setUpPair();
    await clock.advance(5 * retryPeriodMs + 700);
    const releasedAtMs = clock.monotonicMs();
    await a.elector.release();
    assert.equal(leader.term?.signal.aborted, true);
    assert.deepEqual(
      { ...api.spec(), acquireTime: '', renewTime: '' },
      { holderIdentity: '', leaseDurationSeconds: 1, acquireTime: '', renewTime: '', leaseTransitions: 0 },
    );
    await clock.advance(retryPeriodMs);
    assert.ok(standBy.ledAtMs !== undefined && standBy.ledAtMs - releasedAtMs <= retryPeriodMs);
    assert.equal(api.spec()?.['leaseTransitions'], 1);
  });

  it('ends the term before it writes', async () => {
    let passage = INSTANT;
    const { clock, api, a, leader } = await setUpPair((index) =>
      index === 0 ? { passage: () => passage } : {},
    );
    passage = { requestMs: 100, answerMs: 0 };
    const released = a.elector.release();
    await settle();
    assert.equal(leader.term?.signal.aborted, true);
    assert.equal(api.spec()?.['holderIdentity'], 'a');
    await clock.advance(1_000);
    await released;
    assert.equal(api.spec()?.['holderIdentity'], '');
  });

  it('leaves a lease alone that another one holds', async () => {
    const { api, a, leader } = await setUpPair();
    api.edit({ holderIdentity: 'z', leaseDurationSeconds: 15 });
    const before = api.spec();
    await a.elector.release();
    assert.equal(leader.term?.signal.aborted, true);
    assert.deepEqual(api.spec(), before);
  });

  it('writes nothing for a stand-by', async () => {
    const { api, b, standBy } = await setUpPair();
    standBy.stop.abort(new Error('the program stops'));
    await settle();
    assert.match(String(standBy.error), /the program stops/);
    const before = api.metadata();
    const calls = b.calls.length;
    await b.elector.release();
    assert.deepEqual(api.metadata(), before);
    assert.equal(b.calls.length, calls);
  });

  it('takes back a lease that was won while nobody waited for it any more', async () => {
    const { clock, api, a } = setUp(1, () => ({ passage: () => ({ requestMs: 100, answerMs: 100 }) }));
    const candidate = await stand(a, clock);
    await clock.advance(350);
    assert.equal(api.spec()?.['holderIdentity'], 'a');
    candidate.stop.abort(new Error('the program stops'));
    await settle();
    const released = a.elector.release();
    await clock.advance(1_000);
    await released;
    assert.equal(api.spec()?.['holderIdentity'], '');
  });

  it('closes its client when it is released', async () => {
    let closed = 0;
    const { a } = await setUpPair((index) => (index === 0 ? { close: () => void (closed += 1) } : {}));
    await a.elector.release();
    assert.equal(closed, 1);
  });

  it('Quick to stop: gives up on a server that does not answer', async () => {
    const { clock, a } = await setUpPair();
    a.isCutOff = true;
    let isDone = false;
    const released = a.elector.release().then(() => {
      isDone = true;
    });
    await settle();
    await clock.advance(1_499);
    assert.equal(isDone, false);
    await clock.advance(1);
    assert.equal(isDone, true);
    await released;
  });
});

describe('a leader that cannot renew', () => {
  it('stops at its deadline, before another can lead', async () => {
    const { clock, a, leader, standBy } = await setUpPair();
    await clock.advance(4 * retryPeriodMs);
    const { signal } = leader.term ?? assert.fail('a leads');
    let endedAtMs = Number.NaN;
    signal.addEventListener('abort', () => {
      endedAtMs = clock.monotonicMs();
    });
    a.isCutOff = true;
    await clock.advance(leaseDurationMs + 2 * retryPeriodMs);
    assert.equal(endedAtMs, 4 * retryPeriodMs + renewDeadlineMs);
    assert.ok(standBy.ledAtMs !== undefined && standBy.ledAtMs >= 4 * retryPeriodMs + leaseDurationMs);
  });

  it('counts its term from before the renewal was sent', async () => {
    let passage = INSTANT;
    const { clock, a, leader } = await setUpPair((index) => (index === 0 ? { passage: () => passage } : {}));
    passage = { requestMs: 0, answerMs: 4_000 };
    await clock.advance(retryPeriodMs + 4_000);
    a.isCutOff = true;
    await clock.advance(renewDeadlineMs - 4_000 - 1);
    assert.equal(leader.term?.signal.aborted, false);
    await clock.advance(1);
    assert.equal(leader.term?.signal.aborted, true);
  });

  it('does not begin a term with an answer that came too late', async () => {
    let passage = { requestMs: 0, answerMs: 4_999 };
    const { clock, a, api } = setUp(1, () => ({ passage: () => passage }));
    const candidate = await stand(a, clock);
    await clock.advance(5_000);
    a.pause();
    await clock.advance(renewDeadlineMs);
    assert.equal(api.spec()?.['holderIdentity'], 'a');
    a.resume();
    await settle();
    assert.equal(candidate.term, undefined);
    passage = INSTANT;
    await clock.advance(2 * retryPeriodMs);
    assert.ok(candidate.term !== undefined);
    assert.equal(api.spec()?.['leaseTransitions'], 0);
  });

  it('survives lost answers and races as long as one renewal succeeds before the deadline', async () => {
    const passages: Passage[] = [];
    const { clock, api, leader, standBy } = await setUpPair((index) =>
      index === 0 ? { passage: () => passages.shift() ?? INSTANT } : {},
    );
    for (let round = 0; round < 20; round += 1) {
      passages.push({ requestMs: 0, answerMs: Number.POSITIVE_INFINITY });
      await clock.advance(renewDeadlineMs);
    }
    assert.equal(leader.term?.signal.aborted, false);
    assert.equal(standBy.term, undefined);
    assert.equal(api.spec()?.['leaseTransitions'], 0);
  });

  it('creates the lease again that somebody deleted', async () => {
    const { clock, api, leader, standBy } = await setUpPair();
    api.delete();
    await clock.advance(HOUR_MS / 60);
    assert.equal(api.spec()?.['holderIdentity'], 'a');
    assert.equal(leader.term?.signal.aborted, false);
    assert.equal(standBy.term, undefined);
  });

  it('renews over a label that somebody put on the lease', async () => {
    const { clock, api, leader } = await setUpPair();
    api.edit(api.spec(), { touched: 'yes' });
    await clock.advance(renewDeadlineMs);
    assert.equal(leader.term?.signal.aborted, false);
    assert.deepEqual(api.metadata()?.['labels'], { touched: 'yes' });
  });

  it('ends its term as soon as the lease names another', async () => {
    const { clock, api, leader } = await setUpPair();
    api.edit({ holderIdentity: 'z', leaseDurationSeconds: 15 });
    await clock.advance(retryPeriodMs);
    assert.equal(leader.term?.signal.aborted, true);
    assert.match(String(leader.term?.signal.reason), /names another holder/);
    assert.equal(api.spec()?.['holderIdentity'], 'z');
  });

  it('can lead again after the term that it lost', async () => {
    const { clock, a, b, leader, standBy } = await setUpPair();
    a.isCutOff = true;
    await clock.advance(leaseDurationMs + 2 * retryPeriodMs);
    assert.equal(leader.term?.signal.aborted, true);
    assert.ok(standBy.term !== undefined);
    a.isCutOff = false;
    const again = await stand(a, clock);
    await clock.advance(retryPeriodMs);
    assert.equal(again.term, undefined);
    await b.elector.release();
    await clock.advance(retryPeriodMs);
    assert.ok(again.ledAtMs !== undefined);
  });

  it('stops at its deadline while it waits as long as the server has asked', async () => {
    let passage = INSTANT;
    const { clock, a, leader } = await setUpPair((index) => (index === 0 ? { passage: () => passage } : {}));
    const { signal } = leader.term ?? assert.fail('a leads');
    passage = { ...INSTANT, refusal: 429, retryAfter: '9' };
    await clock.advance(renewDeadlineMs - 1);
    assert.equal(signal.aborted, false);
    await clock.advance(1);
    assert.equal(signal.aborted, true);
    assert.deepEqual(
      a.calls.map(({ operation, atMs }) => [operation, atMs]),
      [
        ['get', 0],
        ['create', 0],
        ['update', retryPeriodMs],
      ],
    );
  });

  it('waits as the server asks, but no longer than a lease lives', async () => {
    let retryAfter = '7';
    const { clock, a } = setUp(1, () => ({ passage: () => ({ ...INSTANT, refusal: 429, retryAfter }) }));
    await stand(a, clock);
    retryAfter = '3600';
    await clock.advance(7_000 + 2 * leaseDurationMs);
    assert.deepEqual(
      a.calls.map(({ atMs }) => atMs),
      [0, 7_000, 7_000 + leaseDurationMs, 7_000 + 2 * leaseDurationMs],
    );
  });

  it('asks once in every retry period while the server refuses', async () => {
    const { clock, a, api } = setUp(1, () => ({ passage: () => ({ ...INSTANT, refusal: 503 }) }));
    await stand(a, clock);
    await clock.advance(10 * retryPeriodMs);
    assert.equal(a.calls.length, 11);
    assert.equal(api.spec(), undefined);
  });
});

describe('a leader that was paused', () => {
  it('finds its term ended at the first look, before any of its timers has fired', async () => {
    const { clock, a, leader, standBy } = await setUpPair();
    await clock.advance(retryPeriodMs);
    const kept = leader.term?.signal;
    a.pause();
    await clock.advance(60_000);
    assert.ok(standBy.term !== undefined, 'b leads meanwhile');
    assert.equal(kept?.aborted, false, 'no timer has fired');
    assert.equal(leader.term?.hasEnded(), true);
    assert.equal(kept?.aborted, true);
    a.resume();
    await settle();
    assert.equal(standBy.term?.signal.aborted, false);
  });

  it('does not extend its term by an answer that waited for it to wake up', async () => {
    let passage = INSTANT;
    const { clock, a, leader, standBy } = await setUpPair((index) =>
      index === 0 ? { passage: () => passage } : {},
    );
    passage = { requestMs: 0, answerMs: 10 };
    await clock.advance(retryPeriodMs + 5);
    a.pause();
    await clock.advance(60_000);
    assert.ok(standBy.term !== undefined);
    a.resume();
    await settle();
    assert.equal(leader.term?.signal.aborted, true);
  });
});

describe('what a replica says about itself', () => {
  it('tells about a failure once, about a new cause again, and about the end', async () => {
    let refusal: number | undefined = 500;
    const { clock, a } = setUp(1, () => ({
      passage: () => (refusal === undefined ? INSTANT : { ...INSTANT, refusal }),
    }));
    await stand(a, clock);
    await clock.advance(5 * retryPeriodMs);
    refusal = 403;
    await clock.advance(5 * retryPeriodMs);
    refusal = undefined;
    await clock.advance(retryPeriodMs);
    assert.deepEqual(a.events.all, [
      {
        event: 'coordination-failed',
        problem: 'the API server answered 500 to get of lease payments/token-refresher',
        isLeader: false,
      },
      {
        event: 'coordination-failed',
        problem:
          'the API server answered 403 to get of lease payments/token-refresher: the role must allow get of leases (coordination.k8s.io) in this namespace',
        isLeader: false,
      },
      { event: 'coordination-recovered', failedForMs: 11 * retryPeriodMs },
    ]);
  });

  it('is not stuck because the API server is away: a restart would cure nothing', async () => {
    const { clock, a, b } = await setUpPair();
    a.isCutOff = true;
    b.isCutOff = true;
    await clock.advance(renewDeadlineMs);
    await stand(a, clock);
    await clock.advance(20 * leaseDurationMs);
    assert.deepEqual([...a.elector.stuckReasons(), ...b.elector.stuckReasons()], []);
  });

  it('is stuck when a call goes on beyond every deadline', async () => {
    const { clock, a } = setUp(1, () => ({ ignoresDeadlines: true }));
    a.isCutOff = true;
    await stand(a, clock);
    await clock.advance(3 * leaseDurationMs);
    assert.deepEqual(a.elector.stuckReasons(), []);
    await clock.advance(1);
    assert.match(a.elector.stuckReasons().join(), /look at lease token-refresher has not ended/);
  });

  it('says once who leads, and again when it is another', async () => {
    const { clock, api, a, b } = await setUpPair();
    await clock.advance(HOUR_MS / 60);
    assert.deepEqual(b.events.all, [{ event: 'standing-by', leader: 'a', reach: reach('a'), isOurs: true }]);
    await a.elector.release();
    api.edit({ holderIdentity: 'z', leaseDurationSeconds: 15, renewTime: '2026-11-21T12:00:00.000001Z' });
    await clock.advance(retryPeriodMs);
    api.edit({ holderIdentity: 'z', leaseDurationSeconds: 15, renewTime: '2026-11-21T12:00:02.000001Z' });
    await clock.advance(retryPeriodMs);
    assert.deepEqual(b.events.of('standing-by').slice(1), [
      { event: 'standing-by', leader: 'z', reach: reach('z') },
    ]);
  });

  it('says when the leader is of another installation', async () => {
    const { clock, b } = await setUpPair((index) => ({ installation: index === 0 ? 'green' : 'blue' }));
    await clock.advance(HOUR_MS / 60);
    assert.deepEqual(b.events.all, [{ event: 'standing-by', leader: 'a', reach: reach('a'), isOurs: false }]);
  });

  it('does not repeat a holder that is no name', async () => {
    const { clock, api, a } = setUp(1);
    for (let renewal = 0; renewal < 3; renewal += 1) {
      api.edit({
        holderIdentity: 'canary\nforged line',
        leaseDurationSeconds: 15,
        leaseTransitions: renewal,
      });
      if (renewal === 0) await stand(a, clock);
      else await clock.advance(retryPeriodMs);
    }
    assert.ok(a.events.names.includes('standing-by'));
    assert.doesNotMatch(JSON.stringify(a.events.all), /canary/);
  });
});

/** How people get at the page of that pod. */
function reach(pod: string): string {
  return `kubectl -n ${LEASE_NAMESPACE} port-forward pod/${pod} 8080`;
}

/** The alerts that a replica's events make from now on. */
function watch(replica: LeaseReplica, clock: FakeClock) {
  const board = new TokenBoard(clock);
  replica.events.listen((event) => board.onEvent(event));
  return { alerts: () => findConditions(board, clock).map(({ alert }) => alert) };
}

/** A Status of the API server, as version 1.36 writes it. */
function refusalBody(reason: string, message: string, causes: readonly JsonObject[] = []): JsonObject {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', message, reason, details: { causes } };
}

const REFUSALS = [
  {
    what: 'a Role without update',
    refusal: 403,
    body: refusalBody(
      'Forbidden',
      'leases.coordination.k8s.io "token-refresher" is forbidden: User "system:serviceaccount:payments:canary" cannot update resource "leases" in API group "coordination.k8s.io" in the namespace "payments"',
    ),
    message: /\(Forbidden\): the role must allow create of leases \(coordination.k8s.io\) in this namespace$/,
  },
  {
    what: 'a namespace that is being deleted',
    refusal: 403,
    body: refusalBody(
      'Forbidden',
      'leases.coordination.k8s.io "token-refresher" is forbidden: unable to create new content in namespace canary because it is being terminated',
      [
        {
          reason: 'NamespaceTerminating',
          message: 'namespace canary is being terminated',
          field: 'metadata.namespace',
        },
      ],
    ),
    message: /\(Forbidden\): NamespaceTerminating, the namespace is being deleted$/,
  },
  {
    what: 'an admission policy',
    refusal: 422,
    body: refusalBody(
      'Invalid',
      "leases.coordination.k8s.io \"token-refresher\" is forbidden: ValidatingAdmissionPolicy 'canary' with binding 'canary' denied request: canary",
    ),
    message: /422 .*\(Invalid\): an admission policy/,
  },
  {
    what: 'an admission webhook',
    refusal: 403,
    body: refusalBody('Forbidden', 'admission webhook "canary" denied the request: canary'),
    message: /\(Forbidden\): an admission webhook refuses it$/,
  },
  {
    what: 'a field that is not taken',
    refusal: 422,
    body: refusalBody('Invalid', 'canary', [
      { reason: 'FieldValueInvalid', message: 'canary', field: 'spec.leaseDurationSeconds' },
      { reason: 'FieldValueRequired', message: 'canary', field: 'spec.canary' },
      { reason: 'canary', message: 'canary', field: 'canary' },
    ]),
    message: /\(Invalid\): FieldValueInvalid of spec.leaseDurationSeconds, FieldValueRequired$/,
  },
  {
    what: 'a reason that Kubernetes does not know',
    refusal: 403,
    body: refusalBody('canary', 'canary'),
    message: /403 to (?:update|create) of lease payments\/token-refresher: the role must allow/,
  },
] as const;

describe('an API server that is read well and refuses to be written', () => {
  for (const { what, refusal, body, message } of REFUSALS) {
    it(`is told once because of ${what}, with NoLeader after 30 s, until a write has succeeded`, async () => {
      let isRefused = true;
      const { clock, a } = setUp(1, () => ({
        passage: (operation) =>
          isRefused && operation !== 'get' ? { ...INSTANT, refusal, refusalBody: body } : INSTANT,
      }));
      const { alerts } = watch(a, clock);
      const candidate = await stand(a, clock);
      await clock.advance(NO_LEADER_AFTER_MS - 1);
      assert.deepEqual(alerts(), []);
      await clock.advance(1);
      assert.deepEqual(alerts(), ['NoLeader']);
      await clock.advance(HOUR_MS);
      assert.deepEqual(alerts(), ['NoLeader']);
      assert.deepEqual(a.events.names, ['coordination-failed']);
      const { problem } = a.events.last('coordination-failed');
      assert.match(problem, message);
      assert.doesNotMatch(problem, /canary/);
      isRefused = false;
      await clock.advance(retryPeriodMs);
      assert.ok(candidate.term !== undefined);
      assert.deepEqual(a.events.names, ['coordination-failed', 'coordination-recovered']);
      assert.deepEqual(alerts(), []);
    });
  }

  it('costs a leader its term, and is told once all the same', async () => {
    let isRefused = false;
    const { clock, a, leader } = await setUpPair(() => ({
      passage: (operation) => (isRefused && operation !== 'get' ? { ...INSTANT, refusal: 403 } : INSTANT),
    }));
    isRefused = true;
    await clock.advance(renewDeadlineMs);
    assert.equal(leader.term?.signal.aborted, true);
    const again = await stand(a, clock);
    await clock.advance(HOUR_MS);
    assert.deepEqual(a.events.names, ['coordination-failed']);
    isRefused = false;
    await clock.advance(leaseDurationMs + 2 * retryPeriodMs);
    assert.equal(again.term === undefined, a.events.of('standing-by').length === 1);
  });

  it('that refuses one replica alone is no reason for NoLeader while another leads', async () => {
    const [{ refusal, body }] = REFUSALS;
    const { clock, api, a, b } = await setUpPair((index) =>
      index === 0
        ? {}
        : {
            passage: (operation) =>
              operation === 'get' ? INSTANT : { ...INSTANT, refusal, refusalBody: body },
          },
    );
    const { alerts } = watch(b, clock);
    assert.match(b.elector.unreadyReasons().join(), /the role must allow/);
    await clock.advance(HOUR_MS);
    assert.deepEqual(alerts(), []);
    assert.deepEqual(b.events.names, ['coordination-failed', 'standing-by']);
    a.pause();
    await clock.advance(HOUR_MS);
    assert.deepEqual(alerts(), ['NoLeader']);
    assert.match(b.events.last('nobody-leads').problem, /the role must allow/);
    assert.equal(b.events.of('nobody-leads').length, 1);
    assert.equal(api.spec()?.['holderIdentity'], 'a');
  });

  it('that then refuses otherwise is not told as if the leader that is gone still led', async () => {
    let status = 403;
    const { clock, a, b } = await setUpPair((index) =>
      index === 0
        ? {}
        : { passage: (operation) => (operation === 'get' ? INSTANT : { ...INSTANT, refusal: status }) },
    );
    const { alerts } = watch(b, clock);
    await clock.advance(HOUR_MS);
    a.pause();
    await clock.advance(HOUR_MS);
    status = 500;
    await clock.advance(HOUR_MS);
    assert.equal(b.events.last('coordination-failed').leader, undefined);
    assert.deepEqual(alerts(), ['NoLeader']);
  });
});

describe('a lease that somebody has changed by hand', () => {
  it('and then deleted holds nobody back for what it said', async () => {
    const { clock, api, a, standBy } = await setUpPair();
    a.pause();
    api.edit({ holderIdentity: 'a', leaseDurationSeconds: 3_600 });
    await clock.advance(HOUR_MS / 60);
    assert.equal(standBy.term, undefined);
    const deletedAtMs = clock.monotonicMs();
    api.delete();
    await clock.advance(leaseDurationMs + 2 * retryPeriodMs);
    assert.ok(standBy.ledAtMs !== undefined && standBy.ledAtMs - deletedAtMs >= leaseDurationMs - 1);
  });

  it('and whose holder never renews it is told once, with its name, and NoLeader', async () => {
    const { clock, api, a } = setUp(1);
    api.edit({ holderIdentity: 'gone-1', leaseDurationSeconds: 3_600 });
    const { alerts } = watch(a, clock);
    const candidate = await stand(a, clock);
    await clock.advance(NO_LEADER_AFTER_MS - 1);
    assert.deepEqual(alerts(), []);
    await clock.advance(1);
    assert.deepEqual(alerts(), ['NoLeader']);
    await clock.advance(HOUR_MS - NO_LEADER_AFTER_MS - 1);
    assert.deepEqual(a.events.names, ['nobody-leads']);
    assert.match(
      a.events.last('nobody-leads').problem,
      /^lease token-refresher has been held by gone-1 for 18s, which does not renew it; others may take it in 59m.*delete the Lease$/,
    );
    assert.equal(candidate.term, undefined);
    await clock.advance(1);
    assert.ok(candidate.term !== undefined);
  });

  it('to be held for a year is held for no longer than could be configured', async () => {
    const { clock, api, a } = setUp(1);
    api.edit({ holderIdentity: 'gone-1', leaseDurationSeconds: 31_536_000 });
    const candidate = await stand(a, clock);
    await clock.advance(HOUR_MS);
    assert.equal(candidate.ledAtMs, HOUR_MS);
  });

  const { leaseDurationSeconds: _, ...nothingElse } = { leaseDurationSeconds: 15, holderIdentity: 'a' };
  const whole = {
    holderIdentity: 'a',
    leaseDurationSeconds: 15,
    acquireTime: '2026-11-21T12:00:00.000001Z',
    renewTime: '2026-11-21T12:00:00.000001Z',
    leaseTransitions: 0,
  };
  for (const { what, spec } of [
    { what: 'without a duration', spec: nothingElse },
    { what: 'with a duration of 0', spec: { ...whole, leaseDurationSeconds: 0 } },
    { what: 'with a negative duration', spec: { ...whole, leaseDurationSeconds: -1 } },
    { what: 'with a duration of 68 years', spec: { ...whole, leaseDurationSeconds: 2_147_483_647 } },
    { what: 'with a duration that is text', spec: { ...whole, leaseDurationSeconds: 'an hour' } },
    { what: 'without its times', spec: { holderIdentity: 'a', leaseDurationSeconds: 15 } },
    { what: 'with a renewTime in the future', spec: { ...whole, renewTime: '2126-11-21T12:00:00.000001Z' } },
    { what: 'with the last transition that there is', spec: { ...whole, leaseTransitions: 2_147_483_647 } },
    { what: 'with a transition too many', spec: { ...whole, leaseTransitions: 2_147_483_648 } },
    {
      what: 'with nulls',
      spec: { ...whole, leaseDurationSeconds: null, renewTime: null, acquireTime: null },
    },
  ]) {
    it(`${what} under a leader of ours is written anew`, async () => {
      const { clock, api, leader, standBy } = await setUpPair();
      api.edit(spec);
      await clock.advance(retryPeriodMs);
      assert.equal(leader.term?.signal.aborted, false);
      assert.equal(api.spec()?.['leaseDurationSeconds'], 15);
      assert.equal(api.spec()?.['holderIdentity'], 'a');
      await clock.advance(HOUR_MS / 60);
      assert.equal(leader.term?.signal.aborted, false);
      assert.equal(standBy.term, undefined);
    });

    it(`${what} that names a stranger is waited for, no less than it says and at most an hour`, async () => {
      const { clock, api, a } = setUp(1);
      api.edit({ ...spec, holderIdentity: 'z' });
      const candidate = await stand(a, clock);
      await clock.advance(leaseDurationMs - 1);
      assert.equal(candidate.term, undefined);
      const { leaseDurationSeconds: seconds } = { leaseDurationSeconds: undefined, ...spec };
      await clock.advance(1 + (Number(seconds) > 15 ? HOUR_MS : 0));
      assert.ok(candidate.term !== undefined, JSON.stringify(a.events.all));
      assert.equal(api.spec()?.['leaseDurationSeconds'], 15);
    });
  }

  for (const { what, spec } of [
    { what: 'nobody', spec: { ...whole, holderIdentity: '' } },
    { what: 'us in other letters', spec: { ...whole, holderIdentity: 'A' } },
    { what: 'a number', spec: { ...whole, holderIdentity: 7 } },
    { what: 'nothing at all', spec: {} },
  ]) {
    it(`to be held by ${what} ends the term, and one of ours leads again within a lease`, async () => {
      const { clock, api, a, leader, standBy } = await setUpPair();
      api.edit(spec);
      await clock.advance(retryPeriodMs);
      assert.equal(leader.term?.signal.aborted, true);
      const again = await stand(a, clock);
      await clock.advance(leaseDurationMs + retryPeriodMs);
      assert.equal([again, standBy].filter(({ term }) => term?.signal.aborted === false).length, 1);
    });
  }
});

describe('readiness', () => {
  it('waits until the lease has been read once, and stays', async () => {
    let refusal: number | undefined = 401;
    const { clock, a } = setUp(1, () => ({
      passage: () => (refusal === undefined ? INSTANT : { ...INSTANT, refusal }),
    }));
    assert.deepEqual(a.elector.unreadyReasons(), ['lease token-refresher has not been read yet']);
    await stand(a, clock);
    await clock.advance(HOUR_MS);
    assert.match(a.elector.unreadyReasons().join(), /401 to get .* token is not accepted/);
    refusal = undefined;
    await clock.advance(retryPeriodMs);
    assert.deepEqual(a.elector.unreadyReasons(), []);
    refusal = 500;
    await clock.advance(HOUR_MS);
    assert.deepEqual(a.elector.unreadyReasons(), []);
  });

  it('of a stand-by comes with a dry run of the write that it will need, which changes nothing', async () => {
    const { clock, api, b } = await setUpPair();
    const { resourceVersion } = api.metadata() ?? {};
    assert.deepEqual(
      b.calls.map(({ operation }) => operation),
      ['get', 'update'],
    );
    assert.deepEqual(b.elector.unreadyReasons(), []);
    assert.equal(api.metadata()?.['resourceVersion'], resourceVersion);
    await clock.advance(3 * retryPeriodMs);
    assert.equal(b.calls.filter(({ operation }) => operation === 'update').length, 1);
  });

  for (const refusal of [400, 403, 404, 409, 500]) {
    it(`does not fail because a server answers ${refusal} to the dry run and does not say why`, async () => {
      const { b } = await setUpPair((index) => ({
        passage: (operation) => (index === 1 && operation !== 'get' ? { ...INSTANT, refusal } : INSTANT),
      }));
      assert.deepEqual(b.elector.unreadyReasons(), []);
      assert.deepEqual(b.events.all, []);
    });
  }
});

describe('LeaseElector', () => {
  for (const { name, changes, message } of [
    {
      name: 'a deadline as long as the lease',
      changes: { renewDeadlineMs: 15_000 },
      message: /^renewDeadline must be .*less than leaseDuration/,
    },
    {
      name: 'a retry period too long for the deadline',
      changes: { retryPeriodMs: 9_000 },
      message: /^renewDeadline must be more than 1.2 x retryPeriod/,
    },
  ]) {
    it(`refuses ${name}`, () => {
      assert.throws(() => setUp(1, () => ({ timing: { ...DEFAULT_LEASE_TIMING, ...changes } })), {
        name: 'RangeError',
        message,
      });
    });
  }

  it('refuses to go without an identity', () => {
    assert.throws(() => setUp(1, () => ({ identity: '' })), { name: 'RangeError' });
  });

  it('hands out no second term before the first has ended', async () => {
    const { a } = await setUpPair();
    await assert.rejects(a.elector.lead(new AbortController().signal), /has not ended/);
  });
});
