import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { describe, it } from 'node:test';
import { isFreeOnLoopback, listenOnLoopback } from '../../src/sandbox/listen.ts';

describe('listenOnLoopback', () => {
  it('takes the port that it is given, and any free one where another program has that', async () => {
    const [first, second] = [createServer(), createServer()];
    const port = await listenOnLoopback(first);
    assert.equal(await isFreeOnLoopback(port), false);
    const other = await listenOnLoopback(second, port);
    assert.notEqual(other, port);
    for (const server of [first, second]) {
      server.close();
      await once(server, 'close');
    }
    assert.equal(await isFreeOnLoopback(port), true);
    assert.equal(await listenOnLoopback(first, port), port);
    first.close();
    await once(first, 'close');
  });
});
