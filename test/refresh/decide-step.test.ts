/** The specification of a refresh: what comes next, for each state of the token, of the run and of its limits. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Failure } from '../../src/core/failure.ts';
import { SecretText } from '../../src/core/secret-text.ts';
import { createDocument, createPublishedToken, serializeDocument } from '../../src/core/token/document.ts';
import { decideStep, type Step, type TokenFacts } from '../../src/refresh/decide-step.ts';
import type { CallRefusal, LimitsView } from '../../src/refresh/limits/token-limits.ts';
import type { PendingToken, PlannedToken } from '../../src/refresh/planned-token.ts';
import { NO_FAILURES, type Phase, type RefreshRun, WORKING } from '../../src/refresh/refresh-run.ts';
import type { TokenState } from '../../src/refresh/token-state.ts';
import { fc } from '../support/property.ts';
import { buildFailure, buildIdentity, NOON_MS } from '../support/sample-events.ts';
import { termUntil } from '../support/term.ts';
import { buildToken } from '../support/token-builder.ts';

const NOW = { now: () => NOON_MS, monotonicMs: () => 0 };
const POLICY = { refreshAfter: undefined, stalenessMs: 0, minIntervalMs: 0 };
const STORED = { version: 'version-1', generation: 1 };
const NEVER = new AbortController().signal;
const OVER = AbortSignal.abort(new Error('over'));
const HELD: CallRefusal = { refusal: 'held', failure: buildFailure(), waitMs: 1000, standing: 'failed' };

/** @param dueInMs until its refresh */
function planned(dueInMs: number): PlannedToken {
  const at = (ms: number) => ({ wallMs: NOON_MS + ms, monotonicMs: ms });
  const token = buildToken({ accessToken: new SecretText('token-1') });
  const document = createDocument(buildIdentity(), token, { refreshAtMs: NOON_MS + dueInMs, generation: 1 });
  return {
    token: createPublishedToken(document),
    lifetimeMs: 900_000,
    refreshAt: at(dueInMs),
    latestRefreshAt: at(dueInMs),
    expiry: at(dueInMs + 60_000),
  };
}

function pending(dueInMs: number, hasWaited = false): PendingToken {
  const token = buildToken({ accessToken: new SecretText('token-2') });
  const document = createDocument(buildIdentity(), token, { refreshAtMs: NOON_MS + dueInMs, generation: 2 });
  const text = serializeDocument(document);
  const write = { secretName: 'payments/pik', text, requestToken: 'request-1', expectedVersion: 'version-1' };
  return { ...planned(dueInMs), document, write, replaces: undefined, hasWaited };
}

const DUE = planned(0);
const FRESH = planned(600_000);
const STATES = {
  'never read': { stored: 'unread', published: undefined, pending: undefined },
  'not read since others may have written': { stored: 'unread', published: FRESH, pending: undefined },
  'not read, and one is pending': { stored: 'unread', published: DUE, pending: pending(600_000) },
  'nothing is published': { stored: STORED, published: undefined, pending: undefined },
  'the published one is due': { stored: STORED, published: DUE, pending: undefined },
  'the published one is not due': { stored: STORED, published: FRESH, pending: undefined },
  'one is pending': { stored: STORED, published: DUE, pending: pending(600_000) },
  'the pending one was fetched late': { stored: STORED, published: undefined, pending: pending(-1) },
  'the pending one has waited for too long': { stored: STORED, published: DUE, pending: pending(-1, true) },
} as const satisfies Readonly<Record<string, TokenState>>;

const FREE: LimitsView = { hasTurn: true, demandedMs: 0, intervalMs: 0, currentBlock: undefined };

function facts(state: TokenState, hasUnsaved = false): TokenFacts {
  return { state, hasUnsaved, policy: POLICY };
}

function run(changes: Partial<RefreshRun> = {}): RefreshRun {
  return {
    reason: 'due',
    term: termUntil(NEVER),
    retired: NEVER,
    maxAttempts: 'unlimited',
    startedMs: 0,
    beganLive: true,
    goal: 'token',
    attempt: 1,
    failures: NO_FAILURES,
    refused: undefined,
    onlyIfDue: false,
    phase: WORKING,
    ...changes,
  };
}

