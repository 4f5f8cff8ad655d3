import type { EventByName, RefreshEvent } from '../../src/core/events.ts';
import type { Failure } from '../../src/core/failure.ts';
import type { TokenIdentity } from '../../src/core/token/token.ts';

/** Wall time at which {@link FakeClock} starts. */
export const NOON_MS = Date.UTC(2026, 10, 21, 12);

export function buildIdentity(token: string = 'pik', changes: Partial<TokenIdentity> = {}): TokenIdentity {
  const [provider = token, customer] = token.split('/', 2);
  return { token, provider, kind: 'pik', customer, secret: `payments/${token}`, ...changes };
}

export function buildFailure(changes: Partial<Failure> = {}): Failure {
  return {
    code: 'provider-unavailable',
    retry: 'backoff',
    message: 'https://api.example.com/auth/token answered with status 503; nothing to do but wait',
    ...changes,
  };
}

/** One well-formed event of each name: a 30-minute token of `pik`, issued at noon. */
export const sampleEvents: EventByName = {
  'token-added': {
    event: 'token-added',
    identity: buildIdentity('pik/ayu'),
    bindingSecret: 'bindings/ayu',
  },
  'token-removed': {
    event: 'token-removed',
    identity: buildIdentity('pik/ayu'),
    why: 'its binding, secret bindings/ayu, was deleted',
  },
  'token-restored': {
    event: 'token-restored',
    identity: buildIdentity(),
    issuedAtMs: NOON_MS,
    expiresAtMs: NOON_MS + 1_800_000,
    refreshAtMs: NOON_MS + 1_680_000,
    generation: 7,
  },
  'token-absent': { event: 'token-absent', identity: buildIdentity(), why: 'no value yet' },
  'callers-unknown': { event: 'callers-unknown', problem: 'the API server answered 403 to a TokenReview' },
  'token-rejected': {
    event: 'token-rejected',
    identity: buildIdentity(),
    outcome: 'capped',
    cap: 'refused-again',
    status: 401,
    caller: 'payments/checkout',
    retryAfterMs: 240_000,
  },
  'refresh-started': { event: 'refresh-started', identity: buildIdentity(), reason: 'due' },
  'token-fetched': {
    event: 'token-fetched',
    identity: buildIdentity(),
    durationMs: 120,
    clockSkewMs: 250,
    failure: undefined,
    notes: [],
  },
  'secret-written': {
    event: 'secret-written',
    identity: buildIdentity(),
    target: 'document',
    durationMs: 40,
    failure: undefined,
  },
  'secret-versions-counted': {
    event: 'secret-versions-counted',
    identity: buildIdentity(),
    target: 'document',
    versionBudget: 144,
    agesMs: [60_000, 1_740_000],
    failure: undefined,
  },
  'version-budget-low': {
    event: 'version-budget-low',
    identity: buildIdentity(),
    target: 'document',
    versions: 123,
    versionBudget: 144,
  },
  'version-budget-exhausted': {
    event: 'version-budget-exhausted',
    identity: buildIdentity(),
    target: 'document',
    versions: 144,
    versionBudget: 144,
  },
  'version-budget-recovered': {
    event: 'version-budget-recovered',
    identity: buildIdentity(),
    target: 'document',
    versions: 110,
    versionBudget: 144,
  },
  'provider-outage-began': {
    event: 'provider-outage-began',
    provider: 'pik',
    failure: buildFailure(),
    waiting: 12,
  },
  'provider-outage-ended': {
    event: 'provider-outage-ended',
    provider: 'pik',
    failedForMs: 95_000,
    waiting: 12,
  },
  'fetch-budget-low': {
    event: 'fetch-budget-low',
    provider: 'pik',
    calls: 850,
    limit: { calls: 1000, window: 'day' },
    roomInMs: 0,
  },
  'fetch-budget-exhausted': {
    event: 'fetch-budget-exhausted',
    provider: 'pik',
    calls: 1000,
    limit: { calls: 1000, window: 'day' },
    roomInMs: 720_000,
  },
  'fetch-budget-recovered': {
    event: 'fetch-budget-recovered',
    provider: 'pik',
    calls: 799,
    limit: { calls: 1000, window: 'day' },
    roomInMs: 0,
  },
  'refresh-postponed': {
    event: 'refresh-postponed',
    identity: buildIdentity(),
    refreshAtMs: NOON_MS + 1_770_000,
  },
  'token-refreshed': {
    event: 'token-refreshed',
    identity: buildIdentity(),
    reason: 'due',
    durationMs: 180,
    issuedAtMs: NOON_MS,
    expiresAtMs: NOON_MS + 1_800_000,
    refreshAtMs: NOON_MS + 1_680_000,
    generation: 8,
  },
  'token-unchanged': {
    event: 'token-unchanged',
    identity: buildIdentity(),
    expiresAtMs: NOON_MS + 60_000,
    refreshAtMs: NOON_MS + 60_000,
  },
  'refresh-failed': {
    event: 'refresh-failed',
    identity: buildIdentity(),
    failure: buildFailure(),
    attempt: 1,
    repeated: false,
    nextAttemptAtMs: NOON_MS + 2_000,
    expiresAtMs: NOON_MS + 120_000,
  },
  'refresh-recovered': {
    event: 'refresh-recovered',
    identity: buildIdentity(),
    failures: 3,
    failedForMs: 65_000,
  },
  'refresh-abandoned': {
    event: 'refresh-abandoned',
    identity: buildIdentity(),
    failure: buildFailure({ code: 'aborted', retry: 'soon', message: 'the program stops' }),
  },
  'chain-recovered': { event: 'chain-recovered', identity: buildIdentity(), obtainedAtMs: NOON_MS },
  'journal-failed': {
    event: 'journal-failed',
    problem: 'journal /run/token-refresher/journal: an entry cannot be written (ENOSPC)',
  },
  'binding-rejected': {
    event: 'binding-rejected',
    provider: 'pik',
    bindingSecret: 'bindings/budi',
    reason: 'bindingId is missing, empty or not a text',
  },
  'bindings-counted': { event: 'bindings-counted', provider: 'pik', customers: 7, rejected: 1 },
  'discovery-failed': {
    event: 'discovery-failed',
    provider: 'pik',
    failure: buildFailure({
      code: 'store-unavailable',
      message: 'ListSecrets on secrets with the tag app=pivot failed',
    }),
  },
  'discovery-recovered': { event: 'discovery-recovered', provider: 'pik', failedForMs: 65_000 },
  'batch-read-denied': {
    event: 'batch-read-denied',
    problem: 'AWS denied secretsmanager:BatchGetSecretValue: secrets are read one by one instead',
  },
  'schedule-derived': {
    event: 'schedule-derived',
    provider: 'pik',
    cron: '7-59/30 * * * * *',
    lifetimeMs: 1_800_000,
    refreshEveryMs: 1_680_000,
    tickMs: 30_000,
    formerLifetimeMs: undefined,
  },
  'tick-missed': { event: 'tick-missed', provider: 'pik' },
  'clock-jumped': { event: 'clock-jumped', byMs: -3_600_000 },
  'leadership-acquired': { event: 'leadership-acquired' },
  'leadership-lost': { event: 'leadership-lost' },
  'coordination-failed': {
    event: 'coordination-failed',
    problem: 'the API server answered 500 to get of lease payments/token-refresher',
    isLeader: false,
  },
  'coordination-recovered': { event: 'coordination-recovered', failedForMs: 65_000 },
  'standing-by': {
    event: 'standing-by',
    leader: 'token-refresher-7d4b9c-x2x7k',
    reach: 'kubectl -n token-refresher port-forward pod/token-refresher-7d4b9c-x2x7k 8080',
    isOurs: true,
  },
  'nobody-leads': {
    event: 'nobody-leads',
    problem: 'lease token-refresher has been held by somebody for 17 s, which does not renew it',
    sinceMs: 17_000,
  },
  'mirror-written': {
    event: 'mirror-written',
    place: 'cluster',
    token: 'pik',
    generation: 7,
    durationMs: 12,
    behind: 0,
    behindSinceMs: NOON_MS,
    copiesUntilMs: undefined,
  },
  'mirror-failed': {
    event: 'mirror-failed',
    place: 'cluster',
    token: 'pik',
    failure: buildFailure({ code: 'store-unavailable', message: 'the API server did not answer' }),
    repeated: false,
    behind: 3,
    behindSinceMs: NOON_MS,
    copiesUntilMs: NOON_MS + 600_000,
    nextAttemptAtMs: NOON_MS + 1_000,
  },
  'mirror-caught-up': { event: 'mirror-caught-up', place: 'cluster', failedForMs: 600_000 },
  'alert-sent': {
    event: 'alert-sent',
    sink: 'slack',
    alert: 'TokenExpired',
    failure: undefined,
    repeated: false,
  },
  'alert-sink-recovered': { event: 'alert-sink-recovered', sink: 'slack', failures: 2, failedForMs: 65_000 },
};

export const allSampleEvents: readonly RefreshEvent[] = Object.values(sampleEvents);
