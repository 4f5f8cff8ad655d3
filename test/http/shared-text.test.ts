import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { shareText } from '../../src/http/shared-text.ts';
import { FakeClock } from '../support/fake-clock.ts';

function setUp({ takesMs = 0 } = {}) {
  const clock = new FakeClock();
  let made = 0;
  const shared = shareText(async () => {
    made += 1;
    if (takesMs > 0) await clock.sleep(takesMs);
    return `text ${made}`;
  }, clock);
  return { clock, shared, made: () => made, get: async () => String(await shared()) };
}

describe('shareText', () => {
  it('is made once for all who ask within a second', async () => {
    const { clock, get, made } = setUp();
    assert.deepEqual(await Promise.all([get(), get(), get()]), ['text 1', 'text 1', 'text 1']);
    await clock.advance(999);
    assert.equal(await get(), 'text 1');
    await clock.advance(1);
    assert.equal(await get(), 'text 2');
    assert.equal(made(), 2);
  });

  it('is in the making once, and kept for twenty times as long as that takes', async () => {
    const { clock, get, made } = setUp({ takesMs: 300 });
    const first = [get(), get()];
    await clock.advance(299);
    first.push(get());
    await clock.advance(1);
    assert.deepEqual(await Promise.all(first), ['text 1', 'text 1', 'text 1']);
    await clock.advance(5_999);
    assert.equal(await get(), 'text 1');
    await clock.advance(1);
    const second = get();
    await clock.advance(300);
    assert.equal(await second, 'text 2');
    assert.equal(made(), 2);
  });

  it('passes a failure on to those who waited, and to nobody else', async () => {
    let fails = true;
    const shared = shareText(async () => {
      if (fails) throw new Error('a bug');
      return 'text';
    }, new FakeClock());
    await Promise.all([assert.rejects(shared()), assert.rejects(shared())]);
    fails = false;
    assert.equal(String(await shared()), 'text');
  });
});
