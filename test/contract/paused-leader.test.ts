/** Two replicas on one store, the real ones among them: a leader that is paused over its write, and taken for dead. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SecretText } from '../../src/core/secret-text.ts';
import { parseDocument } from '../../src/core/token/document.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { createEvenRandom, createManagedTokenBench } from '../support/managed-token-bench.ts';
import { STORES } from '../support/store-bench.ts';
import { expectOk } from '../support/store-expectations.ts';
import { never } from '../support/store-write.ts';

describe('two replicas', () => {
  for (const { name, start } of STORES) {
    it(`Never worse: on ${name}, the late write of a leader that was paused is refused`, async (t) => {
      const { store, rival, pausePublish } = await start(t);
      const clock = new FakeClock();
      const paused = createManagedTokenBench(clock, { tokenStore: store, random: createEvenRandom(1) });
      const awake = createManagedTokenBench(clock, { tokenStore: rival, random: createEvenRandom(2) });
      const { secret } = paused.identity;
      const published = async () => {
        const stored = expectOk(await rival.read(secret, never));
        assert.ok(stored !== undefined);
        const parsed = parseDocument(stored.text);
        assert.ok(parsed.ok);
        return [parsed.document.accessToken.reveal(), parsed.document.generation];
      };
      for (const text of ['first', 'late']) paused.source.answerWith({ accessToken: new SecretText(text) });
      awake.source.answerWith({ accessToken: new SecretText('newer') });
      assert.deepEqual(await paused.managed.refresh('start', paused.term), { kind: 'refreshed' });

      await clock.advance(840_000);
      const pause = pausePublish();
      const run = paused.managed.refresh('due', paused.term);
      await pause.reached();
      await awake.managed.restore(awake.term.signal);
      assert.deepEqual(await awake.managed.refresh('due', awake.term), { kind: 'refreshed' });
      assert.deepEqual(await published(), ['newer', 2]);
      await pause.goOn();

      assert.deepEqual(await run, { kind: 'fresh' });
      assert.deepEqual(await published(), ['newer', 2]);
      assert.equal(paused.managed.published?.fingerprint, new SecretText('newer').fingerprint());
    });
  }
});
