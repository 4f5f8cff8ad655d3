/** What people find on the status page at 3 a.m., one board each. */
import type { EventByName } from '../../src/core/events.ts';
import type { TokenIdentity } from '../../src/core/token/token.ts';
import { buildIdentity } from './sample-events.ts';
import { createStatusStage, playDay, type StatusStage } from './status-stage.ts';

const MINUTE_MS = 60_000;
const LEADER = 'token-refresher-7c9f-abcde';

function customer(index: number): TokenIdentity {
  return buildIdentity(`pivot-b2b2c/customer-${String(index).padStart(5, '0')}`, { kind: 'pivot-b2b2c' });
}

async function playFine(): Promise<StatusStage> {
  const stage = createStatusStage();
  await playDay(stage);
  for (const name of ['pik', 'pivot-b2b', 'apimw', 'pivot', 'paysecurez', 'snap', 'dhl'])
    stage.refresh(buildIdentity(name));
  await stage.clock.advance(25_000);
  return stage;
}

/** One provider is down with 2,000 customers; three more tokens are fine. */
async function playDown(): Promise<StatusStage> {
  const stage = createStatusStage();
  await playDay(stage);
  for (const name of ['pik', 'pivot-b2b', 'apimw']) stage.refresh(buildIdentity(name), 60 * MINUTE_MS);
  for (let index = 0; index < 2000; index += 1) stage.refresh(customer(index), 15 * MINUTE_MS + index * 50);
  await stage.clock.advance(8 * MINUTE_MS);
  for (let index = 0; index < 2000; index += 1)
    stage.fail(customer(index), {
      message:
        'POST https://api.pivot.example/b2b2c/token answered with status 503: the provider is overloaded or down',
    });
  await stage.clock.advance(48_000);
  return stage;
}

async function playExpired(): Promise<StatusStage> {
  const stage = createStatusStage();
  await playDay(stage);
  for (const name of ['pik', 'pivot-b2b'])
    stage.fail(buildIdentity(name), {
      code: 'credentials-rejected',
      retry: 'needs-human',
      message: `POST https://${name}.example/token answered with status 401: correct apiKey of ${name}`,
    });
  await stage.clock.advance(70 * MINUTE_MS);
  return stage;
}

async function playFirstStart(): Promise<StatusStage> {
  const stage = createStatusStage();
  for (let index = 0; index < 2005; index += 1) {
    if (index < 1736) stage.refresh(customer(index));
    else stage.tell({ event: 'token-absent', identity: customer(index), why: 'no value yet' });
  }
  await stage.clock.advance(5000);
  return stage;
}

async function playStandby(): Promise<StatusStage> {
  const stage = createStatusStage({ isLeader: false });
  stage.tell(
    {
      event: 'standing-by',
      leader: LEADER,
      reach: `kubectl -n payments port-forward pod/${LEADER} 8080`,
      isOurs: true,
    },
    { event: 'token-absent', identity: customer(0), why: 'no value yet' },
    { event: 'token-absent', identity: customer(1), why: 'no value yet' },
  );
  stage.refresh(customer(2), MINUTE_MS);
  stage.refresh(customer(3));
  await stage.clock.advance(5 * MINUTE_MS);
  return stage;
}

/** Three causes at once: one for a person, two that heal; and some tokens that wait for their turn. */
async function playMixed(): Promise<StatusStage> {
  const stage = createStatusStage();
  await playDay(stage);
  for (const name of ['pik', 'pivot-b2b']) stage.refresh(buildIdentity(name), 60 * MINUTE_MS);
  for (let index = 0; index < 300; index += 1) stage.refresh(customer(index), 20 * MINUTE_MS);
  for (let index = 0; index < 5; index += 1)
    stage.fail(customer(index), {
      code: 'rate-limited',
      message: 'too many requests: asked to wait for 30 s',
    });
  stage.tell({ event: 'token-absent', identity: customer(400), why: 'no value yet' });
  const chase = buildIdentity('chase');
  stage.tell({ event: 'token-absent', identity: chase, why: 'no value yet' });
  stage.fail(chase, {
    code: 'credentials-rejected',
    retry: 'needs-human',
    message: 'https://chase.example/token answered with status 401: correct clientSecret of chase',
  });
  await stage.clock.advance(30_000);
  return stage;
}

/** One mirror cannot be reached and its readers have old copies, another refuses a write; the authority is well. */
async function playMirrors(): Promise<StatusStage> {
  const stage = await playFine();
  const startMs = stage.clock.now();
  await stage.clock.advance(10 * MINUTE_MS);
  const failed = {
    event: 'mirror-failed',
    token: 'pik',
    repeated: false,
    behindSinceMs: startMs,
  } as const;
  stage.tell(
    {
      ...failed,
      place: 'jakarta',
      failure: {
        code: 'store-unavailable',
        retry: 'backoff',
        message: 'GET https://10.0.0.1/api/v1/namespaces/payments/secrets/pik did not answer within 5 s',
      },
      behind: 3,
      copiesUntilMs: startMs + 14 * MINUTE_MS,
      nextAttemptAtMs: stage.clock.now() + 42_000,
    },
    {
      ...failed,
      place: 'batam',
      failure: {
        code: 'store-denied',
        retry: 'needs-human',
        message:
          'PUT secrets/pik in batam answered with status 403: allow update on it to the service account',
      },
      behind: 1,
      copiesUntilMs: undefined,
      nextAttemptAtMs: stage.clock.now() + 15 * MINUTE_MS,
    },
  );
  await stage.clock.advance(5 * MINUTE_MS);
  return stage;
}

/** The API refuses the token of one provider, and another one was of no help; one report of a second is being dealt with. */
async function playRefused(): Promise<StatusStage> {
  const stage = await playFine();
  const refuse = (token: string, changes: Partial<EventByName['token-rejected']> = {}): void =>
    stage.tell({
      event: 'token-rejected',
      identity: buildIdentity(token),
      outcome: 'capped',
      cap: 'refused-again',
      status: 401,
      caller: 'payments/checkout',
      retryAfterMs: 10 * MINUTE_MS,
      ...changes,
    });
  for (let report = 0; report < 12; report += 1) {
    refuse('snap');
    await stage.clock.advance(10_000);
  }
  refuse('dhl', { outcome: 'cooling-down', cap: undefined, status: 403, retryAfterMs: 20_000 });
  await stage.clock.advance(5_000);
  return stage;
}

export const STATUS_SCENES = {
  fine: playFine,
  down: playDown,
  expired: playExpired,
  'first-start': playFirstStart,
  'stand-by': playStandby,
  mixed: playMixed,
  mirrors: playMirrors,
  refused: playRefused,
} as const satisfies Readonly<Record<string, () => Promise<StatusStage>>>;
