import assert from 'node:assert/strict';
import { it } from 'node:test';
import { refreshTokens } from '../../src/commands/refresh-tokens.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { createManagedTokenBench } from '../support/managed-token-bench.ts';
import { ProgramTerminal } from '../support/program-terminal.ts';

it('Never worse: a command that was paused writes nothing once its term has ended, though no timer has said so', async () => {
  const { managed, source, events } = createManagedTokenBench(new FakeClock());
  let hasEnded = false;
  const leadership = {
    signal: new AbortController().signal,
    hasEnded: () => hasEnded,
    sinceMonotonicMs: undefined,
  };
  const hold = source.holdNext();
  const running = refreshTokens([managed], 'due', new ProgramTerminal(), leadership);
  await hold.reached;
  hasEnded = true;
  hold.release();
  const [ended] = await running;
  assert.equal(ended?.outcome.kind === 'failed' && ended.outcome.failure.code, 'leadership-lost');
  assert.equal(events.of('secret-written').length, 0);
});
