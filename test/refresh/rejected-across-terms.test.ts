import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SecretText } from '../../src/core/secret-text.ts';
import { type Term } from '../../src/refresh/term.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import {
  createEvenRandom,
  createManagedTokenBench,
  type ManagedTokenBench,
} from '../support/managed-token-bench.ts';
import { buildFailure } from '../support/sample-events.ts';
import { termUntil } from '../support/term.ts';

const REJECTED = { code: 'credentials-rejected', retry: 'needs-human', message: 'answered 401' } as const;
const MINUTE_MS = 60_000;

/** Leadership that has come back. */
function nextTerm(): Term {
  return termUntil(new AbortController().signal, new AbortController().signal);
}

/** Credentials are refused, and a minute later leadership is lost. */
async function loseAfterRejection(clock: FakeClock): Promise<ManagedTokenBench> {
  const bench = createManagedTokenBench(clock);
  bench.source.outage = buildFailure(REJECTED);
  const run = bench.managed.refresh('due', bench.term);
  await settle();
  await clock.advance(MINUTE_MS);
  bench.loseLeadership();
  await run;
  return bench;
}

describe('credentials that were rejected before leadership was lost', () => {
  it('Nobody is locked out: are not tried by the next term before the 15 minutes are over', async () => {
    const clock = new FakeClock();
    const { managed, source } = await loseAfterRejection(clock);
    source.outage = undefined;
    const run = managed.refresh('start', nextTerm());
    await settle();
    await clock.advance(14 * MINUTE_MS - 1);
    assert.equal(source.fetches.length, 1);
    await clock.advance(1);
    assert.deepEqual(await run, { kind: 'refreshed' });
  });

  it('Nobody is locked out: are left alone however often leadership changes', async () => {
    const clock = new FakeClock();
    const { managed, source } = await loseAfterRejection(clock);
    for (let term = 0; term < 13; term += 1) {
      const leadership = new AbortController();
      const run = managed.refresh('start', { ...nextTerm(), signal: leadership.signal });
      await settle();
      await clock.advance(MINUTE_MS);
      leadership.abort();
      await run;
    }
    assert.equal(source.fetches.length, 1);
  });

  it('Loud: are told anew by the next term, with the time of the next try', async () => {
    const clock = new FakeClock();
    const { managed, events } = await loseAfterRejection(clock);
    void managed.refresh('start', nextTerm());
    await settle();
    const { failure, nextAttemptAtMs, repeated } = events.last('refresh-failed');
    assert.equal(events.of('refresh-failed').length, 2);
    assert.equal(failure.code, 'credentials-rejected');
    assert.match(failure.message, /^refused before, .*: answered 401$/);
    assert.equal(nextAttemptAtMs, clock.now() + 14 * MINUTE_MS);
    assert.ok(!repeated);
  });

  it('are tried as soon as they change', async () => {
    const clock = new FakeClock();
    const { managed, source } = await loseAfterRejection(clock);
    const run = managed.refresh('start', nextTerm());
    await settle();
    await clock.advance(MINUTE_MS);
    assert.equal(source.fetches.length, 1);
    source.outage = undefined;
    source.changeCredential();
    assert.deepEqual(await run, { kind: 'refreshed' });
  });

  it('are tried at once by an explicit refresh', async () => {
    const clock = new FakeClock();
    const { managed, source } = await loseAfterRejection(clock);
    source.outage = undefined;
    assert.deepEqual(await managed.refresh('explicit', nextTerm()), { kind: 'refreshed' });
    assert.equal(source.fetches.length, 2);
  });

  it('are tried at once by an explicit refresh that joins the waiting one', async () => {
    const clock = new FakeClock();
    const { managed, source } = await loseAfterRejection(clock);
    source.outage = undefined;
    const term = nextTerm();
    const run = managed.refresh('start', term);
    await settle();
    assert.deepEqual(await managed.refresh('explicit', term), { kind: 'refreshed' });
    await run;
  });

  it('are tried when another replica has got a token with them since', async () => {
    const clock = new FakeClock();
    const { managed, source, store } = await loseAfterRejection(clock);
    const other = createManagedTokenBench(clock, { store, random: createEvenRandom(2) });
    other.source.lifetimeMs = 5 * MINUTE_MS;
    other.source.answerWith({ accessToken: new SecretText('theirs') });
    await other.managed.refresh('start', other.term);
    await clock.advance(5 * MINUTE_MS - 20_000);
    managed.invalidate();
    source.outage = undefined;
    assert.deepEqual(await managed.refresh('due', nextTerm()), { kind: 'refreshed' });
    assert.equal(source.fetches.length, 2);
  });

  it('are tried by the next term once they have been accepted', async () => {
    const clock = new FakeClock();
    const bench = createManagedTokenBench(clock);
    bench.source.failWith(REJECTED);
    const run = bench.managed.refresh('start', bench.term);
    await settle();
    bench.source.changeCredential();
    await run;
    await clock.advance(14 * MINUTE_MS);
    assert.deepEqual(await bench.managed.refresh('due', nextTerm()), { kind: 'refreshed' });
  });
});
