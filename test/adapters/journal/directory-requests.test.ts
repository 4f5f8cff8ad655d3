import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { DirectoryRequests } from '../../../src/adapters/journal/directory-requests.ts';
import { errnoOf } from '../../../src/core/file-error.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { createPrivateFolder } from '../../support/private-folder.ts';

/** A process that has the turn, and is stopped; so many have knocked since that the kernel takes no more. */
async function stopWhoHasTurn(t: TestContext, path: string): Promise<void> {
  const script = `require('net').createServer().listen({ path: ${JSON.stringify(path)}, backlog: 1 }, () => {
    require('fs').writeSync(1, 'listening');
    process.kill(process.pid, 'SIGSTOP');
  })`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  for (let knocks = 0; knocks < 100; knocks += 1) {
    const socket = createConnection({ path });
    t.after(() => socket.destroy());
    try {
      await once(socket, 'connect');
    } catch (error) {
      assert.equal(errnoOf(error), 'EAGAIN');
      return;
    }
  }
  assert.fail('the queue is never full');
}

describe('DirectoryRequests', () => {
  it('One at a time: the turn of a process that is stopped is not taken, however many have knocked', async (t) => {
    const path = await createPrivateFolder(t);
    await stopWhoHasTurn(t, join(path, '.requests'));
    const clock = new FakeClock();
    const giveUp = new AbortController();
    const turn = new DirectoryRequests(path, clock);
    t.after(() => turn.release());
    const outcome = await Promise.race([
      turn.take(undefined, giveUp.signal).then(() => 'taken'),
      clock.untilSleeping().then(() => 'waits'),
    ]);
    giveUp.abort();
    assert.equal(outcome, 'waits');
  });
});
