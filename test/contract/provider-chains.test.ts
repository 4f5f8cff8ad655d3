/** What kinds owe that spend a refresh token with each fetch, and what single kinds document beyond the common. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { REUSE_LEEWAY_MS } from '../../src/sandbox/upstreams/refresh-grants.ts';
import { UPSTREAM_NAMES, type UpstreamName } from '../../src/sandbox/upstreams/upstream-list.ts';
import { DOCUMENTED_LIFETIMES_MS } from '../../src/sandbox/upstreams/upstreams.ts';
import { assertLifetime, chainOf, createProviderBench } from '../support/provider-bench.ts';
import { hasChain, VARIANTS } from '../support/provider-variants.ts';

/** Longer than a provider takes the refresh token before the newest one. */
const BEYOND_LEEWAY_MS = REUSE_LEEWAY_MS + 1;

let open: Awaited<ReturnType<typeof createProviderBench>>;
before(async () => {
  open = await createProviderBench();
});

for (const kind of UPSTREAM_NAMES) {
  for (const options of VARIANTS[kind]) if (hasChain(kind, options)) describeChain(kind, options);
}

function describeChain(name: UpstreamName, options: object): void {
  describe(`the chain of ${name} ${JSON.stringify(options)}`, () => {
    it('goes on from one refresh token to the next', async (t) => {
      const bench = await open(t, name, options);
      const first = await bench.fetchToken();
      assert.ok((first.refreshTokenExpiresAtMs ?? 0) > bench.clock.now());
      const second = await bench.fetchToken(chainOf(first));
      const third = await bench.fetchToken(chainOf(second));
      assert.equal(chainOf(third).refreshToken.equals(chainOf(second).refreshToken), false);
    });

    it('starts again without a word when the refresh token has expired by our clock', async (t) => {
      const refreshTokenLifetimeMs = { apimw: 60_000, oauth2: 60_000, 'pivot-b2b2c': 60_000 };
      const bench = await open(t, name, options, { refreshTokenLifetimeMs });
      const first = await bench.fetchToken();
      await bench.clock.advance(60_000);
      bench.bindAgain();
      const expired = { ...chainOf(first), refreshTokenExpiresAtMs: bench.clock.now() };
      await bench.fetchToken(bench.configured.chainFallback === 'none' ? undefined : expired);
    });

    it('is broken by a spent refresh token, and starts again without one or from another seed', async (t) => {
      const bench = await open(t, name, options);
      const first = await bench.fetchToken();
      await bench.fetchToken(chainOf(first));
      await bench.clock.advance(BEYOND_LEEWAY_MS);
      const failure = bench.expectFailure(await bench.fetch(chainOf(first)), 'chain-broken');
      assert.match(failure.message, /refresh token/);
      bench.bindAgain();
      await bench.fetchToken();
    });

    it('is broken when an answer was lost on the way and is asked for again too late', async (t) => {
      const bench = await open(t, name, options);
      const first = await bench.fetchToken();
      bench.breakProvider(name, { fault: 'lost-answer' });
      bench.expectFailure(await bench.fetch(chainOf(first)), 'provider-unavailable');
      bench.faults.clear();
      await bench.clock.advance(BEYOND_LEEWAY_MS);
      bench.expectFailure(await bench.fetch(chainOf(first)), 'chain-broken');
    });

    it('shows no refresh token when a provider quotes the whole request in its error', async (t) => {
      const bench = await open(t, name, options);
      const first = await bench.fetchToken();
      bench.breakProvider(name, { fault: 'echo' });
      // SNAP has no code for a refused refresh token, so the mere words count, and a login is tried once.
      const code = name === 'pivot-b2b2c' ? 'chain-broken' : 'request-rejected';
      bench.expectFailure(await bench.fetch(chainOf(first)), code);
    });
  });
}

describe('PIK', () => {
  for (const expireTimeFormat of ['iso', 'epoch-seconds', 'epoch-ms', 'seconds'] as const) {
    it(`understands expireTime as ${expireTimeFormat}`, async (t) => {
      const bench = await open(t, 'pik', {}, { pik: { expireTimeFormat } });
      assertLifetime(await bench.fetchToken(), DOCUMENTED_LIFETIMES_MS.pik);
    });
  }

  for (const rejectionStatus of [200, 500] as const) {
    it(`recognises rejected credentials behind HTTP ${rejectionStatus}`, async (t) => {
      const bench = await open(t, 'pik', {}, { pik: { rejectionStatus } });
      bench.breakProvider('pik', { fault: 'wrong-credentials' });
      bench.expectFailure(await bench.fetch(), 'credentials-rejected', 'needs-human');
    });
  }
});

describe('APIMW', () => {
  it("obeys the rate limit's own wait", async (t) => {
    const bench = await open(t, 'apimw', {}, { hasApimwRateLimit: true });
    for (let fetches = 0; fetches < 10; fetches += 1) await bench.fetchToken();
    const { retryAfterMs } = bench.expectFailure(await bench.fetch(), 'rate-limited', 'backoff');
    assert.ok((retryAfterMs ?? 0) >= 59_000 && (retryAfterMs ?? 0) <= 60_000, String(retryAfterMs));
  });
});
