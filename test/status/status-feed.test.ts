import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isJsonObject, parseJson } from '../../src/core/wire/json.ts';
import {
  BEAT_MS,
  LOOK_ANYWAY_MS,
  LOOK_MS,
  MOST_READERS,
  MOST_TOLD,
  STALLED_MS,
} from '../../src/status/status-feed.ts';
import { buildIdentity } from '../support/sample-events.ts';
import { addCustomers, createStatusStage, type StatusStage } from '../support/status-stage.ts';

class Reader {
  readonly sent: string[] = [];
  isSlow = false;
  isDropped = false;
  readonly send = (text: string): void => void this.sent.push(text);
  readonly isBehind = (): boolean => this.isSlow;
  readonly drop = (): void => {
    this.isDropped = true;
  };

  /** Views since the last call. */
  take(): readonly Readonly<Record<string, unknown>>[] {
    return this.sent.splice(0).flatMap((text) => {
      const [, data = ''] = /^event: view\ndata: ([^\n]*)\n\n$/.exec(text) ?? [];
      const change = parseJson(data);
      return isJsonObject(change) ? [change] : [];
    });
  }
}

function look(stage: StatusStage, search = ''): { reader: Reader; leave: () => void } {
  const reader = new Reader();
  const feed = stage.pages.events(search);
  assert.equal(feed.kind, 'open');
  return { reader, leave: feed.kind === 'open' ? feed.add(reader) : () => undefined };
}

describe('StatusFeed', () => {
  it('tells the whole view at once, and then what changes', async () => {
    const stage = createStatusStage();
    stage.refresh(buildIdentity('pik'));
    stage.refresh(buildIdentity('apimw'));
    const { reader, leave } = look(stage, '?sort=name');
    const [first] = reader.take();
    assert.deepEqual(first?.['order'], ['apimw', 'pik']);
    assert.equal(Object.keys(Object(first?.['regions'])).length, 5);
    stage.fail(buildIdentity('pik'), { message: '<b>bold</b>' });
    await stage.clock.advance(LOOK_MS);
    const [change] = reader.take();
    const rows = change?.['rows'];
    assert.ok(Array.isArray(rows) && rows.length === 1);
    assert.match(JSON.stringify(rows), /&lt;b&gt;bold/);
    assert.deepEqual(Object.keys(Object(change?.['regions'])), ['headline', 'states', 'providers']);
    leave();
  });

  it('says nothing while nothing changes but time, except that it is still there', async () => {
    const stage = createStatusStage();
    stage.refresh(buildIdentity('pik'));
    const { reader, leave } = look(stage);
    reader.take();
    await stage.clock.advance(BEAT_MS + LOOK_MS);
    assert.deepEqual(reader.sent, [': still here\n\n']);
    leave();
  });

  it('tells of a token that expires although nothing happens', async () => {
    const stage = createStatusStage();
    stage.refresh(buildIdentity('pik'), 10_000);
    const { reader, leave } = look(stage);
    reader.take();
    await stage.clock.advance(10_000 + LOOK_ANYWAY_MS);
    assert.match(JSON.stringify(reader.take()), /1 of 1 token needs attention: 1 expired/);
    leave();
  });

  it('keeps one message for a slow reader, and tells it in one what it has missed', async () => {
    const stage = createStatusStage();
    const { reader, leave } = look(stage);
    reader.take();
    reader.isSlow = true;
    for (const name of ['pik', 'apimw', 'pivot']) {
      stage.refresh(buildIdentity(name));
      await stage.clock.advance(LOOK_MS);
    }
    assert.deepEqual(reader.sent, []);
    reader.isSlow = false;
    await stage.clock.advance(LOOK_MS);
    assert.deepEqual(
      reader.take().map((change) => change['order']),
      [['pik', 'apimw', 'pivot']],
    );
    leave();
  });

  it('drops a reader that takes nothing for long, and serves the others', async () => {
    const stage = createStatusStage();
    const slow = look(stage);
    const quick = look(stage);
    slow.reader.isSlow = true;
    await stage.clock.advance(STALLED_MS);
    assert.equal(slow.reader.isDropped, false);
    await stage.clock.advance(2 * LOOK_MS);
    assert.equal(slow.reader.isDropped, true);
    assert.equal(quick.reader.isDropped, false);
    quick.leave();
  });

  it('takes a bounded number of readers, and does nothing when the last one has gone', async () => {
    const stage = createStatusStage();
    const leaves: (() => void)[] = [];
    for (let n = 0; n < MOST_READERS; n += 1) {
      leaves.push(look(stage).leave);
      await stage.clock.advance(LOOK_MS);
    }
    const refused = stage.pages.events('');
    assert.equal(refused.kind === 'refused' ? refused.answer.status : 200, 503);
    for (const leave of leaves) leave();
    assert.deepEqual(stage.clock.pendingDelaysMs, []);
    look(stage).leave();
  });

  it('tells a few at a time, each in its turn', async () => {
    const stage = createStatusStage();
    const looks = Array.from({ length: 2 * MOST_TOLD + 1 }, () => look(stage));
    for (const { reader } of looks) reader.take();
    stage.refresh(buildIdentity('pik'));
    const told: number[] = [];
    for (let n = 0; n < 4; n += 1) {
      await stage.clock.advance(LOOK_MS);
      told.push(looks.filter(({ reader }) => reader.take().length > 0).length);
    }
    assert.deepEqual(told, [MOST_TOLD, MOST_TOLD, 1, 0]);
    for (const { leave } of looks) leave();
  });

  it('sends a page of ten thousand tokens, not all of them', async () => {
    const stage = createStatusStage();
    addCustomers(stage, 10_000);
    const { reader, leave } = look(stage, '?size=200');
    assert.ok(reader.sent.join('').length < 1_000_000);
    const order = reader.take()[0]?.['order'];
    assert.equal(Array.isArray(order) && order.length, 200);
    leave();
  });
});
