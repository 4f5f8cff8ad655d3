import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createAnswerPace } from '../../src/http/answer-pace.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';

function setUp() {
  const clock = new FakeClock();
  const takeTurn = createAnswerPace({ clock, onFault: (error) => assert.fail(String(error)) });
  const sent: string[] = [];
  const gone = new Set<string>();
  const ask = (name: string): void => {
    void takeTurn(() => gone.has(name)).then(() => sent.push(name));
  };
  return { clock, sent, gone, ask };
}

describe('createAnswerPace', () => {
  it('lets nobody wait who asks when no other does', async () => {
    const { clock, sent, ask } = setUp();
    for (const name of ['a', 'b', 'c']) {
      ask(name);
      await settle();
      await clock.advance(50);
    }
    assert.deepEqual(sent, ['a', 'b', 'c']);
    assert.deepEqual(clock.pendingDelaysMs, []);
  });

  it('lets many go in their order, one in 50 ms, and passes over those that have gone', async () => {
    const { clock, sent, gone, ask } = setUp();
    for (const name of ['a', 'b', 'c', 'd', 'e']) ask(name);
    gone.add('b').add('c');
    await settle();
    assert.deepEqual(sent, ['a']);
    await clock.advance(50);
    assert.deepEqual(sent, ['a', 'd']);
    ask('f');
    await clock.advance(100);
    assert.deepEqual(sent, ['a', 'd', 'e', 'f']);
    assert.deepEqual(clock.pendingDelaysMs, []);
  });

  it('ends when all have gone', async () => {
    const { clock, sent, gone, ask } = setUp();
    for (const name of ['a', 'b', 'c']) ask(name);
    gone.add('b').add('c');
    await clock.advance(50);
    assert.deepEqual(sent, ['a']);
    assert.deepEqual(clock.pendingDelaysMs, []);
  });
});
