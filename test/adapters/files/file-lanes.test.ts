import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FILE_LIMIT_MS, FileLanes } from '../../../src/adapters/files/file-lanes.ts';
import { errnoOf } from '../../../src/core/file-error.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';

const NEVER = new AbortController().signal;

/** Files of which those under /dead do not answer until they are woken. */
function createBench() {
  const clock = new FakeClock();
  const lanes = new FileLanes(clock);
  const begun: string[] = [];
  const hung = new Map<string, () => void>();
  const work = async (path: string): Promise<string> => {
    begun.push(path);
    if (path.startsWith('/dead')) await new Promise<void>((resolve) => hung.set(path, resolve));
    return path;
  };
  const read = (path: string, signal = NEVER): Promise<string> =>
    lanes.run(path, signal, () => work(path)).catch(errnoOf);
  return { clock, begun, hung, read };
}

describe('FileLanes', () => {
  it('Good neighbours: five files that hang hold two threads, and files of other folders are read at once', async () => {
    const { clock, begun, read } = createBench();
    const dead = [1, 2, 3, 4, 5].map((file) => read(`/dead/${file}`));
    assert.equal(await read('/run/secret'), '/run/secret');
    await clock.advance(FILE_LIMIT_MS);
    assert.deepEqual(
      await Promise.all(dead),
      Array.from(dead, () => 'ETIMEDOUT'),
    );
    assert.deepEqual(begun, ['/dead/1', '/dead/2', '/run/secret']);
    assert.equal(await read('/dead/6'), 'ETIMEDOUT', 'refused without a wait');
    assert.equal(await read('/run/secret'), '/run/secret');
  });

  it('Good neighbours: takes what was read while this process stood still for longer than its deadline', async () => {
    const timers: (() => void)[] = [];
    const sleep = (_: number, signal?: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        timers.push(resolve);
        signal?.addEventListener('abort', () => reject(new Error('over')), { once: true });
      });
    const lanes = new FileLanes({ sleep });
    let answer: ((text: string) => void) | undefined;
    const read = lanes.run('/run/secret', NEVER, () => new Promise<string>((resolve) => (answer = resolve)));
    // Each timer that was set before fires once, however late; the file's answer comes after that.
    for (const fire of timers.splice(0)) fire();
    await settle();
    answer?.('the secret');
    assert.equal(await read, 'the secret');
  });

  it('never has two reads of one file outstanding, also when the first was given up, and reads it anew afterwards', async () => {
    const { clock, begun, hung, read } = createBench();
    const first = read('/dead/1');
    const beside = read('/dead/1');
    await clock.advance(FILE_LIMIT_MS);
    assert.deepEqual(
      [await first, await beside, await read('/dead/1')],
      ['ETIMEDOUT', 'ETIMEDOUT', 'ETIMEDOUT'],
    );
    assert.deepEqual(begun, ['/dead/1']);
    hung.get('/dead/1')?.();
    await settle();
    const next = read('/dead/1');
    await settle();
    hung.get('/dead/1')?.();
    assert.equal(await next, '/dead/1');
    assert.deepEqual(clock.pendingDelaysMs, []);
  });

  it('leaves a thread of the pool to everything else when several folders hang', async () => {
    const { clock, begun, hung, read } = createBench();
    const dead = ['/dead/a/1', '/dead/b/1', '/dead/c/1', '/dead/d/1'].map((path) => read(path));
    await clock.advance(FILE_LIMIT_MS);
    await Promise.all(dead);
    assert.equal(await read('/run/secret'), 'ETIMEDOUT');
    assert.deepEqual(begun, ['/dead/a/1', '/dead/b/1', '/dead/c/1']);
    hung.get('/dead/b/1')?.();
    await settle();
    assert.equal(await read('/run/secret'), '/run/secret');
  });

  it('keeps the place of a read that its caller has given up, and goes on with the next one', async () => {
    const { hung, read } = createBench();
    const stopping = new AbortController();
    const abandoned = read('/dead/1', stopping.signal);
    const queued = read('/dead/1');
    stopping.abort(new Error('the program stops'));
    assert.equal(await abandoned, 'unknown error');
    hung.get('/dead/1')?.();
    await settle();
    hung.get('/dead/1')?.();
    assert.equal(await queued, '/dead/1');
  });

  it('reads two thousand files one after the other', async () => {
    const { read, clock } = createBench();
    const paths = Array.from({ length: 2_000 }, (_, file) => `/run/${file}`);
    assert.deepEqual(await Promise.all(paths.map((path) => read(path))), paths);
    assert.deepEqual(clock.pendingDelaysMs, []);
  });

  it('hands on what the work rejects with', async () => {
    const lanes = new FileLanes(new FakeClock());
    const denied = Object.assign(new Error('no'), { code: 'EACCES' });
    await assert.rejects(
      lanes.run('/x', NEVER, () => Promise.reject(denied)),
      denied,
    );
  });
});
