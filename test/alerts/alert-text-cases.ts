/**
 * Every state of tokens that people are alerted about, and the whole message: `alert-texts.md` is what it prints.
 * `node test/alerts/alert-text-cases.ts > test/alerts/alert-texts.md` after a change of a text; then read it.
 */
import { findConditions } from '../../src/alerts/alert-conditions.ts';
import type { Transition } from '../../src/alerts/alert-groups.ts';
import { buildNotification } from '../../src/alerts/alert-text.ts';
import { TokenBoard } from '../../src/board/token-board.ts';
import type { AlertNotification } from '../../src/core/alert.ts';
import type { RefreshEvent } from '../../src/core/events.ts';
import { FAILURE_CODES, type FailureCode, type Retry } from '../../src/core/failure.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { buildIdentity, NOON_MS, sampleEvents } from '../support/sample-events.ts';

const LEADS: RefreshEvent = { event: 'leadership-acquired' };

/** What each code's message looks like, as the daemon words them, and whether a person is needed. */
const SAID: Readonly<Record<FailureCode, readonly [Retry, string]>> = {
  'credentials-rejected': ['needs-human', 'POST https://api.example.com/token answered with status 401'],
  'request-rejected': ['needs-human', 'POST https://api.example.com/token answered with status 404'],
  'rate-limited': ['backoff', 'POST https://api.example.com/token answered with status 429'],
  'provider-unavailable': ['backoff', 'POST https://api.example.com/token answered with status 503'],
  'response-malformed': ['backoff', 'POST https://api.example.com/token: no access_token in the answer'],
  'token-unchanged': ['soon', 'the provider handed out the token that is already published'],
  'clock-skewed': ['backoff', 'the provider refused the timestamp: its clock is 312 s behind ours'],
  'chain-broken': ['needs-human', 'the refresh token is spent: get a new consent'],
  'store-denied': ['needs-human', 'AWS denied secretsmanager:PutSecretValue on payments/pik'],
  'store-missing': ['needs-human', 'there is no secret payments/pik'],
  'store-not-ours': ['needs-human', 'payments/pik lacks the tag managed-by=token-refresher'],
  'store-deleting': ['needs-human', 'payments/pik is scheduled for deletion'],
  'store-quota': ['backoff', 'payments/pik has used up its versions of 24 hours'],
  'store-conflict': ['soon', 'payments/pik was changed by another writer'],
  'store-unavailable': ['backoff', 'Secrets Manager answered with status 503'],
  'leadership-lost': ['soon', 'another replica leads'],
  aborted: ['soon', 'the program stops'],
};

/** A token of 15 minutes, issued at noon, refreshed at 12:14. */
function restored(token: string): RefreshEvent {
  return {
    ...sampleEvents['token-restored'],
    identity: buildIdentity(token),
    expiresAtMs: NOON_MS + 900_000,
    refreshAtMs: NOON_MS + 840_000,
  };
}

function absent(token: string): RefreshEvent {
  return { ...sampleEvents['token-absent'], identity: buildIdentity(token) };
}

/** Fails `atMs` after noon for the first time, and is tried again 12 s, or where a person is needed 15 minutes, later. */
function failed(token: string, code: FailureCode, atMs: number): RefreshEvent {
  const [retry, message] = SAID[code];
  return {
    ...sampleEvents['refresh-failed'],
    identity: buildIdentity(token),
    failure: { code, retry, message },
    nextAttemptAtMs: NOON_MS + atMs + (retry === 'needs-human' ? 900_000 : 12_000),
    expiresAtMs: undefined,
  };
}

/** Events at milliseconds after noon, and when it is looked. */
interface Scene {
  readonly title: string;
  readonly events: readonly (readonly [atMs: number, event: RefreshEvent])[];
  readonly lookAtMs: number;
  /** Left out: `fired`, for what holds then. Else: what held at `foundAtMs` is over or goes on. */
  readonly occasion?: Transition['occasion'];
  readonly foundAtMs?: number;
}

const DUE_MS = 840_000;
const customers = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `pivot-b2b2c/c${String(index + 1).padStart(4, '0')}`);

const THREE = ['b/ayu', 'b/budi', 'b/citra'];

/** 2,005 customers, of which the first `failing` fail when they are due. */
function outage(failing: number): Scene['events'] {
  return [
    [0, LEADS],
    ...customers(2_005).map((token) => [0, restored(token)] as const),
    ...customers(failing).map(
      (token, index) =>
        [DUE_MS, failed(token, index < 3 ? 'rate-limited' : 'provider-unavailable', DUE_MS)] as const,
    ),
  ];
}

