import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { succeed } from '../../src/core/result.ts';
import { SecretText } from '../../src/core/secret-text.ts';
import { createCredentialReader } from '../../src/credentials/credential-reader.ts';
import { CredentialSources } from '../../src/credentials/credential-sources.ts';
import { LOOK_EVERY_MS } from '../../src/credentials/credential-watch.ts';
import type { CredentialReading } from '../../src/providers/provider.ts';
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
  const readers = [...bench.bindings.keys()].map((key) =>
    createCredentialReader({
      references: [
        { privateKey: { kind: 'file', path: '/etc/key.pem' } },
        { bindingId: { kind: 'awsSecret', id: 'bindings', key } },
      ],
      readEnv: () => undefined,
      sources,
    }),
  );
  const readAll = (): Promise<readonly CredentialReading[]> =>
    Promise.all(readers.map((reader) => reader(NEVER)));
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
