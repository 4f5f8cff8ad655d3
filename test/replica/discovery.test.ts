import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import type { TokenConfiguration } from '../../src/config/configuration.ts';
import { Discovery } from '../../src/replica/discovery.ts';
import { SecretUsage } from '../../src/replica/secret-usage.ts';
import { advanceUntilDone } from '../support/advance-until-done.ts';
import { parseText } from '../support/configuration-text.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { MemoryBindings } from '../support/memory-bindings.ts';
import { MemoryStore, STORE_DOWN } from '../support/memory-store.ts';
import { RecordedEvents } from '../support/recorded-events.ts';
import { buildFailure } from '../support/sample-events.ts';

const never = new AbortController().signal;

const CONFIGURATION = `providers:
  - name: b2b2c
    kind: pivot-b2b2c
    credentials: { clientId: { env: CLIENT_ID }, privateKey: { awsSecret: credentials/key } }
    secret: payments/{customer}
    customers: { discover: { tag: app=pivot, every: 1m } }
  - name: pivot
    kind: pivot
    credentials: { merchantId: { env: ID }, merchantSecret: { env: SECRET } }
    secret: payments/pivot
`;

function setUp() {
  const parsed = parseText(CONFIGURATION);
  assert.ok(parsed.ok, inspect(parsed));
  const [provider] = parsed.configuration.providers;
  assert.ok(provider?.discovery !== undefined);
  const clock = new FakeClock();
  const store = new MemoryStore();
  const bindings = new MemoryBindings(store);
  const events = new RecordedEvents();
  const kept = new Map<string, TokenConfiguration>();
  const leaving = new Set<string>();
  const removed: string[] = [];
  const discovery = new Discovery({
    provider,
    discovery: provider.discovery,
    connections: { bindings, credentials: store },
    tokens: {
      add: async (tokens) => {
        for (const token of tokens) kept.set(token.identity.token, token);
      },
      remove: ({ identity }, why) => {
        kept.delete(identity.token);
        removed.push(`${identity.token}: ${why}`);
      },
      isLeaving: ({ identity }) => leaving.has(identity.token),
    },
    usage: new SecretUsage(parsed.configuration),
    clock,
    random: { next: () => 0.5, uuid: () => '' },
    events: events.record,
  });
  const look = async (): Promise<void> => {
    await discovery.look(never);
  };
  const rejections = (): readonly string[] =>
    events.of('binding-rejected').map(({ bindingSecret, reason }) => `${bindingSecret}: ${reason}`);
  return { clock, store, bindings, events, kept, leaving, removed, discovery, look, rejections };
}

const bound = (canary: string): object => ({ bindingId: `canary-${canary}` });

