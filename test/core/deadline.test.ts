import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DeadlineExceeded, withDeadline } from '../../src/core/deadline.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';

const NEVER = new AbortController().signal;
const forever = (): Promise<never> => new Promise(() => undefined);

describe('withDeadline', () => {
  it('passes a result on and leaves no sleeper behind', async () => {
    const clock = new FakeClock();
    assert.equal(await withDeadline(clock, 1000, NEVER, () => Promise.resolve(7)), 7);
    assert.deepEqual(clock.pendingDelaysMs, []);
  });

  it('passes a rejection on and leaves no sleeper behind', async () => {
    const clock = new FakeClock();
    const work = withDeadline(clock, 1000, NEVER, () => Promise.reject(new TypeError('broken')));
    await assert.rejects(work, TypeError);
    assert.deepEqual(clock.pendingDelaysMs, []);
  });

  it('rejects at the deadline, also when the work ignores its signal', async () => {
    const clock = new FakeClock();
    const work = withDeadline(clock, 1000, NEVER, forever);
    const rejected = assert.rejects(work, (error) => {
      assert.ok(error instanceof DeadlineExceeded);
      assert.equal(error.message, 'no answer within 1s');
      return true;
    });
    await clock.advance(999);
    assert.deepEqual(clock.pendingDelaysMs, [1]);
    await clock.advance(1);
    await rejected;
  });

  it('aborts the signal of the work at the deadline, with the reason', async () => {
    const clock = new FakeClock();
    let seen: AbortSignal | undefined;
    const work = withDeadline(clock, 1000, NEVER, (signal) => {
      seen = signal;
      return forever();
    });
    const rejected = assert.rejects(work);
    await clock.advance(1000);
    await rejected;
    assert.ok(seen?.reason instanceof DeadlineExceeded);
  });

  it("rejects with the caller's reason as soon as the caller aborts", async () => {
    const clock = new FakeClock();
    const caller = new AbortController();
    let seen: AbortSignal | undefined;
    const work = withDeadline(clock, 1000, caller.signal, (signal) => {
      seen = signal;
      return forever();
    });
    const rejected = assert.rejects(work, /the program stops/);
    caller.abort(new Error('the program stops'));
    await rejected;
    assert.match(String(seen?.reason), /the program stops/);
    assert.deepEqual(clock.pendingDelaysMs, []);
  });

  it('does not begin work for a caller that has already given up', async () => {
    const clock = new FakeClock();
    let begun = 0;
    const work = withDeadline(clock, 1000, AbortSignal.abort(new Error('the program stops')), async () => {
      begun += 1;
      await settle();
    });
    await assert.rejects(work, /the program stops/);
    assert.equal(begun, 0);
  });
});
