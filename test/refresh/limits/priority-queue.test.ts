import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, it } from 'node:test';
import { PriorityQueue } from '../../../src/refresh/limits/priority-queue.ts';
import { settle } from '../../support/fake-clock.ts';
import { fc } from '../../support/property.ts';

const NEVER = new AbortController().signal;

describe('PriorityQueue', () => {
  it('calls the lowest priority first and equals in the order in which they came, whoever gives up', async () => {
    const arrivals = fc.array(
      fc.record({ priority: fc.integer({ min: 0, max: 5 }), givesUp: fc.boolean() }),
      { maxLength: 60 },
    );
    await fc.assert(
      fc.asyncProperty(arrivals, async (all) => {
        const line = new PriorityQueue();
        const called: number[] = [];
        const dismissed: number[] = [];
        const impatience = all.map(() => new AbortController());
        for (const [index, { priority }] of all.entries()) {
          line.join(priority, impatience[index]?.signal ?? NEVER).then(
            () => called.push(index),
            () => dismissed.push(index),
          );
        }
        for (const [index, { givesUp }] of all.entries()) if (givesUp) impatience[index]?.abort();
        const staying = [...all.entries()].filter(([, { givesUp }]) => !givesUp);
        assert.equal(line.length, staying.length, 'who gives up leaves no place behind');
        while (line.callNext());
        await settle();
        const expected = staying.toSorted(([, a], [, b]) => a.priority - b.priority).map(([index]) => index);
        assert.deepEqual(called, expected);
        assert.equal(dismissed.length, all.length - staying.length);
      }),
      { numRuns: 50 },
    );
  });

  it('holds ten thousand who wait with one signal, and lets all of them go with it', async () => {
    const line = new PriorityQueue();
    const term = new AbortController();
    const waits = Array.from({ length: 10_000 }, (_, index) => line.join(index % 97, term.signal));
    assert.equal(line.length, 10_000);
    assert.equal(getEventListeners(term.signal, 'abort').length, 1, 'a signal walks past its listeners');
    for (let called = 0; called < 4000; called += 1) line.callNext();
    term.abort(new Error('the term ends'));
    const ends = await Promise.allSettled(waits);
    assert.equal(line.length, 0);
    assert.equal(ends.filter(({ status }) => status === 'fulfilled').length, 4000);
    const first = ends.find((end) => end.status === 'rejected');
    assert.match(String(first?.reason), /the term ends/);
    assert.equal(getEventListeners(term.signal, 'abort').length, 0);
  });

  it('turns away who comes with an aborted signal', async () => {
    const line = new PriorityQueue();
    await assert.rejects(
      line.join(1, AbortSignal.abort(new Error('the program stops'))),
      /the program stops/,
    );
    assert.equal(line.length, 0);
  });

  it('runs what belongs to a call within the call', () => {
    const line = new PriorityQueue();
    const seen: string[] = [];
    void line.join(1, NEVER, () => seen.push('called'));
    line.callNext();
    seen.push('after');
    assert.deepEqual(seen, ['called', 'after']);
  });
});