describe('a discovery', () => {
  it('keeps a token for each binding, with its credentials left where they are', async () => {
    const { bindings, kept, look, events } = setUp();
    bindings.put('bindings/ayu', bound('ayu'));
    bindings.put('bindings/2', { customer: 'budi', ...bound('budi'), note: 'kept by the application' });
    await look();
    assert.deepEqual([...kept.keys()], ['b2b2c/ayu', 'b2b2c/budi']);
    assert.deepEqual(kept.get('b2b2c/budi'), {
      identity: {
        token: 'b2b2c/budi',
        provider: 'b2b2c',
        kind: 'pivot-b2b2c',
        customer: 'budi',
        secret: 'payments/budi',
      },
      stateSecret: 'token-refresher/state/payments/budi',
      customerCredentials: { bindingId: { kind: 'awsSecret', id: 'bindings/2', key: 'bindingId' } },
    });
    assert.deepEqual(events.names, ['token-added', 'token-added', 'bindings-counted']);
    assert.equal(events.last('token-added').bindingSecret, 'bindings/2');
    assert.deepEqual(events.last('bindings-counted'), {
      event: 'bindings-counted',
      provider: 'b2b2c',
      customers: 2,
      rejected: 0,
    });
    assert.doesNotMatch(inspect([events.all, kept], { depth: null }), /canary/);
  });

  it('reads a binding when it is new or has changed, and not else', async () => {
    const { bindings, store, look, removed, kept } = setUp();
    bindings.put('bindings/ayu', bound('ayu'));
    await look();
    await look();
    assert.equal(store.callsOf('read').length, 1);
    bindings.put('bindings/ayu', bound('another'));
    bindings.put('bindings/budi', bound('budi'));
    await look();
    assert.equal(store.callsOf('read').length, 3);
    assert.deepEqual([...kept.keys()], ['b2b2c/ayu', 'b2b2c/budi']);
    assert.deepEqual(removed, []);
  });

  it('reads again what was not the version that the list knows', async () => {
    const { bindings, store, look, kept } = setUp();
    bindings.put('bindings/1', { customer: 'ayu', ...bound('ayu') });
    bindings.put('bindings/1', { customer: 'budi', ...bound('budi') });
    store.makeReadsStale();
    await look();
    assert.deepEqual([...kept.keys()], ['b2b2c/ayu']);
    await look();
    assert.deepEqual([...kept.keys()], ['b2b2c/budi']);
  });

  for (const { what, binding, reason } of [
    { what: 'no JSON', binding: 'canary', reason: 'it holds no JSON object' },
    { what: 'a list', binding: '["canary"]', reason: 'it holds no JSON object' },
    { what: 'no credential', binding: {}, reason: 'bindingId is missing, empty or not a text' },
    {
      what: 'an empty credential',
      binding: { bindingId: '' },
      reason: 'bindingId is missing, empty or not a text',
    },
    { what: 'a number', binding: { bindingId: 42 }, reason: 'bindingId is missing, empty or not a text' },
    {
      what: 'a name that is none',
      binding: { customer: 'canary/../x', bindingId: 'canary' },
      reason: 'customer is not a name of letters, digits and inner hyphens and underscores, at most 63',
    },
    {
      what: 'another token of the configuration',
      binding: { customer: 'pivot', bindingId: 'canary' },
      reason:
        'the token of customer pivot would be written to secret payments/pivot, but the token of pivot is written to it',
    },
  ]) {
    it(`tells once of a binding with ${what}, and the others go on`, async () => {
      const { bindings, look, rejections, kept, events } = setUp();
      bindings.put('bindings/bad', binding);
      bindings.put('bindings/ayu', bound('ayu'));
      await look();
      await look();
      assert.deepEqual(rejections(), [`bindings/bad: ${reason}`]);
      assert.deepEqual([...kept.keys()], ['b2b2c/ayu']);
      assert.equal(events.last('bindings-counted').rejected, 1);
      assert.doesNotMatch(inspect(events.all, { depth: null }), /canary/);
    });
  }

  for (const { what, names, reason } of [
    {
      what: 'whose own secret the token would be written to',
      names: ['payments/ayu'],
      reason:
        'the token of customer ayu would be written to secret payments/ayu, but that one holds a binding',
    },
    {
      what: 'without a name that a customer could have',
      names: ['bindings/a+b'],
      reason:
        "the last part of its name is not a customer's (letters, digits and inner hyphens and underscores, at most 63), " +
        'and it holds no "customer"',
    },
    {
      what: 'of a customer who is bound already',
      names: ['older/ayu', 'bindings/ayu'],
      reason: 'customer ayu is bound by the older secret older/ayu already',
    },
    {
      what: 'whose token would have no secret',
      names: ['bindings/a-bcdefg'],
      reason:
        "no secret can have the name payments/a-bcdefg, which ends in a hyphen and six characters: its customer's token would get it",
    },
  ]) {
    it(`rejects a binding ${what}`, async () => {
      const { bindings, look, rejections, kept } = setUp();
      for (const name of names) bindings.put(name, bound('it'));
      await look();
      assert.deepEqual(rejections(), [`${names.at(-1)}: ${reason}`]);
      assert.equal(kept.size, names.length - 1);
    });
  }

  it('takes a binding that was rejected as soon as it is right, and tells when it is wrong in another way', async () => {
    const { bindings, look, rejections, kept, events } = setUp();
    bindings.put('bindings/ayu', 'nothing');
    await look();
    bindings.put('bindings/ayu', {});
    await look();
    assert.equal(rejections().length, 2);
    bindings.put('bindings/ayu', bound('ayu'));
    await look();
    assert.deepEqual([...kept.keys()], ['b2b2c/ayu']);
    assert.equal(events.last('bindings-counted').rejected, 0);
  });

  it('reads a binding again that could not be read, and tells why once', async () => {
    const { bindings, store, look, rejections, kept } = setUp();
    bindings.put('bindings/ayu', bound('ayu'));
    const denied = buildFailure({ code: 'store-denied', retry: 'needs-human', message: 'AWS denied it' });
    store.failNext('read', denied, 2);
    await look();
    await look();
    assert.deepEqual(rejections(), ['bindings/ayu: AWS denied it']);
    await look();
    assert.deepEqual([...kept.keys()], ['b2b2c/ayu']);
  });

  for (const why of ['was deleted', 'is scheduled for deletion', 'no longer carries the tag app=pivot']) {
    it(`gives a token up when its binding ${why}, and takes it back with the binding`, async () => {
      const { bindings, look, removed, kept } = setUp();
      bindings.put('bindings/ayu', bound('ayu'));
      bindings.put('bindings/budi', bound('budi'));
      await look();
      bindings.lose('bindings/ayu', why);
      await look();
      assert.deepEqual(removed, [`b2b2c/ayu: its binding, secret bindings/ayu, ${why}`]);
      assert.deepEqual([...kept.keys()], ['b2b2c/budi']);
      bindings.put('bindings/ayu', bound('ayu'));
      await look();
      assert.deepEqual([...kept.keys()], ['b2b2c/budi', 'b2b2c/ayu']);
    });
  }

  it('waits until a removed token has left before it takes it back', async () => {
    const { bindings, look, leaving, kept } = setUp();
    bindings.put('bindings/ayu', bound('ayu'));
    leaving.add('b2b2c/ayu');
    await look();
    assert.equal(kept.size, 0);
    leaving.clear();
    await look();
    assert.equal(kept.size, 1);
  });

  it('gives a token up whose binding cannot be used any more, or is for somebody else', async () => {
    const { bindings, look, removed, kept } = setUp();
    bindings.put('bindings/ayu', bound('ayu'));
    bindings.put('bindings/budi', bound('budi'));
    await look();
    bindings.put('bindings/ayu', {});
    bindings.put('bindings/budi', { customer: 'citra', ...bound('citra') });
    await look();
    assert.deepEqual(removed, [
      'b2b2c/ayu: its binding, secret bindings/ayu, cannot be used any more: bindingId is missing, empty or not a text',
      'b2b2c/budi: its binding, secret bindings/budi, no longer is the one of customer budi',
    ]);
    assert.deepEqual([...kept.keys()], ['b2b2c/citra']);
  });

  it('removes nobody because a list fails, and tells once that it fails and once that it works again', async () => {
    const { clock, bindings, look, kept, events, removed } = setUp();
    bindings.put('bindings/ayu', bound('ayu'));
    await look();
    bindings.listFailure = STORE_DOWN;
    await look();
    await clock.advance(60_000);
    await look();
    bindings.listFailure = undefined;
    await look();
    assert.deepEqual([kept.size, removed], [1, []]);
    assert.deepEqual(
      events.all.filter(({ event }) => event.startsWith('discovery')),
      [
        { event: 'discovery-failed', provider: 'b2b2c', failure: STORE_DOWN },
        { event: 'discovery-recovered', provider: 'b2b2c', failedForMs: 60_000 },
      ],
    );
  });

  it('removes nobody because a list leaves somebody out who is still there', async () => {
    const { bindings, look, kept } = setUp();
    bindings.put('bindings/ayu', bound('ayu'));
    await look();
    bindings.hidden.add('bindings/ayu');
    await look();
    await look();
    assert.equal(kept.size, 1);
    assert.deepEqual(bindings.calls, [
      'list',
      'list',
      'findLoss bindings/ayu',
      'list',
      'findLoss bindings/ayu',
    ]);
  });

  it('removes nobody who cannot be asked for', async () => {
    const { bindings, look, kept, events } = setUp();
    bindings.put('bindings/ayu', bound('ayu'));
    await look();
    bindings.lose('bindings/ayu');
    bindings.lossFailure = buildFailure({ code: 'store-denied', retry: 'needs-human' });
    await look();
    assert.equal(kept.size, 1);
    assert.equal(events.last('discovery-failed').failure.code, 'store-denied');
    bindings.lossFailure = undefined;
    await look();
    assert.equal(kept.size, 0);
    assert.equal(events.of('discovery-recovered').length, 1);
  });

  it('asks for 500 at most in one look when a list is suddenly empty', async () => {
    const { clock, bindings, discovery, kept } = setUp();
    const look = () => advanceUntilDone(clock, 100, discovery.look(never));
    for (let index = 0; index < 1_200; index += 1) bindings.put(`bindings/c${index}`, bound('it'));
    await look();
    assert.equal(kept.size, 1_200);
    for (let index = 0; index < 1_200; index += 1) bindings.lose(`bindings/c${index}`);
    for (const left of [700, 200, 0]) {
      await look();
      assert.equal(kept.size, left);
    }
  });

  it('does without a list that does not come to an end', async () => {
    const { clock, bindings, discovery, events } = setUp();
    bindings.list = () => new Promise(() => undefined);
    const looking = discovery.look(never);
    await clock.advance(600_000);
    assert.equal((await looking).ok, false);
    assert.equal(events.last('discovery-failed').failure.code, 'store-unavailable');
  });

  it('looks every interval, one time after the other, until it is stopped', async () => {
    const { clock, bindings, discovery } = setUp();
    const end = new AbortController();
    const running = discovery.run(end.signal, assert.ifError);
    await clock.advance(59_999);
    assert.equal(bindings.calls.length, 0);
    await clock.advance(1);
    await clock.advance(60_000);
    assert.equal(bindings.calls.length, 2);
    let release = (): void => undefined;
    const { list } = bindings;
    bindings.list = async (tag, signal) => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return list.call(bindings, tag, signal);
    };
    await clock.advance(180_000);
    assert.equal(bindings.calls.length, 2);
    release();
    await settle();
    assert.equal(bindings.calls.length, 3);
    end.abort(new Error('the program stops'));
    await running;
    assert.deepEqual(clock.pendingDelaysMs, []);
  });
});
