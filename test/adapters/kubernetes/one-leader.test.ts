import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEFAULT_LEASE_TIMING } from '../../../src/core/lease-timing.ts';
import type { Random } from '../../../src/core/ports.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { LeaseApi } from '../../support/lease-api.ts';
import { LeaseReplica, type Passage } from '../../support/lease-replica.ts';
import { fc } from '../../support/property.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';

const { leaseDurationMs, renewDeadlineMs, retryPeriodMs } = DEFAULT_LEASE_TIMING;
const NEVER_MS = Number.POSITIVE_INFINITY;
const REPLICAS = 3;
const DISTURBED_MS = 240_000;

/** Something that a leader did: what nobody else may do between two of these in one term. */
interface Act {
  readonly atMs: number;
  readonly identity: string;
  readonly term: number;
}

/** Leads whenever it can, acts at random moments while it may, and sometimes releases. */
async function work(
  replica: LeaseReplica,
  { clock, random, acts, end }: { clock: FakeClock; random: Random; acts: Act[]; end: AbortSignal },
): Promise<void> {
  for (let term = 1; !end.aborted; term += 1) {
    const leadership = await replica.elector.lead(end);
    const termMs = random.next() * 3 * leaseDurationMs;
    const startedMs = clock.monotonicMs();
    // What a managed token does: ask right before the act, after a wait of any length.
    while (!leadership.hasEnded()) {
      acts.push({ atMs: clock.monotonicMs(), identity: replica.identity, term });
      if (clock.monotonicMs() - startedMs > termMs && random.next() < 0.5) await replica.elector.release();
      await replica.clock.sleep(1 + random.next() * 700, end);
    }
  }
}

/** Weather of the network: mostly fine, sometimes late, sometimes gone. */
function drawPassage(random: Random, isDisturbed: () => boolean): Passage {
  if (!isDisturbed()) return { requestMs: 1, answerMs: 1 };
  const delay = (): number => (random.next() < 0.7 ? random.next() * 50 : random.next() * 20_000);
  const requestMs = random.next() < 0.1 ? NEVER_MS : delay();
  const answerMs = random.next() < 0.1 ? NEVER_MS : delay();
  const draw = random.next();
  if (draw < 0.05) return { requestMs, answerMs, refusal: 500 };
  return draw < 0.07 ? { requestMs, answerMs, refusal: 409 } : { requestMs, answerMs };
}

/** Stops and continues processes, cuts them off, and sets their wall clocks, until `untilMs`. */
async function disturb(
  replicas: readonly LeaseReplica[],
  { clock, random, untilMs }: { clock: FakeClock; random: Random; untilMs: number },
): Promise<void> {
  while (clock.monotonicMs() < untilMs) {
    await clock.sleep(random.next() * 12_000);
    const replica = replicas[Math.floor(random.next() * replicas.length)];
    const draw = random.next();
    if (replica === undefined) continue;
    if (draw < 0.35) replica.pause();
    else if (draw < 0.6) for (const each of replicas) each.resume();
    else if (draw < 0.8) replica.isCutOff = !replica.isCutOff;
    else clock.jumpWallTime((random.next() - 0.5) * 7_200_000);
  }
  for (const replica of replicas) {
    replica.resume();
    replica.isCutOff = false;
  }
}

async function simulate(seed: number) {
  const random = createSeededRandom(seed);
  const clock = new FakeClock();
  const api = new LeaseApi();
  const acts: Act[] = [];
  const end = new AbortController();
  const isDisturbed = (): boolean => clock.monotonicMs() < DISTURBED_MS;
  const replicas = Array.from(
    { length: REPLICAS },
    (_, index) =>
      new LeaseReplica({
        api,
        clock,
        identity: `pod-${index}`,
        timing: DEFAULT_LEASE_TIMING,
        wallSkewMs: (random.next() - 0.5) * 86_400_000,
        monotonicSkewMs: random.next() * 1e9,
        random,
        passage: () => drawPassage(random, isDisturbed),
      }),
  );
  const running = replicas.map((replica) =>
    work(replica, { clock, random, acts, end: end.signal }).catch((error: unknown) => error),
  );
  const disturbing = disturb(replicas, { clock, random, untilMs: DISTURBED_MS });
  await settle();
  await clock.advance(DISTURBED_MS + 20_000);
  await disturbing;
  const calmFromMs = clock.monotonicMs();
  await clock.advance(leaseDurationMs + renewDeadlineMs + 4 * retryPeriodMs);
  const actsInCalm = acts.filter(({ atMs }) => atMs > calmFromMs).length;
  end.abort(new Error('the simulation ends'));
  await settle();
  return { acts, actsInCalm, running };
}

/** The first act of a term that another term's acts surround; terms must follow one another like beads. */
function findOverlap(acts: readonly Act[]): string | undefined {
  const ended = new Set<string>();
  let present: string | undefined;
  for (const { atMs, identity, term } of acts) {
    const name = `term ${term} of ${identity}`;
    if (name === present) continue;
    if (ended.has(name)) return `${name} goes on at ${atMs} ms, after ${present ?? 'nobody'} has begun`;
    if (present !== undefined) ended.add(present);
    present = name;
  }
  return undefined;
}

describe('One at a time: among three replicas', () => {
  it('terms never overlap, whatever network, clocks and schedulers do, and somebody leads when it is over', async () => {
    let terms = 0;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 31 }), async (seed) => {
        const { acts, actsInCalm } = await simulate(seed);
        assert.equal(findOverlap(acts), undefined);
        assert.ok(actsInCalm > 0, 'somebody leads again');
        terms += new Set(acts.map(({ identity, term }) => `${identity} ${term}`)).size;
      }),
      { numRuns: 40, endOnFailure: true },
    );
    assert.ok(terms > 200, `${terms} terms are too few to prove anything`);
  });

  it('an overlap would be found', () => {
    const act = (identity: string, term: number, atMs: number): Act => ({ identity, term, atMs });
    assert.equal(findOverlap([act('a', 1, 0), act('a', 1, 5), act('b', 1, 9), act('a', 2, 12)]), undefined);
    assert.equal(
      findOverlap([act('a', 1, 0), act('b', 1, 5), act('a', 1, 9)]),
      'term 1 of a goes on at 9 ms, after term 1 of b has begun',
    );
  });
});
