import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TokenBoard } from '../../src/board/token-board.ts';
import type { RefreshEvent } from '../../src/core/events.ts';
import { createLiveTable, type LiveTableFrame, type LiveTableOptions } from '../../src/sandbox/live-table.ts';
import { FakeClock } from '../support/fake-clock.ts';
import {
  allSampleEvents,
  buildFailure,
  buildIdentity,
  NOON_MS,
  sampleEvents,
} from '../support/sample-events.ts';
import { Screen } from '../support/screen.ts';

const HEADING = 'TOKEN  LIFE LEFT                            NEXT  LAST RESULT            GEN';

function setUp(
  tokens = [buildIdentity()],
  { frame = {}, ...changes }: Partial<LiveTableOptions> & { readonly frame?: LiveTableFrame } = {},
) {
  const clock = new FakeClock(NOON_MS);
  const board = new TokenBoard(clock);
  board.registerTokens(tokens);
  const terminal = { screen: new Screen(80), columns: 80, writes: 0 };
  const table = createLiveTable({
    board,
    clock,
    write: (text) => {
      terminal.writes += 1;
      terminal.screen.write(text);
    },
    columns: () => terminal.columns,
    color: false,
    ...changes,
  });
  const stop = new AbortController();
  const running = table.run(stop.signal, frame);
  return {
    clock,
    terminal,
    table,
    tell: (event: RefreshEvent): void => {
      board.onEvent(event);
      table.onEvent(event);
    },
    lines: () => terminal.screen.lines,
    end: async () => {
      stop.abort();
      await running;
    },
  };
}

