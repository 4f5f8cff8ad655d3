/**
 * The written rule for lost answers, with real kinds in front of upstreams that know every spent refresh token: presented
 * once more, then the chain starts again. Nobody has to bind anything anew, and readers get their token.
 */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { succeed } from '../../src/core/result.ts';
import { serializeChainState } from '../../src/core/token/chain-state.ts';
import type { ProviderFault } from '../../src/sandbox/fault.ts';
import { UPSTREAM_NAMES, type UpstreamName } from '../../src/sandbox/upstreams/upstream-list.ts';
import type { FakeClock } from '../support/fake-clock.ts';
import { createManagedTokenBench } from '../support/managed-token-bench.ts';
import { chainOf, createProviderBench } from '../support/provider-bench.ts';
import { hasChain, VARIANTS } from '../support/provider-variants.ts';
import { MINUTE_MS } from '../support/token-builder.ts';

/** Below the deadline of a call, above all waits between the few attempts here. */
const LONGEST_PAUSE_MS = 5000;

let open: Awaited<ReturnType<typeof createProviderBench>>;
before(async () => {
  open = await createProviderBench();
});

/** The first loses a token that was issued; the second loses the request. */
const LOSSES: readonly { readonly fault: ProviderFault; readonly presentations: number }[] = [
  { fault: { fault: 'lost-answer' }, presentations: 2 },
  { fault: { fault: 'truncated' }, presentations: 2 },
  { fault: { fault: 'reset' }, presentations: 2 },
];

for (const kind of UPSTREAM_NAMES) {
  for (const options of VARIANTS[kind]) if (hasChain(kind, options)) describeLosses(kind, options);
}

function describeLosses(name: UpstreamName, options: object): void {
  describe(`lost answers of ${name} ${JSON.stringify(options)}`, () => {
    for (const { fault, presentations } of LOSSES) {
      it(`No chain is lost by us: goes on after ${fault.fault}`, async (t) => {
        const provider = await open(t, name, options);
        const first = chainOf(await provider.fetchToken());
        const presented: (string | undefined)[] = [];
        const bench = createManagedTokenBench(provider.clock, {
          chainFallback: provider.configured.chainFallback,
          provider: {
            readSeed: async () => succeed(undefined),
            fetch: (chain, signal) => {
              presented.push(chain?.refreshToken.reveal());
              return provider.fetch(chain, signal);
            },
            waitForCredentialChange: () => new Promise(() => undefined),
            verifyCredentials: async () => succeed(undefined),
          },
        });
        bench.store.put(bench.stateSecret, serializeChainState(bench.identity, first));
        provider.breakProvider(name, fault);
        bench.events.onNext('refresh-failed', () => provider.faults.clear());
        assert.deepEqual(await finish(provider.clock, bench.managed.refresh('due', bench.term)), {
          kind: 'refreshed',
        });
        const old = first.refreshToken.reveal();
        assert.equal(presented.filter((each) => each === old).length, presentations);
        // What it has now is good for the next refresh.
        await provider.clock.advance(MINUTE_MS);
        assert.deepEqual(await bench.managed.refresh('explicit', bench.term), { kind: 'refreshed' });
        assert.ok(presented.at(-1) !== undefined && presented.at(-1) !== old);
      });
    }
  });
}

/** Lets pass each wait between two attempts, and no time while a call is under way. */
async function finish<T>(clock: FakeClock, run: Promise<T>): Promise<T> {
  const isPause = (delayMs: number): boolean => delayMs < LONGEST_PAUSE_MS;
  for (;;) {
    const outcome = await Promise.race([run.then((value) => ({ value })), clock.untilSleeping(isPause)]);
    if (outcome !== undefined) return outcome.value;
    await clock.advance(LONGEST_PAUSE_MS);
  }
}
