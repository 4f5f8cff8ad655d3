/** Deliberate bugs, each of which the simulation has to find. */

import type { Profile } from './scenario.ts';

export interface Mutation {
  readonly name: string;
  /** Below `src/`. */
  readonly file: string;
  /** Exact texts, each there once, and what they become. */
  readonly changes: readonly (readonly [from: string, to: string])[];
  /** `versions`: needs whole days. `customers`: needs customers that are discovered. `consents`: needs seeds. `readers`: needs a mirror, or reports. */
  readonly profile?: Profile;
  /** Needs several replicas. */
  readonly replicas?: number;
  /** Needs more tokens than usual. */
  readonly tokens?: number;
}

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'no fence',
    file: 'adapters/secrets-manager/secrets-manager-store.ts',
    changes: [['VersionStages: [NEXT_LABEL],', 'VersionStages: [CURRENT_LABEL],']],
    replicas: 3,
  },
  {
    name: 'fence only on lease',
    file: 'adapters/secrets-manager/secrets-manager-store.ts',
    changes: [
      [
        '    const moved = await this.#call(',
        '    const seen = await this.read(secretName, signal);\n    const moved = await this.#call(',
      ],
      ['RemoveFromVersionId: expectedVersion,', 'RemoveFromVersionId: seen.value.version,'],
    ],
    replicas: 3,
  },
  {
    name: 'retry without delay',
    file: 'core/schedule/backoff.ts',
    changes: [['return Math.max(ownWait(input, draw), input.failure.retryAfterMs ?? 0);', 'return 0;']],
  },
  {
    name: 'publish before persist',
    file: 'refresh/decide-step.ts',
    changes: [
      [
        'const write = hasUnsaved ? SAVE : unwritten;',
        'const write = unwritten ?? (hasUnsaved ? SAVE : undefined);',
      ],
    ],
  },
  {
    name: 'no cap of the wait',
    file: 'core/schedule/backoff.ts',
    changes: [['Math.round(draw * Math.min(grownMs, maxMs))', 'Math.round(draw * grownMs * 100)']],
  },
  {
    name: 'missed tick ignored',
    file: 'refresh/provider-scheduler.ts',
    changes: [["'tick-missed', provider });\n        this.#tick();", "'tick-missed', provider });"]],
    replicas: 1,
  },
  {
    name: 'restart fetches',
    file: 'refresh/token-state.ts',
    changes: [
      [
        "const published = read.kind === 'live' ? adopt(deps, read.document, known) : undefined;",
        'const published = undefined;',
      ],
    ],
  },
  {
    name: 'stale refresh token',
    file: 'refresh/token-chain.ts',
    changes: [
      [
        'stored: { state, version: written.value.version }',
        'stored: { ...this.#chain.stored, version: written.value.version }',
      ],
      [
        '    this.#chain = learnStored(this.#chain, found);\n',
        '    if (this.#chain.stored.state === undefined) this.#chain = learnStored(this.#chain, found);\n',
      ],
    ],
  },
  {
    name: 'budget not counted',
    file: 'core/limits/version-pace.ts',
    changes: [
      [
        'const wantedAtMs = Math.min(Math.max(evenAtMs, plannedAtMs), latestAtMs) - offsetMs;',
        'const wantedAtMs = plannedAtMs - offsetMs;',
      ],
      [
        'return Math.min(latestAtMs, Math.max(wantedAtMs, decideAffordableAt(input) ?? wantedAtMs));',
        'return wantedAtMs;',
      ],
    ],
    profile: 'versions',
    replicas: 1,
  },
  {
    name: 'leadership not looked at again',
    file: 'replica/replica.ts',
    changes: [
      [
        'return { signal, hasEnded: () => leadership.hasEnded() || drained.aborted, stopping };',
        'return { signal: drained, hasEnded: () => drained.aborted, stopping };',
      ],
    ],
    replicas: 3,
  },
  {
    name: 'answer not journalled',
    file: 'refresh/token-chain.ts',
    changes: [
      [
        '    await this.#deps.journal?.write({ write: unsaved.write, obtainedAtMs: unsaved.state.obtainedAtMs });\n',
        '',
      ],
    ],
  },
  {
    name: 'renew deadline ignored',
    file: 'adapters/kubernetes/lease-elector.ts',
    changes: [
      [
        'return sentAtMs + this.#options.timing.renewDeadlineMs;',
        'return sentAtMs + 20 * this.#options.timing.renewDeadlineMs;',
      ],
    ],
    replicas: 3,
  },
  {
    name: 'pending token dropped',
    file: 'refresh/decide-step.ts',
    changes: [
      ['  if (pending !== undefined && write !== undefined) return write;\n', ''],
      ["return write ?? { kind: 'fetch' };", "return hasUnsaved ? SAVE : { kind: 'fetch' };"],
    ],
  },
  {
    name: 'a turn is not given back',
    file: 'refresh/limits/token-limits.ts',
    changes: [['    this.#deps.concurrency.leave();\n', '']],
  },
  {
    name: 'Retry-After ignored',
    file: 'refresh/managed-token.ts',
    changes: [
      [
        'const waitMs = this.#decideWait({ ...run, failures }, failure);',
        'const waitMs = this.#decideWait({ ...run, failures }, { ...failure, retryAfterMs: 0 });',
      ],
    ],
  },
  {
    name: 'clock jump ignored',
    file: 'replica/replica.ts',
    changes: [['for (const scheduler of this.#schedulers) scheduler.handleClockJump();\n', '']],
  },
  {
    name: 'shorter life replaces longer',
    file: 'core/token/replacement.ts',
    changes: [
      ["return fetched.expiresAtMs > published.expiresAtMs ? 'replace' : 'unchanged';", "return 'replace';"],
    ],
  },
  {
    name: 'ownership not looked at',
    file: 'adapters/secrets-manager/ownership.ts',
    changes: [['if (owner === OWNER_TAG_VALUE) return', 'if (owner !== null) return']],
  },
  {
    name: 'rejected credentials every minute',
    file: 'core/schedule/backoff.ts',
    changes: [['export const NEEDS_HUMAN_MS = 15 * 60_000;', 'export const NEEDS_HUMAN_MS = 60_000;']],
  },
  {
    name: 'minInterval ignored',
    file: 'refresh/limits/cool-down.ts',
    changes: [['last === undefined ? 0 : minIntervalMs - (', 'last === undefined ? 0 : 0 * (']],
  },
  {
    name: 'end of an alert not told',
    file: 'alerts/alert-groups.ts',
    changes: [["return successor === undefined ? 'recovered' : 'superseded';", 'return undefined;']],
    replicas: 1,
  },
  {
    name: 'former leader goes on telling',
    file: 'alerts/notifier.ts',
    changes: [['for (const { queue } of this.#queues) queue.dropProviders();', '']],
    replicas: 3,
  },
  {
    name: 'alerts never begin',
    file: 'alerts/alert-conditions.ts',
    changes: [['? findAsLeader(board, now.now())', '? []']],
  },
  {
    name: 'inherited alerts not ended',
    file: 'alerts/notifier.ts',
    changes: [["if (event.event === 'leadership-acquired') this.#groups.beginTerm();", '']],
    replicas: 3,
  },
  {
    name: 'incomplete list is believed',
    file: 'replica/known-bindings.ts',
    changes: [
      [
        'const loss = await catalog.findLoss(secretName, tag, signal);',
        "const loss = succeed('is on no list');\n      void [catalog, tag];",
      ],
    ],
    profile: 'customers',
  },
  {
    name: 'gone customer kept',
    file: 'replica/known-bindings.ts',
    changes: [
      [
        'this.#losses.set(secretName, loss.value);\n        this.#hasNews = true;',
        'this.#losses.set(secretName, loss.value);',
      ],
    ],
    profile: 'customers',
  },
  {
    name: 'new customer never refreshed',
    file: 'replica/managed-provider.ts',
    changes: [['    this.scheduler.add(managedTokens);\n', '']],
    profile: 'customers',
  },
  {
    name: 'gone customer refreshed',
    file: 'replica/managed-provider.ts',
    changes: [['const retired = this.scheduler.remove(managed);', 'const retired = Promise.resolve();']],
    profile: 'customers',
  },
  {
    name: 'gone customer goes on being alerted',
    file: 'board/token-board.ts',
    changes: [['if (next === undefined) this.#tokens.delete(token);', 'if (next === undefined) return;']],
    profile: 'customers',
  },
  {
    name: 'all ask a provider that is down',
    file: 'core/limits/circuit.ts',
    changes: [
      ['if (streak.all.begun < needed)', 'if (streak.all.begun < 99)'],
      [
        "standing === 'failed' && circuit.streak.tokens.length >= MANY_FAILING",
        "standing === 'failed' && circuit.streak.tokens.length > 99",
      ],
    ],
    replicas: 1,
    tokens: 14,
  },
  {
    name: 'presentation not noted',
    file: 'refresh/token-chain.ts',
    changes: [['    else await journal?.writePresentation(note.presentation);\n', '']],
    replicas: 1,
  },
  {
    name: 'new seed ignored',
    file: 'core/token/chain-state.ts',
    changes: [['if (chain?.seed === fingerprint) return chain;', 'if (chain !== undefined) return chain;']],
    profile: 'consents',
  },
  {
    name: 'seed presented again',
    file: 'refresh/chain.ts',
    changes: [['seed: seed?.fingerprint() ?? stored.state?.seed,', 'seed: stored.state?.seed,']],
    profile: 'consents',
  },
  {
    name: 'floor after a fetch removed',
    file: 'core/rejection/decide-rejection.ts',
    changes: [["  if (floorMs > 0) return blocked('cooling-down', floorMs);\n", '  void floorMs;\n']],
    profile: 'readers',
  },
  {
    name: 'any report is believed',
    file: 'core/rejection/decide-rejection.ts',
    changes: [
      [
        'published !== undefined && !isSameFingerprint(fingerprint, published.fingerprint)',
        'published?.generation === -1',
      ],
    ],
    profile: 'readers',
  },
  {
    name: 'reports without caps',
    file: 'core/rejection/decide-rejection.ts',
    changes: [
      ['export const MAX_AN_HOUR = 4;', 'export const MAX_AN_HOUR = 400;'],
      ['const MAX_IN_A_ROW = 2;', 'const MAX_IN_A_ROW = 200;'],
    ],
    profile: 'readers',
  },
  {
    name: 'reports do not join a refresh',
    file: 'refresh/managed-token.ts',
    changes: [
      [
        "return this.#running?.outcome ?? this.#begin('rejected', term, 'unlimited', { refused });",
        "return this.#begin('rejected', term, 'unlimited', { refused });",
      ],
      [
        'const pausedMs = this.#running && Math.max(0, this.#running.resumesAtMs - clock.monotonicMs());',
        'const pausedMs = undefined;',
      ],
    ],
    profile: 'readers',
  },
  {
    name: 'reports are not acted on',
    file: 'refresh/rejection-desk.ts',
    changes: [["    if (verdict.kind === 'fetch') this.#fetch(managed, fingerprint);\n", '']],
    profile: 'readers',
  },
  {
    name: 'older copy replaces newer',
    file: 'refresh/mirrors/decide-mirror-write.ts',
    changes: [
      [
        'if (ours.generation > theirs.generation) return true;',
        'if (ours.generation !== theirs.generation) return true;',
      ],
    ],
    profile: 'readers',
  },
  {
    name: 'mirror gives up after a failure',
    file: 'refresh/mirrors/mirror-queue.ts',
    changes: [
      [
        'if (pending !== undefined) this.#wait(pending, waitMs, { failure, isKept: false });',
        'if (pending !== undefined) this.#pending.delete(token);\n    void [waitMs, failure];',
      ],
    ],
    profile: 'readers',
  },
  {
    name: 'failing mirror is not told',
    file: 'refresh/mirrors/mirror.ts',
    changes: [
      [
        "if (failure.code === 'store-conflict' && attempt <= QUIET_CONFLICTS) return;",
        'if (attempt > 0) return;',
      ],
    ],
    profile: 'readers',
  },
];
