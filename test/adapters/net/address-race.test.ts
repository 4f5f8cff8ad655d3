import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { connectToFirst } from '../../../src/adapters/net/address-race.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { findFreePort } from '../../support/free-port.ts';
import { startRawServer } from '../../support/raw-server.ts';

const { signal } = new AbortController();
/** A whole network for documentation (RFC 5737): what goes there is never answered, or refused by the nearest router. */
const DEAD = '192.0.2.1';

async function race(t: TestContext, addresses: readonly string[], port: number, clock = new FakeClock()) {
  const socket = await connectToFirst(addresses, port, clock, signal);
  t.after(() => socket.destroy());
  return socket.remoteAddress;
}

describe('of several addresses', () => {
  it('the first that answers is taken', async (t) => {
    const { port } = await startRawServer(t, () => undefined);
    assert.equal(await race(t, ['127.0.0.1', '127.0.0.2'], port), '127.0.0.1');
  });

  // On a port that the kernel gives to nobody: a server of another process may have any other one on 127.0.0.1.
  it('one that refuses gives way to the next at once', async (t) => {
    const { port } = await startRawServer(t, () => undefined, '127.0.0.2', await findFreePort());
    const clock = new FakeClock();
    assert.equal(await race(t, ['127.0.0.1', '::1', '127.0.0.2'], port, clock), '127.0.0.2');
    assert.deepEqual(clock.pendingDelaysMs, []);
  });

  it('a dead one gives way to the next after a quarter of a second', async (t) => {
    const { port } = await startRawServer(t, () => undefined);
    const clock = new FakeClock();
    const racing = race(t, [DEAD, '127.0.0.1'], port, clock);
    // Where it is refused at once, nobody has to wait.
    await Promise.race([clock.untilSleeping((ms) => ms === 250).then(() => clock.advance(250)), racing]);
    assert.equal(await racing, '127.0.0.1');
    assert.deepEqual(clock.pendingDelaysMs, []);
  });

  it('none that answers is the fault of the first', async (t) => {
    const { port } = await startRawServer(t, () => undefined, '127.0.0.3', await findFreePort());
    await assert.rejects(race(t, ['127.0.0.1', '127.0.0.2'], port), {
      code: 'ECONNREFUSED',
      address: '127.0.0.1',
    });
  });

  it('none is tried any more when the caller has given up', async (t) => {
    const clock = new FakeClock();
    const stopping = new AbortController();
    const { port } = await startRawServer(t, () => undefined);
    const racing = connectToFirst([DEAD, '127.0.0.1'], port, clock, stopping.signal);
    stopping.abort(new Error('enough'));
    await assert.rejects(racing, /enough/);
    assert.deepEqual(clock.pendingDelaysMs, []);
  });
});
