import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ProviderFault } from '../../src/sandbox/fault.ts';
import { listFaults, parseFault } from '../../src/sandbox/fault-syntax.ts';
import type { StoreFault } from '../../src/sandbox/secrets-manager/store-fault.ts';
import { fc } from '../support/property.ts';

const PROVIDERS = ['pik', 'pivot-b2b', 'pivot', 'apimw'];

describe('parseFault', () => {
  const providerFaults: readonly (readonly [string, ProviderFault])[] = [
    ['503', { fault: 'status', status: 503, retryAfter: undefined }],
    ['300', { fault: 'status', status: 300, retryAfter: undefined }],
    ['599', { fault: 'status', status: 599, retryAfter: undefined }],
    ['429=30', { fault: 'status', status: 429, retryAfter: { form: 'seconds', seconds: 30 } }],
    ['429=date:30', { fault: 'status', status: 429, retryAfter: { form: 'date', seconds: 30 } }],
    ['429=body:30', { fault: 'status', status: 429, retryAfter: { form: 'body', seconds: 30 } }],
    ['latency=2s', { fault: 'latency', delayMs: 2000 }],
    ['latency=500ms', { fault: 'latency', delayMs: 500 }],
    ['echo', { fault: 'echo' }],
    ['malformed', { fault: 'malformed' }],
    ['not-json', { fault: 'not-json' }],
    ['truncated', { fault: 'truncated' }],
    ['oversize', { fault: 'oversize' }],
    ['redirect', { fault: 'redirect', status: 302, port: undefined }],
    ['redirect=8080', { fault: 'redirect', status: 302, port: 8080 }],
    ['envelope-error', { fault: 'envelope-error', status: 500 }],
    ['envelope-error=401', { fault: 'envelope-error', status: 401 }],
    ['slow-headers', { fault: 'slow-headers' }],
    ['slow-body', { fault: 'slow-body' }],
    ['reset', { fault: 'reset' }],
    ['lost-answer', { fault: 'lost-answer' }],
    ['wrong-credentials', { fault: 'wrong-credentials' }],
    ['same-token', { fault: 'same-token' }],
    ['clock-skew=10m', { fault: 'clock-skew', skewMs: 600_000 }],
    ['clock-skew=-10m', { fault: 'clock-skew', skewMs: -600_000 }],
    ['lifetime=30s', { fault: 'lifetime', lifetimeMs: 30_000 }],
    ['expiry=missing', { fault: 'expiry', expiry: 'missing' }],
    ['expiry=absurd', { fault: 'expiry', expiry: 'absurd' }],
  ];
  for (const [word, effect] of providerFaults) {
    it(`reads pivot-b2b:${word}`, () => {
      const text = `pivot-b2b:${word}`;
      assert.deepEqual(parseFault(text, PROVIDERS), {
        ok: true,
        fault: { target: 'provider', provider: 'pivot-b2b', effect, text, startMs: 0, durationMs: undefined },
      });
    });
  }

  const storeFaults: readonly (readonly [string, StoreFault])[] = [
    ['throttle', { kind: 'throttle' }],
    ['denied', { kind: 'denied' }],
    ['outage', { kind: 'outage' }],
    ['unavailable', { kind: 'unavailable' }],
    ['kms', { kind: 'kms' }],
    ['lost-answer', { kind: 'lost-answer' }],
    ['latency=500ms', { kind: 'latency', delayMs: 500 }],
  ];
  for (const [word, effect] of storeFaults) {
    it(`reads store:${word}`, () => {
      const text = `store:${word}`;
      assert.deepEqual(parseFault(text, PROVIDERS), {
        ok: true,
        fault: { target: 'store', effect, text, startMs: 0, durationMs: undefined },
      });
    });
  }

  it('lists every fault of a target', () => {
    const words = (target: 'provider' | 'store') => listFaults(target).map((word) => word.replace(/=.*/, ''));
    assert.deepEqual(new Set(words('store')), new Set(storeFaults.map(([, { kind }]) => kind)));
    const ofProviders = providerFaults.map(([, { fault }]) => (fault === 'status' ? '300 to 599[' : fault));
    assert.deepEqual(new Set(words('provider')), new Set(ofProviders));
  });

  const windows = [
    ['pivot:503@30s', 30_000, undefined],
    ['pivot:503+90s', 0, 90_000],
    ['pivot:503@30s+1m30s', 30_000, 90_000],
    ['apimw:429=30@1m+2h', 60_000, 7_200_000],
    ['*:latency=2s@500ms+1d', 500, 86_400_000],
    ['store:outage@10s+2m', 10_000, 120_000],
  ] as const;
  for (const [text, startMs, durationMs] of windows) {
    it(`reads the window of ${text}`, () => {
      const parsed = parseFault(text, PROVIDERS);
      assert.ok(parsed.ok);
      assert.deepEqual([parsed.fault.startMs, parsed.fault.durationMs], [startMs, durationMs]);
    });
  }

  const allowed = listFaults('provider').join(', ');
  const store = listFaults('store').join(', ');
  const duration = 'a duration like 30s, 15m or 1h30m (units d, h, m, s, ms)';
  const seconds = 'seconds to wait: 30 (Retry-After), date:30 (Retry-After as a date), body:30 (APIMW)';
  const refusals: readonly (readonly [string, string])[] = [
    ['', 'expected TARGET:FAULT[=VALUE][@START][+DURATION]'],
    ['503', 'expected TARGET:FAULT[=VALUE][@START][+DURATION]'],
    ['pivot:', 'expected TARGET:FAULT[=VALUE][@START][+DURATION]'],
    [
      'pivto:503',
      'unknown target "pivto", did you mean "pivot"? (allowed: pik, pivot-b2b, pivot, apimw, store, *)',
    ],
    ['bank:503', 'unknown target "bank" (allowed: pik, pivot-b2b, pivot, apimw, store, *)'],
    ['pik:latencey=2s', `unknown fault "latencey", did you mean "latency"? (allowed: ${allowed})`],
    ['pik:200', `unknown fault "200" (allowed: ${allowed})`],
    ['pik:600', `unknown fault "600" (allowed: ${allowed})`],
    ['pik:throttle', `unknown fault "throttle" (allowed: ${allowed})`],
    ['store:503', `unknown store fault "503" (allowed: ${store})`],
    ['store:throttel', `unknown store fault "throttel", did you mean "throttle"? (allowed: ${store})`],
    ['pik:latency', `"latency" needs a value: ${duration}; found none`],
    ['pik:latency=2', `"latency" needs a value: ${duration}; found "2"`],
    ['pik:lifetime=10ms', `"lifetime" needs a value: ${duration}, at least 1s; found "10ms"`],
    ['pik:reset=1', '"reset" takes no value, found "1"'],
    ['pik:429=soon', `"429" needs a value: ${seconds}; found "soon"`],
    ['pik:expiry=never', '"expiry" needs a value: missing, zero, negative, absurd; found "never"'],
    ['pik:redirect=0', '"redirect" needs a value: a port of 127.0.0.1; found "0"'],
    ['pik:redirect=65536', '"redirect" needs a value: a port of 127.0.0.1; found "65536"'],
    ['pik:503@soon', `found "@soon", expected @ and ${duration}`],
    ['pik:503+', `found "+", expected + and ${duration}`],
  ];
  for (const [text, why] of refusals) {
    it(`refuses "${text}" clearly`, () => {
      assert.deepEqual(parseFault(text, PROVIDERS), { ok: false, message: `fault "${text}": ${why}` });
    });
  }

  it('refuses or reads any text, and never throws', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'pik:latency=@+-0123s*'.split('')) })),
        (text) => {
          const parsed = parseFault(text, PROVIDERS);
          assert.equal(parsed.ok ? parsed.fault.text : text, text);
        },
      ),
      { numRuns: 500 },
    );
  });
});
