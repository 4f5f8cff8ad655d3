import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { format, inspect } from 'node:util';
import { SecretText } from '../../src/core/secret-text.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { createManagedTokenBench } from '../support/managed-token-bench.ts';
import { STORE_DOWN } from '../support/memory-store.ts';

const DEEP = { depth: 10, showHidden: true, getters: true } as const;

function everyText(value: unknown): string {
  return [
    inspect(value, DEEP),
    inspect(value, { ...DEEP, customInspect: false }),
    JSON.stringify(value),
    format('%o %O %j', value, value, value),
  ].join('\n');
}

describe('a managed token and everything that it tells', () => {
  it('No secret leaks: neither while a token is kept nor when it is published', async () => {
    const clock = new FakeClock();
    const { managed, term, events, source, store } = createManagedTokenBench(clock, {
      chainFallback: 'none',
    });
    source.answerWith({
      accessToken: new SecretText('access-canary'),
      refreshToken: new SecretText('refresh-canary'),
    });
    events.onNext('token-fetched', () => store.failNext('publish', STORE_DOWN, 2));
    const run = managed.refresh('start', term);
    await settle();
    assert.doesNotMatch(everyText(managed), /canary/);
    await clock.advance(60_000);
    await run;
    for (const value of [managed, managed.published, managed.identity, events.all]) {
      assert.doesNotMatch(everyText(value), /canary/);
    }
    assert.match(store.callsOf('publish').at(-1)?.text ?? '', /access-canary/);
  });
});