describe('createLiveTable', () => {
  it('shows the known tokens at once, and the heading once', async () => {
    const { lines, end } = setUp([buildIdentity(), buildIdentity('apimw')]);
    assert.deepEqual(lines(), [
      HEADING,
      'pik    ░░░░░░░░░░░░░░░░░░░░░░░░    none        -  waiting                  -',
      'apimw  ░░░░░░░░░░░░░░░░░░░░░░░░    none        -  waiting                  -',
    ]);
    await end();
  });

  it('draws again in place every second until it is stopped, and once more then', async () => {
    const { clock, terminal, tell, lines, end } = setUp();
    tell(sampleEvents['token-refreshed']);
    await clock.advance(1_000);
    assert.deepEqual(lines(), [
      HEADING,
      'pik    ████████████████████████ 29m 59s  27m 59s  refreshed                8',
      '',
      'NEWS',
      '12:00:00 UTC pik: refreshed in 180 ms, generation 8',
    ]);
    await clock.advance(900_000);
    assert.equal(lines()[1], 'pik    ████████████░░░░░░░░░░░░ 14m 59s  12m 59s  refreshed                8');
    assert.equal(terminal.writes, 902);
    await end();
    assert.equal(terminal.writes, 903);
    assert.deepEqual(clock.pendingDelaysMs, []);
  });

  it('follows a token through absence, failure, expiry and recovery', async () => {
    const { clock, tell, lines, end } = setUp();
    const row = async () => {
      await clock.advance(1_000);
      return lines()[1]?.replace(/[█░]+/, '|');
    };
    tell(sampleEvents['token-absent']);
    assert.equal(await row(), 'pik    |    none        -  absent                   -');
    tell(sampleEvents['refresh-started']);
    assert.equal(await row(), 'pik    |    none        -  refreshing               -');
    tell(sampleEvents['token-refreshed']);
    tell({ ...sampleEvents['refresh-failed'], nextAttemptAtMs: NOON_MS + 63_000 });
    assert.equal(await row(), 'pik    |  1m 57s   1m 00s  provider-unavailable     8');
    tell(sampleEvents['refresh-started']);
    await clock.advance(117_000);
    assert.equal(await row(), 'pik    | expired      now  provider-unavailable     8');
    tell({ ...sampleEvents['token-refreshed'], generation: 9 });
    assert.equal(await row(), 'pik    | 27m 58s  25m 58s  refreshed                9');
    tell(sampleEvents['token-unchanged']);
    assert.equal(await row(), 'pik    | expired      now  unchanged                9');
    await end();
  });

  it('adds a row for a token that it was not told of', async () => {
    const { clock, tell, lines, end } = setUp();
    tell({ ...sampleEvents['token-restored'], identity: buildIdentity('pivot/one') });
    await clock.advance(1_000);
    assert.match(lines()[2] ?? '', /^pivot\/one .* restored +7$/);
    await end();
  });

  it('keeps the newest six news, one for a failure however often it repeats', async () => {
    const { clock, tell, lines, end } = setUp();
    for (let generation = 1; generation <= 7; generation += 1) {
      tell({ ...sampleEvents['token-refreshed'], generation });
    }
    const failed = {
      ...sampleEvents['refresh-failed'],
      failure: buildFailure({ message: 'status 503\u001b[2J\n: will be tried again' }),
    };
    tell(failed);
    for (let attempt = 2; attempt < 9; attempt += 1) tell({ ...failed, attempt, repeated: true });
    await clock.advance(1_000);
    assert.deepEqual(lines().slice(3), [
      'FAILING NOW',
      'pik: provider-unavailable: status 503 [2J : will be tried again',
      '',
      'NEWS',
      ...[3, 4, 5, 6, 7].map(
        (generation) => `12:00:00 UTC pik: refreshed in 180 ms, generation ${generation}`,
      ),
      '12:00:00 UTC pik: refresh failed, provider-unavailable',
    ]);
    await end();
  });

  it('shows the latest alerts as they come, between introduction and footer', async () => {
    const { clock, table, lines, end } = setUp(undefined, {
      frame: { introduction: 'sandbox\n\n', footer: 'Ctrl-C ends it' },
    });
    for (const name of ['one', 'two', 'three', 'four']) table.onAlert(`*${name}*\nwhat to do about ${name}`);
    await clock.advance(1_000);
    assert.deepEqual(lines(), [
      'sandbox',
      '',
      HEADING,
      'pik    ░░░░░░░░░░░░░░░░░░░░░░░░    none        -  waiting                  -',
      '',
      'ALERTS, as your Slack channel would get them',
      '12:00:00 UTC *two*',
      '12:00:00 UTC *three*',
      '12:00:00 UTC *four*',
      '             what to do about four',
      '',
      'Ctrl-C ends it',
    ]);
    await end();
  });

  it('takes every event', async () => {
    const { clock, tell, lines, end } = setUp();
    for (const event of allSampleEvents) tell(event);
    await clock.advance(1_000);
    assert.ok(lines().some((line) => line.includes('the wall clock jumped back by 1h 00m')));
    await end();
  });

  for (const { columns } of [{ columns: 40 }, { columns: 79 }, { columns: 120 }]) {
    it(`draws on a clean screen, at once, when the terminal is resized from 80 to ${columns} columns`, async () => {
      const { clock, terminal, table, tell, lines, end } = setUp(undefined, {
        frame: { introduction: 'sandbox\n\n' },
        lines: () => 40,
      });
      tell(sampleEvents['refresh-failed']);
      await clock.advance(1_000);
      terminal.columns = columns;
      terminal.screen = terminal.screen.resizedTo(columns);
      table.onScreenChange('resized');
      const shown = lines();
      assert.deepEqual(shown.slice(0, 2), ['sandbox', '']);
      assert.equal(shown.filter((line) => line.startsWith('TOKEN')).length, 1);
      assert.ok(shown.every((line) => line.length <= columns));
      await clock.advance(1_000);
      assert.equal(lines().length, shown.length);
      await end();
    });
  }

  it('leaves the introduction out of a clean screen where it would be scrolled away', async () => {
    const { table, lines, end } = setUp(undefined, {
      frame: { introduction: 'sandbox\n'.repeat(8) },
      lines: () => 10,
    });
    table.onScreenChange('resized');
    assert.equal(lines()[0], HEADING);
    await end();
  });

  it('draws below what a shell has written while the program was stopped', async () => {
    const { clock, terminal, table, lines, end } = setUp();
    terminal.screen.write('^Z\n[1]+  Stopped\n$ fg\nnpm start\n');
    table.onScreenChange('continued');
    await clock.advance(2_000);
    const shown = lines().map((line) => line.replace(/ .*/, ''));
    assert.deepEqual(shown, ['TOKEN', 'pik', '^Z', '[1]+', '$', 'npm', 'TOKEN', 'pik']);
    await end();
  });

  it('hears of a change before it draws when it wakes up late', async () => {
    const told = Promise.withResolvers<void>();
    const { clock, terminal, table, lines, end } = setUp(undefined, { changesHeard: () => told.promise });
    terminal.screen.write('$ fg\n');
    await clock.advance(1_000);
    table.onScreenChange('continued');
    told.resolve();
    await clock.advance(1_000);
    assert.deepEqual(
      lines().map((line) => line.replace(/ .*/, '')),
      ['TOKEN', 'pik', '$', 'TOKEN', 'pik'],
    );
    await end();
  });

  it('leaves the screen alone once it has ended', async () => {
    const { terminal, table, end } = setUp();
    await end();
    const { writes } = terminal;
    table.onScreenChange('resized');
    assert.equal(terminal.writes, writes);
  });

  it('takes 80 columns where the terminal does not say', async () => {
    const { lines, end } = setUp(undefined, { columns: () => undefined });
    assert.equal(lines()[0], HEADING);
    await end();
  });

  it('never fills more than the height: the oldest news go first, then rows', async () => {
    const tokens = ['a', 'b', 'c', 'd', 'e'].map((token) => buildIdentity(token));
    let height = 11;
    const { clock, tell, lines, end } = setUp(tokens, { lines: () => height });
    for (const generation of [1, 2, 3])
      tell({ ...sampleEvents['token-refreshed'], identity: buildIdentity('a'), generation });
    await clock.advance(1_000);
    assert.equal(lines().length, 10);
    assert.deepEqual(
      lines()
        .slice(7)
        .map((line) => line.slice(-12)),
      ['NEWS', 'generation 2', 'generation 3'],
    );
    height = 5;
    await clock.advance(1_000);
    assert.equal(lines().length, 4);
    assert.equal(lines()[3], 'and 3 more');
    await end();
  });
});