export const SCENES: readonly Scene[] = [
  ...FAILURE_CODES.flatMap((code): readonly Scene[] => [
    {
      title: `${code}, readers have a valid token`,
      events: [
        [0, LEADS],
        [0, restored('pik')],
        [DUE_MS, failed('pik', code, DUE_MS)],
      ],
      lookAtMs: DUE_MS + 5_000,
    },
  ]),
  {
    title: 'no token is published: the contradictory pair of the past is one message',
    events: [
      [0, LEADS],
      [0, absent('pik')],
      [1_000, failed('pik', 'provider-unavailable', 1_000)],
    ],
    lookAtMs: 6_000,
  },
  {
    title: 'no token is published, and a person is needed',
    events: [
      [0, LEADS],
      [0, absent('pik')],
      [1_000, failed('pik', 'credentials-rejected', 1_000)],
    ],
    lookAtMs: 6_000,
  },
  {
    title: 'the store has not been read',
    events: [
      [0, LEADS],
      [1_000, failed('pik', 'store-unavailable', 1_000)],
    ],
    lookAtMs: 6_000,
  },
  {
    title: 'less than half of the margin is left',
    events: [
      [0, LEADS],
      [0, restored('pik')],
      [DUE_MS, failed('pik', 'provider-unavailable', DUE_MS)],
    ],
    lookAtMs: 880_000,
  },
  {
    title: 'expired, the provider is down',
    events: [
      [0, LEADS],
      [0, restored('pik')],
      [DUE_MS, failed('pik', 'provider-unavailable', DUE_MS)],
    ],
    lookAtMs: 963_000,
  },
  {
    title: 'expired, and the chain is broken',
    events: [
      [0, LEADS],
      [0, restored('pik')],
      [DUE_MS, failed('pik', 'chain-broken', DUE_MS)],
    ],
    lookAtMs: 963_000,
  },
  {
    title: 'expired, and nothing fails: the schedule stands still',
    events: [
      [0, LEADS],
      [0, restored('pik')],
    ],
    lookAtMs: 963_000,
  },
  {
    title: 'a chain that starts again with the next attempt',
    events: [
      [0, LEADS],
      [0, restored('pik')],
      [
        DUE_MS,
        {
          ...sampleEvents['refresh-failed'],
          failure: { code: 'chain-broken', retry: 'soon', message: 'the refresh token has expired' },
          nextAttemptAtMs: DUE_MS + NOON_MS + 6_000,
          expiresAtMs: undefined,
        },
      ],
    ],
    lookAtMs: DUE_MS + 5_000,
  },
  { title: '214 of 2,005 customers', events: outage(214), lookAtMs: DUE_MS + 5_000 },
  { title: '1 of 2,005 customers', events: outage(1), lookAtMs: DUE_MS + 5_000 },
  { title: '2,005 customers have expired', events: outage(2_005), lookAtMs: 963_000 },
  {
    title: 'some expired, some were never published',
    events: [
      [0, LEADS],
      [0, restored('b/ayu')],
      [0, restored('b/budi')],
      [0, absent('b/citra')],
      ...['b/ayu', 'b/budi', 'b/citra'].map(
        (token) => [DUE_MS, failed(token, 'store-denied', DUE_MS)] as const,
      ),
    ],
    lookAtMs: 963_000,
  },
  {
    title: 'the clocks differ, and nothing fails yet',
    events: [
      [0, LEADS],
      [0, restored('pik')],
      [0, { ...sampleEvents['token-fetched'], clockSkewMs: -312_000 }],
    ],
    lookAtMs: 5_000,
  },
  {
    title: 'versions run short',
    events: [
      [0, LEADS],
      [0, restored('pik')],
      [0, sampleEvents['version-budget-low']],
    ],
    lookAtMs: 5_000,
  },
  {
    title: 'a stand-by: another installation leads',
    events: [
      [0, restored('pik')],
      [0, absent('pivot')],
      [0, { event: 'standing-by', leader: 'other-7d4b9-x2x', isOurs: false }],
    ],
    lookAtMs: 1_300_000,
  },
  {
    title: 'a stand-by: nobody is seen to lead',
    events: [
      [0, restored('pik')],
      [0, restored('pivot')],
      [0, { event: 'nobody-leads', problem: 'the API server answered 403 Forbidden', sinceMs: 0 }],
    ],
    lookAtMs: 35_000,
  },
  {
    title: 'it goes on: the reminder',
    events: [
      [0, LEADS],
      [0, restored('pik')],
      [DUE_MS, failed('pik', 'provider-unavailable', DUE_MS)],
    ],
    foundAtMs: 905_000,
    lookAtMs: 15_300_000,
    occasion: 'reminder',
  },
  {
    title: 'it is quiet, and waited whether that lasts',
    events: [
      [0, LEADS],
      [0, restored('pik')],
      [DUE_MS, failed('pik', 'provider-unavailable', DUE_MS)],
      [860_000, { ...restored('pik'), ...lives(860_000) }],
    ],
    foundAtMs: DUE_MS + 5_000,
    lookAtMs: 900_000,
    occasion: 'kept',
  },
  {
    title: 'recovered before anything expired',
    events: [
      [0, LEADS],
      [0, restored('pik')],
      [DUE_MS, failed('pik', 'provider-unavailable', DUE_MS)],
      [860_000, { ...restored('pik'), ...lives(860_000) }],
    ],
    foundAtMs: DUE_MS + 5_000,
    lookAtMs: 865_000,
    occasion: 'recovered',
  },
  {
    title: 'recovered: a replica leads',
    events: [
      [0, restored('pik')],
      [0, { event: 'nobody-leads', problem: 'the API server answered 403 Forbidden', sinceMs: 0 }],
      [60_000, { event: 'standing-by', leader: 'token-refresher-7d4b9-abc', isOurs: true }],
    ],
    foundAtMs: 35_000,
    lookAtMs: 65_000,
    occasion: 'recovered',
  },
  {
    title: 'recovered, three customers',
    events: [
      [0, LEADS],
      ...THREE.map((token) => [0, absent(token)] as const),
      ...THREE.map((token) => [1_000, failed(token, 'store-denied', 1_000)] as const),
      ...THREE.map((token) => [300_000, { ...restored(token), ...lives(300_000) }] as const),
    ],
    foundAtMs: 6_000,
    lookAtMs: 305_000,
    occasion: 'recovered',
  },
  {
    title: 'superseded: the failing token has expired',
    events: [
      [0, LEADS],
      [0, restored('pik')],
      [DUE_MS, failed('pik', 'provider-unavailable', DUE_MS)],
    ],
    foundAtMs: DUE_MS + 5_000,
    lookAtMs: 905_000,
    occasion: 'superseded',
  },
  {
    title: 'inherited: a new leader finds nothing of it',
    events: [
      [0, LEADS],
      [0, restored('pik')],
      [DUE_MS, failed('pik', 'provider-unavailable', DUE_MS)],
      [860_000, { ...restored('pik'), ...lives(860_000) }],
    ],
    foundAtMs: DUE_MS + 5_000,
    lookAtMs: 865_000,
    occasion: 'inherited',
  },
];

