import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LeaseTerm } from '../../../src/adapters/kubernetes/lease-term.ts';
import { FakeClock } from '../../support/fake-clock.ts';

describe('LeaseTerm', () => {
  it('ends at its deadline without anybody looking, when it is watched', async () => {
    const clock = new FakeClock();
    const term = new LeaseTerm(clock, 10_000);
    const { signal } = term;
    const watching = term.watch();
    await clock.advance(9_999);
    assert.equal(signal.aborted, false);
    assert.equal(term.leftMs, 1);
    await clock.advance(1);
    assert.equal(signal.aborted, true);
    await watching;
    assert.deepEqual(clock.pendingDelaysMs, []);
  });

  it('lasts as long as it is extended', async () => {
    const clock = new FakeClock();
    const term = new LeaseTerm(clock, 10_000);
    const watching = term.watch();
    await clock.advance(2_000);
    term.extend(12_000);
    await clock.advance(9_999);
    assert.equal(term.hasEnded(), false);
    await clock.advance(1);
    assert.equal(term.hasEnded(), true);
    await watching;
  });

  it('is not extended any more once its deadline has passed, noticed or not', async () => {
    const clock = new FakeClock();
    const term = new LeaseTerm(clock, 10_000);
    await clock.advance(10_000);
    term.extend(50_000);
    assert.equal(term.signal.aborted, true);
    assert.equal(term.leftMs, 0);
  });

  it('keeps the reason that it ended for first', async () => {
    const clock = new FakeClock();
    const term = new LeaseTerm(clock, 10_000);
    term.end('leadership was released');
    await clock.advance(20_000);
    assert.match(String(term.signal.reason), /released/);
    await term.watch();
  });
});