/** One word, and what it waits for or ends with. */
function word(step: Step): string {
  switch (step.kind) {
    case 'wait':
      return `wait ${step.waitMs}`;
    case 'wait-after-failure':
      return `wait ${step.waitMs} after ${step.failure.code}`;
    case 'wait-for-permit':
      return `wait: ${step.refusal.refusal}`;
    case 'fail':
      return `fail: ${step.failure.code}`;
    case 'end':
      return `end: ${step.outcome.kind}`;
    default:
      return step.kind;
  }
}

describe('the next step of a refresh', () => {
  const rows: readonly (readonly [state: keyof typeof STATES, saved: string, unsaved: string])[] = [
    ['never read', 'read-store', 'read-store'],
    ['not read since others may have written', 'read-store', 'read-store'],
    ['not read, and one is pending', 'read-store', 'read-store'],
    ['nothing is published', 'fetch', 'save-refresh-token'],
    ['the published one is due', 'fetch', 'save-refresh-token'],
    // Whoever begins a refresh has a reason: a tick, a human, a schedule.
    ['the published one is not due', 'fetch', 'save-refresh-token'],
    ['one is pending', 'publish', 'save-refresh-token'],
    ['the pending one was fetched late', 'publish', 'save-refresh-token'],
    ['the pending one has waited for too long', 'read-store', 'read-store'],
  ];
  for (const [state, saved, unsaved] of rows) {
    it(`when ${state}: ${saved}; with a refresh token that is not saved: ${unsaved}`, () => {
      assert.equal(word(decideStep(facts(STATES[state]), run(), FREE, NOW)), saved);
      assert.equal(word(decideStep(facts(STATES[state], true), run(), FREE, NOW)), unsaved);
    });
  }

  it('when the store was read anew and what it holds is not due: nothing but to save the refresh token', () => {
    const state = STATES['the published one is not due'];
    const looked = run({ onlyIfDue: true });
    assert.equal(word(decideStep(facts(state), looked, FREE, NOW)), 'end: fresh');
    assert.equal(word(decideStep(facts(state, true), looked, FREE, NOW)), 'save-refresh-token');
    assert.equal(word(decideStep(facts(STATES['the published one is due']), looked, FREE, NOW)), 'fetch');
  });

  it('when only the chain is due: saves its refresh token and fetches nothing', () => {
    const forChain = run({ goal: 'chain' });
    const state = STATES['the published one is due'];
    assert.equal(word(decideStep(facts(state, true), forChain, FREE, NOW)), 'save-refresh-token');
    assert.equal(
      word(decideStep(facts(state, true), forChain, { ...FREE, hasTurn: false }, NOW)),
      'wait-for-turn',
    );
    assert.equal(word(decideStep(facts(state), forChain, FREE, NOW)), 'end: fresh');
  });
});

describe('what a limit lets a refresh do', () => {
  const currentBlock: Failure = buildFailure({ code: 'credentials-rejected', retry: 'needs-human' });
  const rows: readonly (readonly [
    limit: string,
    view: Partial<LimitsView>,
    forFetch: string,
    forPending: string,
  ])[] = [
    ['no turn', { hasTurn: false }, 'wait-for-turn', 'wait-for-turn'],
    ['an interval', { intervalMs: 700 }, 'wait 700', 'publish'],
    ['a wait that was demanded', { demandedMs: 900 }, 'wait 900', 'wait 900'],
    ['the longer of the two', { demandedMs: 900, intervalMs: 1100 }, 'wait 1100', 'wait 900'],
    ['a wait before a turn', { demandedMs: 900, hasTurn: false }, 'wait 900', 'wait 900'],
    ['a refusal that still holds', { currentBlock }, 'fail: credentials-rejected', 'publish'],
  ];
  for (const [limit, view, forFetch, forPending] of rows) {
    it(`with ${limit}: ${forFetch}; with a pending token: ${forPending}`, () => {
      const limits = { ...FREE, ...view };
      const due = facts(STATES['the published one is due']);
      assert.equal(word(decideStep(due, run(), limits, NOW)), forFetch);
      assert.equal(word(decideStep(facts(STATES['one is pending']), run(), limits, NOW)), forPending);
    });
  }
});

