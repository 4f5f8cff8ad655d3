import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CredentialWatch, LOOK_EVERY_MS } from '../../src/credentials/credential-watch.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';

const NEVER = new AbortController().signal;

function createBench() {
  const clock = new FakeClock();
  const values = new Map<string, string | undefined>();
  const looks: string[] = [];
  const watch = new CredentialWatch({
    look: async (reference) => {
      looks.push(reference);
      return values.get(reference);
    },
    clock,
  });
  const woken: string[] = [];
  const wait = (
    name: string,
    seen: Readonly<Record<string, string | undefined>>,
    signal: AbortSignal = NEVER,
  ): void => {
    watch.untilChanged(new Map(Object.entries(seen)), signal).then(
      () => woken.push(name),
      () => woken.push(`${name} gave up`),
    );
  };
  return { clock, values, looks, watch, woken, wait };
}

describe('CredentialWatch', () => {
  it('looks once for a thousand who wait, and wakes all of them within one interval', async () => {
    const { clock, values, looks, woken, wait } = createBench();
    values.set('file key.pem', 'old');
    for (let token = 0; token < 1000; token += 1) {
      wait(`token ${token}`, { 'file key.pem': 'old' });
      await clock.advance(3);
    }
    await clock.advance(20 * LOOK_EVERY_MS);
    assert.equal(looks.length, 20);
    assert.equal(woken.length, 0);
    assert.equal(clock.pendingDelaysMs.length, 1);
    values.set('file key.pem', 'new');
    await clock.advance(LOOK_EVERY_MS);
    assert.equal(looks.length, 21);
    assert.equal(woken.length, 1000);
    assert.deepEqual(clock.pendingDelaysMs, [], 'nothing is watched any more');
  });

  it('wakes who has seen something older than the last look, not only at a change between two looks', async () => {
    const { clock, values, woken, wait } = createBench();
    values.set('secret app', 'new');
    wait('up to date', { 'secret app': 'new' });
    await clock.advance(LOOK_EVERY_MS);
    wait('behind', { 'secret app': 'old' });
    await clock.advance(LOOK_EVERY_MS);
    assert.deepEqual(woken, ['behind']);
  });

  it('wakes those only whose own references differ', async () => {
    const { clock, values, woken, wait } = createBench();
    for (const name of ['a', 'b', 'shared']) values.set(name, 'old');
    wait('of a', { a: 'old', shared: 'old' });
    wait('of b', { b: 'old', shared: 'old' });
    values.set('b', 'new');
    await clock.advance(LOOK_EVERY_MS);
    assert.deepEqual(woken, ['of b']);
    values.set('shared', 'new');
    await clock.advance(LOOK_EVERY_MS);
    assert.deepEqual(woken, ['of b', 'of a']);
  });

  it('learns nothing from a look that could not tell', async () => {
    const { clock, values, woken, wait } = createBench();
    values.set('secret app', undefined);
    wait('token', { 'secret app': 'old' });
    await clock.advance(10 * LOOK_EVERY_MS);
    assert.deepEqual(woken, []);
    values.set('secret app', 'old');
    await clock.advance(LOOK_EVERY_MS);
    assert.deepEqual(woken, []);
  });

  it('wakes who could not tell what it saw as soon as there is something to see', async () => {
    const { clock, values, woken, wait } = createBench();
    wait('token', { 'secret app': undefined });
    await clock.advance(LOOK_EVERY_MS);
    values.set('secret app', 'text');
    await clock.advance(LOOK_EVERY_MS);
    assert.deepEqual(woken, ['token']);
  });

  it('forgets who gives up, and ends when nobody waits', async () => {
    const { clock, values, looks, woken, wait } = createBench();
    values.set('file key.pem', 'old');
    const term = new AbortController();
    wait('token', { 'file key.pem': 'old' }, term.signal);
    await clock.advance(LOOK_EVERY_MS);
    term.abort(new Error('the program stops'));
    await settle();
    assert.deepEqual(woken, ['token gave up']);
    assert.deepEqual(clock.pendingDelaysMs, []);
    wait('later', { 'file key.pem': 'old' });
    await clock.advance(LOOK_EVERY_MS);
    assert.equal(looks.length, 2, 'and begins anew');
  });

  it('looks at no more than 250 references a round, the shared ones at each, the others in turn', async () => {
    const { clock, values, looks, woken, wait } = createBench();
    values.set('shared', 'old');
    for (let token = 0; token < 1000; token += 1) {
      values.set(`own ${token}`, 'old');
      wait(`token ${token}`, { shared: 'old', [`own ${token}`]: 'old' });
    }
    for (let round = 1; round <= 5; round += 1) {
      await clock.advance(LOOK_EVERY_MS);
      assert.equal(looks.length, round * 250);
      assert.equal(looks.filter((reference) => reference === 'shared').length, round);
    }
    assert.equal(new Set(looks).size, 1001, 'all of them within five rounds');
    values.set('shared', 'new');
    await clock.advance(LOOK_EVERY_MS);
    assert.equal(woken.length, 1000);
  });

  it('has nothing to wait for without references', async () => {
    const { clock, woken, wait } = createBench();
    const term = new AbortController();
    wait('token', {}, term.signal);
    await clock.advance(10 * LOOK_EVERY_MS);
    assert.deepEqual(woken, []);
    term.abort();
    await settle();
    assert.deepEqual(woken, ['token gave up']);
  });
});
