import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FOLLOWED_MS, MAX_KEPT, SHARED_MS, UNCHANGED_MS } from '../../src/status/status-pages.ts';
import { buildIdentity } from '../support/sample-events.ts';
import { addCustomers, createStatusStage, type StatusStage } from '../support/status-stage.ts';

/** A page that is open: it asks again, with the tag of what it has. */
class Viewer {
  readonly #pages: StatusStage['pages'];
  readonly #search: string;
  #tag: string;
  body: string;

  constructor({ pages }: StatusStage, search = '') {
    const { status, headers, body } = pages.page(search);
    assert.equal(status, 200);
    this.#pages = pages;
    this.#search = search;
    this.#tag = headers['etag'] ?? '';
    this.body = body;
    assert.ok(body.includes(`data-tag="${this.#tag.replaceAll('"', '&quot;')}"`), 'the script knows the tag');
  }

  poll(): number {
    const { status, headers, body } = this.#pages.page(this.#search, this.#tag);
    assert.equal(status === 200, body.startsWith('<!doctype html>'));
    if (status !== 200) return status;
    this.#tag = headers['etag'] ?? '';
    this.body = body;
    return status;
  }
}

/** A stage with a token, that counts how many rows were made. */
function setUp() {
  const seen = { rows: 0 };
  const stage = createStatusStage();
  const { board } = stage;
  const lookUp = board.provider.bind(board);
  // Each row looks its provider up.
  board.provider = (name) => {
    seen.rows += 1;
    return lookUp(name);
  };
  stage.refresh(buildIdentity('pik'));
  return { stage, seen };
}

describe('an open page that polls', () => {
  it('is told what has changed', async () => {
    const { stage } = setUp();
    const viewer = new Viewer(stage, '?sort=name');
    stage.fail(buildIdentity('pik'), { message: '<b>bold</b>' });
    await stage.clock.advance(SHARED_MS);
    assert.equal(viewer.poll(), 200);
    assert.match(viewer.body, /&lt;b&gt;bold/);
    assert.match(viewer.body, /The one token cannot be refreshed/);
    assert.equal(viewer.poll(), 304);
  });

  it('is told nothing while nothing changes but time', async () => {
    const { stage } = setUp();
    const viewer = new Viewer(stage);
    for (let n = 0; n < 60; n += 1) {
      await stage.clock.advance(2_000);
      assert.equal(viewer.poll(), 304);
    }
  });

  it('is told that the clock was set, although nothing else has changed', async () => {
    const { stage } = setUp();
    const viewer = new Viewer(stage);
    stage.clock.jumpWallTime(-60_000);
    await stage.clock.advance(UNCHANGED_MS);
    assert.equal(viewer.poll(), 200);
    assert.equal(viewer.poll(), 304);
  });

  it('is told of a token that expires although nothing happens', async () => {
    const stage = createStatusStage();
    stage.refresh(buildIdentity('pik'), 10_000);
    const viewer = new Viewer(stage);
    await stage.clock.advance(10_000 + UNCHANGED_MS);
    assert.equal(viewer.poll(), 200);
    assert.match(viewer.body, /The one token is expired/);
  });

  it('costs one rendering a second for all viewers of ten thousand tokens, and none while nothing happens', async () => {
    const { stage, seen } = setUp();
    addCustomers(stage, 10_000);
    const viewer = new Viewer(stage, '?size=200&sort=name');
    assert.ok(viewer.body.length < 1_000_000, 'a page, not all of them');
    const viewers = [viewer];
    for (let n = 1; n < 50; n += 1) {
      await stage.clock.advance(200);
      viewers.push(new Viewer(stage, '?size=200&sort=name'));
    }
    seen.rows = 0;
    for (let second = 0; second < 4; second += 1) {
      for (let n = 0; n < 20; n += 1) stage.refresh(buildIdentity(`pik-${n}`));
      await stage.clock.advance(1_000);
      for (const each of viewers) assert.equal(each.poll(), 200);
    }
    assert.equal(seen.rows, 4 * 200);
    await stage.clock.advance(UNCHANGED_MS - 1);
    for (const each of viewers) assert.equal(each.poll(), 304);
    assert.equal(seen.rows, 4 * 200);
  });

  it('is rendered less often the more queries are followed, each in its turn', async () => {
    const { stage } = setUp();
    const viewers = Array.from({ length: MAX_KEPT }, (_, n) => new Viewer(stage, `?size=${n + 1}`));
    const told = viewers.map(() => 0);
    for (let second = 0; second < 20; second += 1) {
      stage.refresh(buildIdentity('pik'));
      await stage.clock.advance(1_000);
      for (const [n, viewer] of viewers.entries()) if (viewer.poll() === 200) told[n] = (told[n] ?? 0) + 1;
    }
    assert.deepEqual(new Set(told), new Set([5]));
    // Those that nobody follows any more count no more.
    for (let second = 0; second <= FOLLOWED_MS / 1_000; second += 1) {
      await stage.clock.advance(1_000);
      viewers[0]?.poll();
    }
    stage.refresh(buildIdentity('pik'));
    await stage.clock.advance(SHARED_MS);
    assert.equal(viewers[0]?.poll(), 200);
  });

  it('stays live while others load other pages without pause', async () => {
    const { stage } = setUp();
    const viewer = new Viewer(stage);
    for (let second = 0; second < 60; second += 4) {
      stage.refresh(buildIdentity('pik'));
      for (let n = 0; n < 4; n += 1) {
        for (let size = 1; size < 50; size += 1) stage.pages.page(`?size=${(size + second) % 200 || 200}`);
        assert.equal(stage.pages.page('').status, 503);
        await stage.clock.advance(1_000);
        assert.notEqual(viewer.poll(), 503);
      }
      assert.match(viewer.body, new RegExp(`generation ${2 + second / 4}<`));
    }
  });

  it('is rendered anew when too many others were asked for since', async () => {
    const { stage, seen } = setUp();
    const first = new Viewer(stage, '?size=1');
    for (let n = 2; n <= MAX_KEPT; n += 1) stage.pages.page(`?size=${n}`);
    await stage.clock.advance(1_000);
    seen.rows = 0;
    first.poll();
    assert.equal(seen.rows, 0);
    for (let n = 0; n < MAX_KEPT; n += 1) {
      await stage.clock.advance(200);
      stage.pages.page(`?size=${100 + n}`);
    }
    seen.rows = 0;
    first.poll();
    assert.equal(seen.rows, 1);
  });
});
