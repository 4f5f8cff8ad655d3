/** What every provider kind owes to the rest of the program, tried on a real port against its simulated upstream. */
import assert from 'node:assert/strict';
import { before, describe, it, type TestContext } from 'node:test';
import type { Failure } from '../../src/core/failure.ts';
import { formatPeriod } from '../../src/core/wire/time-text.ts';
import type { ProviderFault, RetryAfter } from '../../src/sandbox/fault.ts';
import { UPSTREAM_NAMES, type UpstreamName } from '../../src/sandbox/upstreams/upstream-list.ts';
import { DOCUMENTED_LIFETIMES_MS } from '../../src/sandbox/upstreams/upstreams.ts';
import { KINDS } from '../../src/wiring/connections.ts';
import { startConnectionCounter } from '../support/connection-counter.ts';
import { settle } from '../support/fake-clock.ts';
import { assertHides, assertLifetime, createProviderBench, TIMEOUT_MS } from '../support/provider-bench.ts';
import { hasChain, makeWrong, requiredCredentials, VARIANTS } from '../support/provider-variants.ts';

type Expected = readonly [code: Failure['code'], retry: Failure['retry']];

const STATUSES: readonly (readonly [Expected, readonly number[]])[] = [
  [
    ['request-rejected', 'backoff'],
    [300, 302, 303, 304, 305, 307],
  ],
  [
    ['credentials-rejected', 'needs-human'],
    [401, 403],
  ],
  [
    ['request-rejected', 'needs-human'],
    [
      301, 308, 400, 402, 404, 405, 406, 407, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 424,
      426, 428, 431, 451, 499,
    ],
  ],
  [
    ['provider-unavailable', 'backoff'],
    [
      408, 425, 500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511, 520, 521, 522, 523, 524, 525, 526, 527,
      530, 599,
    ],
  ],
  [['provider-unavailable', 'soon'], [409]],
  [['rate-limited', 'backoff'], [429]],
];

/** Providers that document a field for the wait; the others say it in a header or not at all. */
const STATES_WAIT_IN_BODY: Readonly<Record<UpstreamName, boolean>> = {
  pik: false,
  'pivot-b2b': false,
  'pivot-b2b2c': false,
  pivot: false,
  apimw: true,
  paysecurez: false,
  oauth2: false,
  http: true,
};

/** The name of the expiry field in each kind's answer. */
const EXPIRY_FIELDS: Readonly<Record<UpstreamName, string>> = {
  pik: 'data.expireTime',
  'pivot-b2b': 'expiresIn',
  'pivot-b2b2c': 'accessTokenExpiryTime',
  pivot: 'data.expiresIn',
  apimw: 'data.expires_in',
  paysecurez: 'expires_in',
  oauth2: 'expires_in',
  http: 'data.session.validFor',
};

let open: Awaited<ReturnType<typeof createProviderBench>>;
before(async () => {
  open = await createProviderBench();
});

for (const kind of UPSTREAM_NAMES) {
  for (const options of VARIANTS[kind]) describeVariant(kind, options);
}

