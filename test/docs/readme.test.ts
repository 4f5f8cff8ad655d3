/** What the README shows is what the program does. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { ALERTS } from '../../src/core/alert.ts';
import { VERSION } from '../../src/core/version.ts';
import { formatUtc } from '../../src/core/wire/time-text.ts';
import { documentText } from '../support/document-text.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { createManagedTokenBench } from '../support/managed-token-bench.ts';
import { codeBlocks } from '../support/markdown-sections.ts';
import { PROJECT } from '../support/program-process.ts';
import { runInProcess } from '../support/program-terminal.ts';
import { buildFailure } from '../support/sample-events.ts';
import { HOUR_MS, MINUTE_MS } from '../support/token-builder.ts';

const README = documentText('README.md');
const [PICTURE = ''] = codeBlocks(README, '');
const FIRST = 'config/first.yaml';
/** From noon, when a {@link FakeClock} starts. */
const OUTAGE_ENDS_MS = 57.5 * MINUTE_MS;

const planSchema = z.tuple([
  z.object({ refreshEverySeconds: z.number(), marginSeconds: z.number(), cron: z.string() }),
]);

describe('the README', () => {
  it('begins with a configuration of twelve lines, the one in config/first.yaml', () => {
    const [shown = ''] = codeBlocks(README, 'yaml');
    assert.equal(shown.trim(), readFileSync(join(PROJECT, FIRST), 'utf8').trim());
    assert.equal(shown.trim().split('\n').length, 12);
  });

  it('shows the hour of a token as it would be', async () => {
    const { stdout } = await runInProcess(['plan', '--json', '--config', FIRST]);
    const [{ refreshEverySeconds, marginSeconds, cron }] = planSchema.parse(JSON.parse(stdout));
    assert.match(
      README,
      new RegExp(`every ${refreshEverySeconds / 60} minutes, which leaves ${marginSeconds / 60} minutes`),
    );
    const clock = new FakeClock();
    const startMs = clock.now();
    const time = (ms: number): string => formatUtc(ms).slice(11, 19);
    const bench = createManagedTokenBench(clock);
    bench.source.lifetimeMs = HOUR_MS;
    await bench.managed.refresh('start', bench.term);
    await clock.advance(refreshEverySeconds * 1000 + Number(cron.split(' ')[0]) * 1000);
    bench.source.outage = buildFailure();
    const firstFailure = time(clock.now());
    const run = bench.managed.refresh('due', bench.term);
    await settle();
    let isOver = false;
    while (!isOver) {
      const { nextAttemptAtMs } = bench.events.last('refresh-failed');
      isOver = nextAttemptAtMs - startMs > OUTAGE_ENDS_MS;
      if (isOver) bench.source.outage = undefined;
      await clock.advance(nextAttemptAtMs - clock.now());
    }
    assert.deepEqual(await run, { kind: 'refreshed' });
    const tries = bench.events.of('refresh-failed').length;
    assert.match(
      PICTURE,
      new RegExp(
        `^ +${time(startMs)} +${firstFailure} +${time(clock.now())} +${time(startMs + HOUR_MS)}$`,
        'm',
      ),
    );
    assert.match(PICTURE, new RegExp(`✗ ${tries} tries`));
  });

  it('quotes an alert in the words that alerts have', () => {
    const { meaning, over } = ALERTS.RefreshFailing;
    assert.match(PICTURE, new RegExp(`graph: ${meaning}; token expires 13:00:00 UTC, in 3m 48s$`, 'm'));
    assert.match(PICTURE, new RegExp(`recovered: graph: ${over}$`, 'm'));
    const texts = readFileSync(join(PROJECT, 'test/alerts/alert-texts.txt'), 'utf8');
    assert.match(texts, new RegExp(`^ +\\w+: ${meaning}; token expires \\S+ UTC, in \\S+ \\S+$`, 'm'));
  });

  it('names its own version where it says how young it is', () => {
    assert.match(README, new RegExp(`It is young: ${VERSION.replaceAll('.', '\\.')},`));
  });
});
