import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  AwsCredentials,
  LOOK_UP_MS,
  sendSigned,
} from '../../../src/adapters/aws-credentials/aws-credentials.ts';
import { AwsCredentialsError, type AwsIdentity } from '../../../src/adapters/aws-credentials/aws-identity.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';

const HOUR_MS = 3_600_000;

function createBench() {
  const clock = new FakeClock();
  const lookUps: PromiseWithResolvers<AwsIdentity>[] = [];
  const signals: AbortSignal[] = [];
  const credentials = new AwsCredentials({
    clock,
    place: () => 'the agent',
    limitMs: LOOK_UP_MS,
    lookUp: (signal) => {
      const looking = Promise.withResolvers<AwsIdentity>();
      lookUps.push(looking);
      signals.push(signal);
      return looking.promise;
    },
  });
  let made = 0;
  const identity = (livesMs: number | undefined): AwsIdentity => {
    made += 1;
    const expiration = livesMs === undefined ? {} : { expiration: new Date(clock.now() + livesMs) };
    return {
      accessKeyId: `AKIA${made}`,
      secretAccessKey: 'secret',
      sessionToken: `token-${made}`,
      ...expiration,
    };
  };
  /** Answers the last look-up. */
  const answer = async (livesMs?: number): Promise<void> => {
    await settle();
    lookUps.at(-1)?.resolve(identity(livesMs));
    await settle();
  };
  const keyOf = async (getting: Promise<AwsIdentity>) => (await getting).accessKeyId;
  return { clock, credentials, lookUps, signals, identity, answer, keyOf };
}

describe("the daemon's own AWS credentials", () => {
  it('are looked up once for all calls that wait, and kept', async () => {
    const { credentials, lookUps, answer, keyOf } = createBench();
    const waiting = [credentials.get(), credentials.get(), credentials.get()].map(keyOf);
    await answer(HOUR_MS);
    assert.deepEqual(await Promise.all(waiting), ['AKIA1', 'AKIA1', 'AKIA1']);
    assert.equal(await keyOf(credentials.get()), 'AKIA1');
    assert.equal(lookUps.length, 1);
  });

  it('Good neighbours: a look-up that hangs ends by its deadline, is freed, and is joined by nobody afterwards', async () => {
    const { clock, credentials, lookUps, signals, answer, keyOf } = createBench();
    const first = credentials.get().catch((error: unknown) => error);
    await clock.advance(LOOK_UP_MS);
    const error = await first;
    assert.ok(error instanceof AwsCredentialsError);
    assert.equal(error.message, 'the agent gave no answer within 2s: check that it runs and can be reached');
    assert.equal(signals[0]?.aborted, true);
    const next = keyOf(credentials.get());
    await answer(HOUR_MS);
    assert.equal(await next, 'AKIA1');
    assert.equal(lookUps.length, 2);
    assert.deepEqual(clock.pendingDelaysMs, []);
  });

  it('are looked up ahead of their end while calls go on with the old ones, also when that fails', async () => {
    const { clock, credentials, lookUps, answer, keyOf } = createBench();
    const first = keyOf(credentials.get());
    await answer(HOUR_MS);
    await first;
    await clock.advance(HOUR_MS - 300_000 + 1);
    assert.equal(await keyOf(credentials.get()), 'AKIA1');
    assert.equal(await keyOf(credentials.get()), 'AKIA1');
    assert.equal(lookUps.length, 2, 'one ahead');
    lookUps[1]?.reject(new AwsCredentialsError('no'));
    await settle();
    assert.equal(await keyOf(credentials.get()), 'AKIA1');
    assert.equal(lookUps.length, 2, 'not by every call');
    await clock.advance(10_000);
    assert.equal(await keyOf(credentials.get()), 'AKIA1');
    await answer(HOUR_MS);
    assert.equal(await keyOf(credentials.get()), 'AKIA2');
  });

  it('are waited for when they are over', async () => {
    const { clock, credentials, answer, keyOf } = createBench();
    const first = keyOf(credentials.get());
    await answer(HOUR_MS);
    await first;
    await clock.advance(HOUR_MS - 1000);
    const next = keyOf(credentials.get());
    await answer(HOUR_MS);
    assert.equal(await next, 'AKIA2');
  });

  it('are used for a minute whatever our clock says of their end', async () => {
    const { clock, credentials, lookUps, answer, keyOf } = createBench();
    const first = keyOf(credentials.get());
    await answer(-HOUR_MS);
    await first;
    assert.equal(await keyOf(credentials.get()), 'AKIA1');
    assert.equal(lookUps.length, 1);
    await clock.advance(60_000);
    const next = keyOf(credentials.get());
    await answer(-HOUR_MS);
    assert.equal(await next, 'AKIA2');
  });

  it('that AWS refuses are looked up anew and the call is sent once more, but not with the same', async () => {
    const { credentials, lookUps, answer } = createBench();
    const refusal = Object.assign(new Error('expired'), { name: 'ExpiredTokenException' });
    const used: string[] = [];
    const call = sendSigned(credentials, async () => {
      const { accessKeyId } = await credentials.get();
      used.push(accessKeyId);
      if (accessKeyId === 'AKIA1') throw refusal;
      return 'done';
    });
    await answer();
    await answer();
    assert.equal(await call, 'done');
    assert.deepEqual(used, ['AKIA1', 'AKIA2']);

    const still = sendSigned(credentials, () => Promise.reject(refusal)).catch((error: unknown) => error);
    await settle();
    lookUps.at(-1)?.resolve({ accessKeyId: 'AKIA2', secretAccessKey: 'secret', sessionToken: 'token-2' });
    assert.equal(await still, refusal);
    assert.equal(lookUps.length, 3);
  });

  it('are looked up rarely beside four look-ups that never end, and had again without a restart once the source answers', async () => {
    const { clock, credentials, lookUps, answer, keyOf } = createBench();
    const startedAtMs: number[] = [];
    const stopAtMs = clock.monotonicMs() + HOUR_MS;
    while (clock.monotonicMs() < stopAtMs) {
      const count = lookUps.length;
      const getting = credentials.get().catch((error: unknown) => error);
      await settle();
      if (lookUps.length > count) startedAtMs.push(clock.monotonicMs());
      else {
        const error = await getting;
        assert.ok(error instanceof AwsCredentialsError);
        assert.match(
          error.message,
          /^\d+ look-ups at the agent have not ended, so it is asked rarely: end what hangs/,
        );
      }
      await clock.advance(LOOK_UP_MS);
      await getting;
    }
    const waitsMs = startedAtMs.slice(1).map((atMs, index) => atMs - (startedAtMs[index] ?? 0) - LOOK_UP_MS);
    assert.deepEqual(waitsMs, [0, 0, 0, 60_000, 120_000, 240_000, 480_000, 900_000, 900_000]);

    await clock.advance(900_000);
    const next = keyOf(credentials.get());
    await answer(HOUR_MS);
    assert.equal(await next, 'AKIA1');
  });

  it('are looked up at once again when one of four look-ups that hung has ended', async () => {
    const { clock, credentials, lookUps, answer, keyOf } = createBench();
    for (let attempt = 0; attempt < 4; attempt += 1) {
      const getting = credentials.get().catch(() => undefined);
      await clock.advance(LOOK_UP_MS);
      await getting;
    }
    await assert.rejects(credentials.get(), /4 look-ups at the agent have not ended/);
    lookUps[0]?.reject(new Error('closed'));
    await settle();
    const next = keyOf(credentials.get());
    await answer();
    assert.equal(await next, 'AKIA1');
  });
});