function describeVariant(name: UpstreamName, options: object): void {
  const documentedMs = DOCUMENTED_LIFETIMES_MS[name];
  const start = (t: TestContext, upstreams = {}) => open(t, name, options, upstreams);
  const startBroken = async (t: TestContext, effect: ProviderFault) => {
    const bench = await start(t);
    bench.breakProvider(name, effect);
    return bench;
  };

  describe(`${name} ${JSON.stringify(options)}`, () => {
    it('fetches a token that works, with the lifetime that it was issued with', async (t) => {
      const bench = await start(t);
      const token = await bench.fetchToken();
      assert.equal(token.issuedAtMs, bench.clock.now());
      assert.equal(token.issuedAtMonotonicMs, bench.clock.monotonicMs());
      assertLifetime(token, documentedMs);
      assert.equal(token.expiresInSeconds, documentedMs / 1000);
      assert.equal(token.tokenType, 'Bearer');
      assert.deepEqual(token.notes, []);
      assert.equal(bench.server.requests.total(name), 1);
    });

    it('documents the lifetime that the provider documents', () => {
      const kind = KINDS.find(name);
      assert.equal(kind?.documentedLifetimeSeconds, documentedMs / 1000);
    });

    it('measures the skew of the clocks', async (t) => {
      const { clockSkewMs } = await (await start(t)).fetch();
      assert.ok(clockSkewMs !== undefined && Math.abs(clockSkewMs) <= 1000);
    });

    it('follows a lifetime that differs from the documented one', async (t) => {
      const token = await (await start(t, { speed: 15 })).fetchToken();
      assertLifetime(token, documentedMs / 15);
      const short = await (await startBroken(t, { fault: 'lifetime', lifetimeMs: 30_000 })).fetchToken();
      assertLifetime(short, 30_000);
    });

    it('accepts the same token with the life that it has left', async (t) => {
      const bench = await start(t);
      const first = await bench.fetchToken();
      await bench.clock.advance(60_000);
      bench.breakProvider(name, { fault: 'same-token' });
      const again = await bench.fetchToken();
      assert.ok(again.accessToken.equals(first.accessToken));
      assertLifetime(again, documentedMs - 60_000);
    });

    for (const [[code, retry], statuses] of STATUSES) {
      it(`takes HTTP ${statuses.join(', ')} for ${code} (${retry})`, async (t) => {
        const bench = await start(t);
        for (const status of statuses) {
          bench.faults.clear();
          bench.breakProvider(name, { fault: 'status', status, retryAfter: undefined });
          const failure = bench.expectFailure(await bench.fetch(), code, retry);
          assert.match(failure.message, new RegExp(`answered ${status}\\b`));
          assert.equal(failure.retryAfterMs, undefined);
        }
        assert.equal(bench.server.requests.total(name), statuses.length, 'each fetch is one request');
      });
    }

    const waits: readonly (readonly [RetryAfter['form'], number, number | undefined])[] = [
      ['seconds', 429, 30_000],
      ['date', 429, 30_000],
      ['body', 429, STATES_WAIT_IN_BODY[name] ? 30_000 : undefined],
      ['seconds', 503, 30_000],
      ['date', 503, 30_000],
    ];
    for (const [form, status, expectedMs] of waits) {
      it(`obeys a wait in ${form} that comes with ${status}`, async (t) => {
        const retryAfter = { form, seconds: 30 };
        const bench = await startBroken(t, { fault: 'status', status, retryAfter });
        const code = status === 429 ? 'rate-limited' : 'provider-unavailable';
        const { retryAfterMs } = bench.expectFailure(await bench.fetch(), code, 'backoff');
        // A date has whole seconds, and the provider's clock is known to half a second.
        const toleranceMs = form === 'date' ? 1000 : 0;
        if (expectedMs === undefined) assert.equal(retryAfterMs, undefined);
        else assert.ok(Math.abs((retryAfterMs ?? 0) - expectedMs) <= toleranceMs, String(retryAfterMs));
      });
    }

    const envelopes: readonly (readonly [number, Expected])[] = [
      [401, ['credentials-rejected', 'needs-human']],
      [429, ['rate-limited', 'backoff']],
      [400, ['request-rejected', 'needs-human']],
      // APIMW's envelope holds a word instead of a status, and none is documented for an error of the server.
      [500, name === 'apimw' ? ['request-rejected', 'needs-human'] : ['provider-unavailable', 'backoff']],
    ];
    for (const [status, [code, retry]] of envelopes) {
      it(`takes the error envelope of a ${status} with HTTP 200 for ${code}`, async (t) => {
        const bench = await startBroken(t, { fault: 'envelope-error', status });
        bench.expectFailure(await bench.fetch(), code, retry);
      });
    }

    const broken: readonly (readonly [
      ProviderFault['fault'] &
        ('not-json' | 'malformed' | 'truncated' | 'oversize' | 'reset' | 'lost-answer'),
      Expected,
    ])[] = [
      ['not-json', ['response-malformed', 'backoff']],
      // PIK documents no error codes: an envelope without `code: 200` may be a "no" to the credentials.
      ['malformed', name === 'pik' ? ['request-rejected', 'needs-human'] : ['response-malformed', 'backoff']],
      ['oversize', ['response-malformed', 'backoff']],
      ['truncated', ['provider-unavailable', 'backoff']],
      ['reset', ['provider-unavailable', 'backoff']],
      ['lost-answer', ['provider-unavailable', 'backoff']],
    ];
    for (const [fault, [code, retry]] of broken) {
      it(`takes the fault ${fault} for ${code}, and works again afterwards`, async (t) => {
        const bench = await startBroken(t, { fault });
        bench.expectFailure(await bench.fetch(), code, retry);
        assert.equal(bench.server.requests.total(name), 1, 'a fetch is one request, whatever happens to it');
        bench.faults.clear();
        await bench.fetchToken();
      });
    }

    for (const status of [302, 307] as const) {
      it(`refuses a ${status} to another port and sends nothing there`, async (t) => {
        const elsewhere = await startConnectionCounter(t);
        const bench = await startBroken(t, { fault: 'redirect', status, port: elsewhere.port });
        const failure = bench.expectFailure(await bench.fetch(), 'request-rejected', 'backoff');
        assert.match(failure.message, /, a redirect to another host: nothing was sent there/);
        await settle();
        assert.equal(elsewhere.connections(), 0);
      });
    }

    for (const fault of ['slow-headers', 'slow-body'] as const) {
      it(`gives up at the deadline on ${fault}, and not before`, async (t) => {
        const bench = await startBroken(t, { fault });
        let isOver = false;
        const fetching = bench.fetch().finally(() => {
          isOver = true;
        });
        await bench.server.requests.untilArrived(name, 1);
        await bench.clock.untilSleeping((delayMs) => delayMs === TIMEOUT_MS);
        await bench.clock.advance(TIMEOUT_MS - 1);
        assert.equal(isOver, false);
        await bench.clock.advance(1);
        const failure = bench.expectFailure(await fetching, 'provider-unavailable', 'backoff');
        assert.match(failure.message, /within 10s/);
      });

      it(`is aborted at once in the middle of ${fault}`, async (t) => {
        const bench = await startBroken(t, { fault });
        const aborting = new AbortController();
        const fetching = bench.fetch(undefined, aborting.signal);
        await bench.server.requests.untilArrived(name, 1);
        aborting.abort(new Error('the program stops'));
        bench.expectFailure(await fetching, 'aborted');
        assert.deepEqual(bench.clock.pendingDelaysMs, [], 'no deadline is left behind');
      });
    }

    it('sends nothing when it is aborted before it starts', async (t) => {
      const bench = await start(t);
      bench.expectFailure(await bench.fetch(undefined, AbortSignal.abort()), 'aborted');
      assert.equal(bench.server.requests.total(name), 0);
    });

    it('assumes the documented lifetime when the answer says nothing about expiry, and says so', async (t) => {
      const bench = await startBroken(t, { fault: 'expiry', expiry: 'missing' });
      const token = await bench.fetchToken();
      assertLifetime(token, documentedMs);
      assert.deepEqual(token.notes, [
        `${EXPIRY_FIELDS[name]} missing, assumed ${formatPeriod(documentedMs)}`,
      ]);
    });

    for (const expiry of ['zero', 'negative', 'absurd'] as const) {
      it(`refuses a token with a ${expiry} expiry, naming the field`, async (t) => {
        const bench = await startBroken(t, { fault: 'expiry', expiry });
        const failure = bench.expectFailure(await bench.fetch(), 'response-malformed', 'backoff');
        assert.ok(failure.message.includes(EXPIRY_FIELDS[name]), failure.message);
      });
    }

    it('takes a provider that turns right credentials down at its word', async (t) => {
      const bench = await startBroken(t, { fault: 'wrong-credentials' });
      bench.expectFailure(await bench.fetch(), 'credentials-rejected', 'needs-human');
    });

    for (const credential of requiredCredentials(name)) {
      it(`is rejected with a wrong ${credential}, and works once it is right`, async (t) => {
        const bench = await start(t);
        const right = bench.held.get(credential);
        assert.ok(right !== undefined, `the sandbox has a ${credential}`);
        bench.held.set(credential, await makeWrong(credential));
        bench.expectFailure(await bench.fetch(), 'credentials-rejected', 'needs-human');
        assert.equal(bench.server.requests.total(name), 1);
        bench.held.set(credential, right);
        await bench.fetchToken();
      });

      it(`asks the provider nothing without a ${credential}, and names it`, async (t) => {
        const bench = await start(t);
        bench.held.delete(credential);
        const failure = bench.expectFailure(await bench.fetch(), 'credentials-rejected', 'needs-human');
        assert.ok(failure.message.includes(credential), failure.message);
        assert.equal(bench.server.requests.total(name), 0);
      });
    }

    for (const skewMs of [600_000, -600_000]) {
      it(`sees that the provider's clock is ${skewMs / 1000} s off`, async (t) => {
        const bench = await startBroken(t, { fault: 'clock-skew', skewMs });
        const report = await bench.fetch();
        assert.ok(Math.abs((report.clockSkewMs ?? 0) - skewMs) <= 1000, String(report.clockSkewMs));
        if (!report.result.ok) {
          bench.expectFailure(report, 'clock-skewed', 'backoff');
          return;
        }
        // Too early costs a call; too late would be an outage.
        const trueExpiryMs = bench.clock.now() + documentedMs;
        assert.ok(report.result.value.expiresAtMs <= trueExpiryMs + 1000);
        assert.ok(report.result.value.expiresAtMs > bench.clock.now());
      });
    }

    it('No secret leaks: shows none when a provider quotes the whole request in its error', async (t) => {
      const bench = await startBroken(t, { fault: 'echo' });
      bench.expectFailure(await bench.fetch(), 'request-rejected', 'needs-human');
    });

    if (!hasChain(name, options)) {
      it('has no refresh token', async (t) => {
        const token = await (await start(t)).fetchToken();
        assert.equal(token.refreshToken, undefined);
        assert.equal(token.refreshTokenExpiresAtMs, undefined);
      });
    }
  });
}

describe('the guards of this suite', () => {
  it('see a connection to the other port', async (t) => {
    const elsewhere = await startConnectionCounter(t);
    await fetch(`http://127.0.0.1:${elsewhere.port}/`);
    assert.equal(elsewhere.connections(), 1);
  });

  it('see a piece of a secret', () => {
    const secret = 'merchant0123456789abcdef0123456789abcdef';
    assert.throws(() => assertHides(`failed: …${secret.slice(8, 30)}…`, secret));
    assertHides('failed: merchant', secret);
  });
});
