import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { createSoleLeader } from '../src/adapters/system/sole-leader.ts';
import type { Configuration, TokenConfiguration } from '../src/config/configuration.ts';
import { connect } from '../src/connections.ts';
import { serializeDocument } from '../src/core/document.ts';
import { createSeededRandom } from '../src/core/seeded-random.ts';
import { Replica } from '../src/replica.ts';
import type { OperationName } from '../src/sandbox/secrets-manager/operation.ts';
import { advanceUntilDone } from './support/advance-until-done.ts';
import { parseText } from './support/configuration-text.ts';
import {
  type EmulatedSecretsManager,
  startEmulatedSecretsManager,
} from './support/emulated-secrets-manager.ts';
import { RecordedEvents } from './support/recorded-events.ts';
import { buildDocument, HOUR_MS } from './support/token-builder.ts';

const TOKENS = 10_000;

/** A provider without an address that answers, and so many customers. */
function configure(endpoint: string): Configuration {
  const parsed = parseText(`store: { endpoint: "${endpoint}", region: ap-southeast-3 }
providers:
  - name: b2b2c
    kind: pivot-b2b2c
    baseUrl: http://127.0.0.1:9
    grant: authorization_code
    credentials: { clientId: { env: CLIENT_ID }, privateKey: { file: key.pem } }
    secret: payments/{customer}
    customers: [{ name: someone, bindingId: { env: BINDING } }]
`);
  assert.ok(parsed.ok, JSON.stringify(parsed));
  const [provider] = parsed.configuration.providers;
  const [token] = provider?.tokens ?? [];
  assert.ok(provider !== undefined && token !== undefined);
  const tokens = Array.from({ length: TOKENS }, (_, index) => nameToken(token, `customer-${index}`));
  return { ...parsed.configuration, providers: [{ ...provider, tokens }] };
}

function nameToken(token: TokenConfiguration, customer: string): TokenConfiguration {
  const identity = {
    ...token.identity,
    token: `b2b2c/${customer}`,
    customer,
    secret: `payments/${customer}`,
  };
  return { ...token, identity };
}

function publishFresh({ clock, engine }: EmulatedSecretsManager, { providers }: Configuration): void {
  for (const { identity } of providers.flatMap(({ tokens }) => tokens)) {
    const document = buildDocument({
      issuedAtMs: clock.now(),
      expiresAtMs: clock.now() + HOUR_MS,
      provider: identity.provider,
      customer: identity.customer,
    });
    const SecretString = serializeDocument(document).reveal();
    engine.execute('CreateSecret', {
      Name: identity.secret,
      SecretString,
      ClientRequestToken: 'first'.padEnd(36, '-'),
    });
  }
}

async function startWorld(t: TestContext) {
  const requests: OperationName[] = [];
  const store = await startEmulatedSecretsManager({ onRequest: (operation) => requests.push(operation) });
  t.after(() => store[Symbol.asyncDispose]());
  return { store, requests };
}

describe('ten thousand tokens', () => {
  it('One at a time: are known after a restart with 500 calls, and nothing that is fresh is fetched', async (t) => {
    const { store, requests } = await startWorld(t);
    const configuration = configure(store.server.endpoint);
    publishFresh(store, configuration);
    const { clock } = store;
    const events = new RecordedEvents();
    const replica = new Replica(configuration, {
      clock,
      random: createSeededRandom(1),
      events: events.record,
      connections: connect(configuration, {
        clock,
        events: events.record,
        readEnv: () => undefined,
        awsCredentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not-a-real-key' },
      }),
      coordinator: createSoleLeader(),
      cronLogger: { info: () => {}, warn: () => {}, error: () => {}, debug: () => {} },
      onFault: (error) => assert.fail(String(error)),
    });
    await advanceUntilDone(clock, 10, replica.start());
    assert.equal(events.of('token-restored').length, TOKENS);
    assert.deepEqual(new Set(requests), new Set(['BatchGetSecretValue']));
    assert.equal(requests.length, TOKENS / 20);
    while (events.of('schedule-derived').length === 0) await clock.advance(10);
    assert.equal(events.of('refresh-started').length, 0);
    await replica.stop();
  });
});