describe('the phases of a refresh', () => {
  const failure = buildFailure();
  const ended: Phase = { kind: 'ending', failure, hasTried: false };
  const idle = STATES['the published one is due'];
  const waiting = STATES['one is pending'];
  const rows: readonly (readonly [what: string, facts: TokenFacts, run: RefreshRun, step: string])[] = [
    [
      'refreshed, all saved',
      facts(idle),
      run({ phase: { kind: 'achieved', achievement: { kind: 'refreshed' } } }),
      'end: refreshed',
    ],
    [
      'unchanged, a refresh token left',
      facts(idle, true),
      run({ phase: { kind: 'achieved', achievement: { kind: 'unchanged' } } }),
      'save-refresh-token',
    ],
    [
      'failed',
      facts(idle),
      run({ phase: { kind: 'backing-off', failure, waitMs: 500, next: WORKING } }),
      'wait 500 after provider-unavailable',
    ],
    ['held with others', facts(idle), run({ phase: { kind: 'refused', refusal: HELD } }), 'wait: held'],
    [
      'failed for somebody who waits',
      facts(waiting, true),
      run({ phase: { kind: 'failed', failure } }),
      'end: failed',
    ],
    ['ends with nothing left', facts(idle), run({ phase: ended }), 'end: failed'],
    ['ends with a pending token', facts(waiting), run({ phase: ended }), 'publish'],
    ['ends with both', facts(waiting, true), run({ phase: ended }), 'save-refresh-token'],
    [
      'ends after the last try',
      facts(waiting, true),
      run({ phase: { ...ended, hasTried: true } }),
      'end: failed',
    ],
    [
      'ends without the right to write',
      facts(waiting, true),
      run({ phase: ended, term: termUntil(OVER) }),
      'end: failed',
    ],
  ];
  for (const [what, token, refresh, step] of rows) {
    it(`${what}: ${step}`, () => {
      // No limit holds up the end, or what has its turn.
      assert.equal(word(decideStep(token, refresh, { ...FREE, hasTurn: false }, NOW)), step);
    });
  }
});

describe('decideStep, for all that can be', () => {
  const phases = fc.constantFrom<Phase>(
    WORKING,
    { kind: 'achieved', achievement: { kind: 'fresh' } },
    { kind: 'backing-off', failure: buildFailure(), waitMs: 1, next: WORKING },
    { kind: 'refused', refusal: HELD },
    { kind: 'failed', failure: buildFailure() },
    { kind: 'ending', failure: buildFailure(), hasTried: false },
    { kind: 'ending', failure: buildFailure(), hasTried: true },
  );
  const situations = fc.record({
    state: fc.constantFrom<TokenState>(...Object.values(STATES)),
    hasUnsaved: fc.boolean(),
    goal: fc.constantFrom<RefreshRun['goal']>('token', 'chain'),
    onlyIfDue: fc.boolean(),
    phase: phases,
    limits: fc.record({
      hasTurn: fc.boolean(),
      demandedMs: fc.constantFrom(0, 5),
      intervalMs: fc.constantFrom(0, 7),
      currentBlock: fc.constantFrom(undefined, buildFailure()),
    }),
  });

  it('keeps the order: saves before it publishes or fetches, publishes before it fetches', () => {
    fc.assert(
      fc.property(situations, ({ state, hasUnsaved, goal, onlyIfDue, phase, limits }) => {
        const refresh = run({ goal, onlyIfDue, phase });
        const { kind } = decideStep(facts(state, hasUnsaved), refresh, limits, NOW);
        if (hasUnsaved) assert.ok(kind !== 'publish' && kind !== 'fetch');
        if (state.stored === 'unread' || state.pending !== undefined) assert.notEqual(kind, 'fetch');
        if (kind === 'publish') {
          assert.ok(state.pending !== undefined);
          assert.ok(state.stored !== 'unread' || phase.kind === 'ending');
        }
        // Whatever reads the store or asks the provider has a turn, and has waited.
        if (kind === 'read-store' || kind === 'fetch')
          assert.deepEqual([limits.hasTurn, limits.demandedMs, phase.kind], [true, 0, 'working']);
        if (kind === 'fetch') assert.deepEqual([limits.intervalMs, limits.currentBlock], [0, undefined]);
      }),
      { numRuns: 2000 },
    );
  });
});
