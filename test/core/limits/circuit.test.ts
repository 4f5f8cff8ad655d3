import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  afterFailure,
  afterSuccess,
  type CallFailure,
  type Circuit,
  CLOSED,
  isHeld,
  MANY_TOKENS,
  probeInMs,
  type Standing,
} from '../../../src/core/limits/circuit.ts';
import { fc } from '../../support/property.ts';
import { buildFailure } from '../../support/sample-events.ts';

const REJECTED = buildFailure({ code: 'credentials-rejected', retry: 'needs-human' });

function buildCall(changes: Partial<CallFailure> = {}): CallFailure {
  const failure = buildFailure();
  return {
    token: 'pik/0',
    failure,
    atMs: 0,
    draw: 0.5,
    isFirst: true,
    isProbe: false,
    isLive: false,
    ...changes,
  };
}

/** So many tokens begin to fail one after the other, at moment 0. */
function failing(tokens: number, changes: Partial<CallFailure> = {}): Circuit {
  const calls = Array.from({ length: tokens }, (_, index) =>
    buildCall({ token: `pik/${index}`, ...changes }),
  );
  return calls.reduce(afterFailure, CLOSED);
}

function waitMs(circuit: Circuit, standing: Standing, nowMs: number = 0): number {
  return isHeld(circuit, standing) ? probeInMs(circuit, standing, nowMs) : 0;
}

describe('the circuit of a provider', () => {
  it('holds nobody for the failures of a few tokens, and all once many have begun to fail', () => {
    assert.deepEqual(
      [0, 1, MANY_TOKENS - 1, MANY_TOKENS].map((tokens) => failing(tokens).kind),
      ['closed', 'doubtful', 'doubtful', 'open'],
    );
    assert.ok(!isHeld(failing(MANY_TOKENS - 1), 'failed'));
    assert.ok(isHeld(failing(MANY_TOKENS), 'untried'));
  });

  it('holds those together that fail again and again, and not the healthy ones', () => {
    const circuit = failing(10, { isFirst: false });
    assert.deepEqual(
      [circuit.kind, isHeld(circuit, 'failed'), isHeld(circuit, 'untried')],
      ['doubtful', true, false],
    );
    assert.ok(!isHeld(failing(9, { isFirst: false }), 'failed'));
    assert.ok(!isHeld(failing(20, { isFirst: false, token: 'pik/0' }), 'failed'), 'one token is one');
  });

  for (const { what, success, kind, needed } of [
    { what: 'a token that had failed', success: [true, true], kind: 'closed', needed: 3 },
    { what: 'a probe of a token that had not', success: [false, true], kind: 'closed', needed: 12 },
    { what: 'a call from before the outage', success: [false, false], kind: 'closed', needed: 3 },
  ] as const) {
    it(`is closed by the success of ${what}, and takes ${needed} tokens from then on`, () => {
      const circuit = afterSuccess(failing(MANY_TOKENS), success[0], success[1]);
      assert.deepEqual(circuit, { kind, needed });
    });
  }

  it('waits longer after each probe, up to 20 s, and up to a minute after a quarter of an hour', () => {
    let circuit = failing(MANY_TOKENS);
    const gaps = Array.from({ length: 7 }, () => {
      const gapMs = waitMs(circuit, 'untried');
      circuit = afterFailure(circuit, buildCall({ isFirst: false, isProbe: true }));
      return gapMs;
    });
    assert.deepEqual(gaps, [750, 1500, 3000, 6000, 12_000, 15_000, 15_000]);
    const lateMs = 15 * 60_000;
    circuit = afterFailure(circuit, buildCall({ isFirst: false, isProbe: true, atMs: lateMs }));
    assert.equal(waitMs(circuit, 'untried', lateMs), 45_000);
  });

  it('has rejected credentials presented by few: soon by those that may have good ones', () => {
    const circuit = failing(MANY_TOKENS, { failure: REJECTED });
    assert.deepEqual([waitMs(circuit, 'untried'), waitMs(circuit, 'failed')], [5000, 60_000]);
  });

  it('judges live tokens by live ones, however often the tokens of customers that have left were rejected', () => {
    const probe = { failure: REJECTED, isProbe: true };
    const left = Array.from({ length: 20 }, (_, index) => buildCall({ ...probe, token: `left/${index}` }));
    const circuit = left.reduce(afterFailure, CLOSED);
    assert.deepEqual([waitMs(circuit, 'live'), waitMs(circuit, 'untried')], [5000, 15 * 60_000]);
    const served = [1, 2].map((index) => buildCall({ ...probe, token: `served/${index}`, isLive: true }));
    assert.equal(waitMs(served.reduce(afterFailure, circuit), 'live'), 80_000);
  });

  it('has a Retry-After obeyed by those that failed, and by all once it is sure', () => {
    const failure = buildFailure({ code: 'rate-limited', retryAfterMs: 3_600_000 });
    const doubtful = failing(MANY_TOKENS, { failure });
    assert.deepEqual([waitMs(doubtful, 'untried'), waitMs(doubtful, 'failed')], [750, 3_600_000]);
    assert.equal(waitMs(failing(MANY_TOKENS + 7, { failure }), 'untried'), 3_600_000);
  });

  it('always lets the next one ask after a while, whatever has failed', () => {
    const calls = fc.array(
      fc.record({
        token: fc.constantFrom('a', 'b', 'c', 'd'),
        failure: fc.constantFrom(buildFailure(), REJECTED),
        atMs: fc.constant(0),
        draw: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        isFirst: fc.boolean(),
        isProbe: fc.boolean(),
        isLive: fc.boolean(),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(calls, fc.constantFrom('live', 'untried', 'failed'), (all, standing) => {
        const circuit = all.reduce(afterFailure, CLOSED);
        assert.ok(waitMs(circuit, standing) <= 15 * 60_000);
        assert.equal(waitMs(circuit, standing, 15 * 60_000), 0);
      }),
    );
  });
});