/** Of a token that is refreshed so long after noon. */
function lives(atMs: number) {
  return { expiresAtMs: NOON_MS + atMs + 900_000, refreshAtMs: NOON_MS + atMs + 840_000 };
}

export async function notificationsOf(scene: Scene): Promise<readonly AlertNotification[]> {
  const { events, lookAtMs, occasion = 'fired', foundAtMs = lookAtMs } = scene;
  const clock = new FakeClock();
  const board = new TokenBoard(clock);
  const passTo = (atMs: number): Promise<void> => clock.advance(NOON_MS + atMs - clock.now());
  let found: ReturnType<typeof findConditions> | undefined;
  for (const [atMs, event] of events) {
    if (foundAtMs < atMs && found === undefined) {
      await passTo(foundAtMs);
      found = findConditions(board, clock);
    }
    await passTo(atMs);
    board.onEvent(event);
  }
  if (found === undefined) {
    await passTo(foundAtMs);
    found = findConditions(board, clock);
  }
  await passTo(lookAtMs);
  const settings = {
    source: 'payments',
    runbookUrl: undefined,
    ownUrl: 'http://localhost:8080',
    ownUrlHint: undefined,
  };
  const isOver = occasion === 'recovered' || occasion === 'superseded' || occasion === 'inherited';
  return found.map(({ alert, provider, members }) =>
    buildNotification(
      {
        occasion,
        alert,
        provider,
        members: occasion === 'inherited' ? [] : members,
        startedAtMs: NOON_MS + foundAtMs - 5_000,
        lastedMs: lookAtMs - foundAtMs + 5_000,
        isQuiet: isOver || occasion === 'kept',
      },
      settings,
      board,
      clock.now(),
    ),
  );
}

function write({ severity, alert, status, summary, description, action }: AlertNotification): string {
  const label = status === 'resolved' ? 'resolved' : severity;
  return `\`\`\`\n[${label}] ${alert}\n${summary}\n${description}\n-> ${action}\n\`\`\`\n`;
}

/** The whole document. */
export async function writeTexts(): Promise<string> {
  const parts = await Promise.all(
    SCENES.map(async (scene) => {
      const texts = (await notificationsOf(scene)).map(write);
      return `## ${scene.title}\n\n${texts.join('\n')}`;
    }),
  );
  return `# What alerts say\n\nA token of 15 minutes, issued at 12:00:00 UTC, is due at 12:14:00. Made by alert-text-cases.ts.\n\n${parts.join('\n')}`;
}

if (import.meta.main) process.stdout.write(await writeTexts());
