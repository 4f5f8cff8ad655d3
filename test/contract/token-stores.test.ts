/** What every token store owes to the rest of the program: compare-and-swap, and writes that can be repeated. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import type { StoredText, TokenStore } from '../../src/core/ports.ts';
import type { Result } from '../../src/core/result.ts';
import { SecretText } from '../../src/core/secret-text.ts';
import { STORES } from '../support/store-bench.ts';
import { expectCurrent, expectFailure, expectOk, publishOk } from '../support/store-expectations.ts';
import { buildWrite, never, SECRET, textOf } from '../support/store-write.ts';

for (const { name, start, writingCalls, keepsVersions } of STORES) {
  describe(`the token store ${name}`, () => {
    it('reads nothing where nothing was written', async (t) => {
      const { store } = await start(t);
      assert.equal(await readOk(store), undefined);
    });

    it('can write where nothing is, and finding that out writes nothing', async (t) => {
      const { store, countVersions } = await start(t);
      expectOk(await store.verifyWritable(SECRET, never));
      assert.equal(countVersions(SECRET), 0);
      assert.equal(await readOk(store), undefined);
    });

    it('reads the text and the version that were published first', async (t) => {
      const { store, rival, countVersions } = await start(t);
      const version = await publishOk(store, buildWrite('one', undefined));
      assert.equal(countVersions(SECRET), 1);
      for (const reader of [store, rival]) await expectCurrent(reader, 'one', version);
    });

    for (const [what, textFor] of [
      [
        'a text as long as it says that it holds',
        ({ maxSecretBytes }: TokenStore) => 'x'.repeat(maxSecretBytes),
      ],
      ['characters of two to four bytes, quotes and line ends', () => '{"é":"ж漢😀\\"\r\n\t"}'],
    ] as const) {
      it(`keeps ${what} as it is`, async (t) => {
        const { store } = await start(t);
        const text = textFor(store);
        await publishOk(store, buildWrite('one', undefined, { text: new SecretText(text) }));
        assert.equal((await readOk(store))?.text.reveal(), text);
      });
    }

    it('counts the versions of a secret, whoever wrote them and whether or not they became current', async (t) => {
      const { store, rival } = await start(t);
      assert.deepEqual(expectOk(await store.readVersionAges(SECRET, never)), []);
      const one = await publishOk(store, buildWrite('one', undefined));
      await publishOk(rival, buildWrite('two', one));
      expectFailure(await store.publish(buildWrite('late', one), never), 'store-conflict', 'soon');
      const ages = expectOk(await store.readVersionAges(SECRET, never));
      // A store without history has no quota of versions that they could use up.
      assert.equal(ages.length, keepsVersions ? 3 : 0);
      assert.ok(ages.every((ageMs) => ageMs >= 0 && ageMs < 60_000));
    });

    it('keeps secrets apart', async (t) => {
      const { store } = await start(t);
      await publishOk(store, buildWrite('one', undefined));
      await publishOk(store, buildWrite('two', undefined, { secretName: 'payments/pivot' }));
      assert.equal((await readOk(store))?.text.reveal(), textOf('one'));
      assert.equal((await readOk(store, 'payments/pivot'))?.text.reveal(), textOf('two'));
    });

    it('says of many secrets what it says of each', async (t) => {
      const { store, rival } = await start(t);
      const names = Array.from({ length: 45 }, (_, index) => `payments/${index}`);
      for (const secretName of names.slice(5)) {
        await publishOk(
          store,
          buildWrite('one', undefined, { secretName, text: new SecretText(secretName) }),
        );
      }
      const texts = await rival.readMany([...names, 'payments/7'], never);
      assert.equal(texts.size, names.length);
      for (const secretName of names)
        assert.deepEqual(texts.get(secretName), await store.read(secretName, never));
    });

    it('fails for each of many secrets while it does not answer', async (t) => {
      const { store, fallSilent, passDeadline } = await start(t);
      fallSilent();
      const reading = store.readMany([SECRET, 'payments/pivot'], never);
      await passDeadline();
      const texts = await reading;
      assert.equal(texts.size, 2);
      for (const text of texts.values()) expectFailure(text, 'store-unavailable', 'backoff');
    });

    it('replaces the version that it was told to expect, again and again', async (t) => {
      const { store, rival, countVersions } = await start(t);
      let version = await publishOk(store, buildWrite('one', undefined));
      for (const label of ['two', 'three', 'four']) {
        const next = await publishOk(store, buildWrite(label, version));
        assert.notEqual(next, version);
        await expectCurrent(rival, label, next);
        version = next;
      }
      assert.equal(countVersions(SECRET), 4);
    });

    it('takes turns with a rival that reads before it writes', async (t) => {
      const { store, rival } = await start(t);
      const one = await publishOk(store, buildWrite('one', undefined));
      const two = await publishOk(rival, buildWrite('two', one));
      const three = await publishOk(store, buildWrite('three', two));
      await expectCurrent(rival, 'three', three);
    });

    for (const [what, expected] of [
      ['a version that is no longer current', (one: string) => one],
      ['a version that never was', () => 'f'.repeat(36)],
      ['no version', () => undefined],
    ] as const) {
      it(`refuses a write that expects ${what}, and readers see no change`, async (t) => {
        const { store } = await start(t);
        const one = await publishOk(store, buildWrite('one', undefined));
        const two = await publishOk(store, buildWrite('two', one));
        const late = await store.publish(buildWrite('late', expected(one)), never);
        expectFailure(late, 'store-conflict', 'soon');
        await expectCurrent(store, 'two', two);
      });
    }

    it('takes a refused write when it is repeated over the version that is there', async (t) => {
      const { store } = await start(t);
      const one = await publishOk(store, buildWrite('one', undefined));
      expectFailure(await store.publish(buildWrite('two', undefined), never), 'store-conflict', 'soon');
      const two = await publishOk(store, buildWrite('two', one));
      await expectCurrent(store, 'two', two);
    });

    for (const during of ['first', 'later'] as const) {
      it(`takes the replay of a ${during} write for the write itself`, async (t) => {
        const { store, rival, countVersions } = await start(t);
        const former =
          during === 'first' ? undefined : await publishOk(store, buildWrite('former', undefined));
        const write = buildWrite('one', former);
        const version = await publishOk(store, write);
        const versions = countVersions(SECRET);
        for (const replica of [store, rival]) assert.equal(await publishOk(replica, write), version);
        assert.equal(countVersions(SECRET), versions);
        await expectCurrent(store, 'one', version);
      });
    }

    for (const { call, during } of writingCalls) {
      it(`ends in one version when the answer of ${call} is lost during a ${during} write`, async (t) => {
        const { store, loseAnswer, countVersions } = await start(t);
        const former =
          during === 'first' ? undefined : await publishOk(store, buildWrite('former', undefined));
        const write = buildWrite('one', former);
        loseAnswer(call);
        expectFailure(await store.publish(write, never), 'store-unavailable', 'backoff');
        const version = await publishOk(store, write);
        assert.equal(countVersions(SECRET), during === 'first' ? 1 : 2);
        await expectCurrent(store, 'one', version);
      });
    }

    it('moves nothing back when a write is replayed after it was replaced', async (t) => {
      const { store, countVersions } = await start(t);
      const one = await publishOk(store, buildWrite('one', undefined));
      const write = buildWrite('two', one);
      const two = await publishOk(store, write);
      const three = await publishOk(store, buildWrite('three', two));
      await store.publish(write, never);
      await expectCurrent(store, 'three', three);
      assert.equal(countVersions(SECRET), 3);
    });

    it('refuses other bytes under a request token that is taken', async (t) => {
      const { store } = await start(t);
      const one = await publishOk(store, buildWrite('one', undefined));
      const other = buildWrite('one', one, { text: new SecretText(textOf('other')) });
      expectFailure(await store.publish(other, never), 'store-conflict', 'soon');
      await expectCurrent(store, 'one', one);
    });

    it('lets one of two writers make the first version', async (t) => {
      const { store, rival } = await start(t);
      const results = await Promise.all([
        store.publish(buildWrite('ours', undefined), never),
        rival.publish(buildWrite('theirs', undefined), never),
      ]);
      await expectOneWinner(store, ['ours', 'theirs'], results);
    });

    it('lets one of two writers replace a version', async (t) => {
      const { store, rival } = await start(t);
      const one = await publishOk(store, buildWrite('one', undefined));
      const results = await Promise.all([
        store.publish(buildWrite('ours', one), never),
        rival.publish(buildWrite('theirs', one), never),
      ]);
      await expectOneWinner(store, ['ours', 'theirs'], results);
    });

    it('Never worse: refuses a writer that was paused while somebody else published', async (t) => {
      const { store, rival, pausePublish } = await start(t);
      const one = await publishOk(store, buildWrite('one', undefined));
      const pause = pausePublish();
      const paused = store.publish(buildWrite('paused', one), never);
      await pause.reached();
      const newer = await publishOk(rival, buildWrite('newer', one));
      await pause.goOn();
      expectFailure(await paused, 'store-conflict', 'soon');
      for (const reader of [store, rival]) await expectCurrent(reader, 'newer', newer);
      expectFailure(await store.publish(buildWrite('paused', one), never), 'store-conflict', 'soon');
      await expectCurrent(store, 'newer', newer);
    });

    it('is abandoned by an abort, and the same write can follow', async (t) => {
      const { store, pausePublish, recover } = await start(t);
      const one = await publishOk(store, buildWrite('one', undefined));
      const pause = pausePublish();
      const stopping = new AbortController();
      const write = buildWrite('two', one);
      const abandoned = store.publish(write, stopping.signal);
      await pause.reached();
      stopping.abort(new Error('the program stops'));
      // A request that is on its way goes on without us.
      await pause.goOn();
      expectFailure(await abandoned, 'aborted', 'soon');
      recover();
      const two = await publishOk(store, write);
      await expectCurrent(store, 'two', two);
    });

    it('does nothing for a signal that is aborted already', async (t) => {
      const { store } = await start(t);
      const aborted = AbortSignal.abort(new Error('the program stops'));
      expectFailure(await store.publish(buildWrite('one', undefined), aborted), 'aborted', 'soon');
      expectFailure(await store.read(SECRET, aborted), 'aborted', 'soon');
      expectFailure(await store.verifyWritable(SECRET, aborted), 'aborted', 'soon');
      assert.equal(await readOk(store), undefined);
    });

    it('gives up when no answer comes in time, and the same write can follow', async (t) => {
      const { store, fallSilent, passDeadline, recover, countVersions } = await start(t);
      const one = await publishOk(store, buildWrite('one', undefined));
      const write = buildWrite('two', one);
      const calls: readonly (() => Promise<Result<unknown>>)[] = [
        () => store.publish(write, never),
        () => store.read(SECRET, never),
        () => store.verifyWritable(SECRET, never),
      ];
      for (const call of calls) {
        fallSilent();
        const result = call();
        await passDeadline();
        expectFailure(await result, 'store-unavailable', 'backoff');
        recover();
      }
      const two = await publishOk(store, write);
      await expectCurrent(store, 'two', two);
      assert.equal(countVersions(SECRET), 2);
    });

    it('shows no secret in what it answers', async (t) => {
      const { store } = await start(t);
      const one = await store.publish(buildWrite('one', undefined), never);
      const read = await store.read(SECRET, never);
      const conflict = await store.publish(buildWrite('late', undefined), never);
      for (const answer of [one, read, conflict]) {
        assert.doesNotMatch(`${JSON.stringify(answer)} ${inspect(answer, { depth: null })}`, /canary/);
      }
    });
  });
}

async function readOk(store: TokenStore, secretName: string = SECRET): Promise<StoredText | undefined> {
  return expectOk(await store.read(secretName, never));
}

async function expectOneWinner(
  store: TokenStore,
  labels: readonly [string, string],
  results: readonly [Result<{ version: string }>, Result<{ version: string }>],
): Promise<void> {
  const won = results[0].ok ? 0 : 1;
  const version = expectOk(results[won]).version;
  expectFailure(results[1 - won] ?? results[won], 'store-conflict', 'soon');
  await expectCurrent(store, labels[won], version);
}
