import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CredentialReading } from '../../src/core/credential/credential-reading.ts';
import { codedError } from '../../src/core/error-code.ts';
import { succeed } from '../../src/core/result.ts';
import { SecretText } from '../../src/core/secret-text.ts';
import { createCredentialReader } from '../../src/credentials/credential-reader.ts';
import { CredentialSources } from '../../src/credentials/credential-sources.ts';
import { LOOK_EVERY_MS } from '../../src/credentials/credential-watch.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';

const NEVER = new AbortController().signal;
const TOKENS = 1000;

/** A thousand tokens of one provider: one key file, one secret that holds all bindings. */
function createBench() {
  const clock = new FakeClock();
  const bench = { key: 'key', bindings: new Map<string, string>(), fileReads: 0, secretReads: 0 };
  for (let token = 0; token < TOKENS; token += 1) bench.bindings.set(`customer-${token}`, `binding-${token}`);
  const sources = new CredentialSources({
    readFile: async () => {
      bench.fileReads += 1;
      return new TextEncoder().encode(bench.key);
    },
    readAwsSecret: async () => {
      bench.secretReads += 1;
      return succeed(new SecretText(JSON.stringify(Object.fromEntries(bench.bindings))));
    },
    clock,
  });
  const reader = createCredentialReader({
    references: { privateKey: { kind: 'file', path: '/etc/key.pem' } },
    readEnv: () => undefined,
    sources,
  });
  const readAll = (): Promise<readonly CredentialReading[]> =>
    Promise.all(
      [...bench.bindings.keys()].map((key) =>
        reader(NEVER, { bindingId: { kind: 'awsSecret', id: 'bindings', key } }),
      ),
    );
  return Object.assign(bench, { clock, readAll });
}

describe('the credentials of a thousand tokens of one provider', () => {
  it('cost one read of each file and secret when they are read at one moment', async () => {
    const bench = createBench();
    const readings = await bench.readAll();
    assert.deepEqual([bench.fileReads, bench.secretReads], [1, 1]);
    const [, second] = readings;
    assert.ok(second?.credentials.ok);
    assert.equal(second.credentials.value.get('bindingId')?.reveal(), 'binding-1');
  });

  it('cost one look at each file and secret every five seconds while all of them are rejected', async () => {
    const bench = createBench();
    const readings = await bench.readAll();
    const term = new AbortController();
    let woken = 0;
    for (const reading of readings) {
      void reading.untilChanged(term.signal).then(
        () => {
          woken += 1;
        },
        () => undefined,
      );
    }
    await bench.clock.advance(12 * LOOK_EVERY_MS);
    assert.deepEqual([bench.fileReads, bench.secretReads], [1 + 12, 1 + 12]);
    assert.equal(woken, 0);
    bench.key = 'corrected';
    await bench.clock.advance(LOOK_EVERY_MS);
    assert.equal(woken, TOKENS, 'at the next look');
    term.abort();
    await settle();
    assert.deepEqual(bench.clock.pendingDelaysMs, []);
  });
});

describe('a file that cannot be read for now', () => {
  it('is not taken for a read that was given up before', async () => {
    const reads = new Array<PromiseWithResolvers<Uint8Array>>();
    const sources = new CredentialSources({
      readFile: () => {
        const read = Promise.withResolvers<Uint8Array>();
        reads.push(read);
        return read.promise;
      },
      readAwsSecret: () => assert.fail('no secret is wanted'),
      clock: new FakeClock(),
    });
    const file = { kind: 'file', path: '/etc/key.pem' } as const;
    const leaving = new AbortController();
    const left = sources.read(file, leaving.signal);
    await settle();
    leaving.abort(new Error('the term has ended'));
    await assert.rejects(left, /the term has ended/);
    reads[0]?.reject(codedError('ETIMEDOUT', ''));
    await settle();
    const read = sources.read(file, NEVER);
    await settle();
    reads[1]?.reject(codedError('ETIMEDOUT', ''));
    const { text } = await read;
    assert.equal(!text.ok && text.failure.code, 'provider-unavailable');
  });
});
