/**
 * The other side of everything that is measured, in a process of its own: simulated providers and Secrets Manager on
 * loopback. Run it with the providers' time-lapse factor as argument.
 */
import { z } from 'zod';
import { createSystemClock } from '../../src/adapters/system/clock.ts';
import { createSystemRandom } from '../../src/adapters/system/random.ts';
import { SecretText } from '../../src/core/secret-text.ts';
import { createDocument, serializeDocument } from '../../src/core/token/document.ts';
import { FaultSchedule } from '../../src/sandbox/fault-schedule.ts';
import type { OperationName } from '../../src/sandbox/secrets-manager/operation.ts';
import { createSecretsManager } from '../../src/sandbox/secrets-manager/secrets-manager.ts';
import { startSecretsManagerServer } from '../../src/sandbox/secrets-manager/secrets-manager-server.ts';
import {
  createSandboxCredentials,
  generateSandboxKeyPair,
} from '../../src/sandbox/upstreams/sandbox-credentials.ts';
import { createUpstreams, DOCUMENTED_LIFETIMES_MS } from '../../src/sandbox/upstreams/upstreams.ts';
import { startUpstreamsServer } from '../../src/sandbox/upstreams/upstreams-server.ts';
import { RequestCount } from '../support/request-count.ts';
import { answerParent } from './answer-parent.ts';
import {
  BINDING_TAG,
  bindingSecret,
  CUSTOMER_PROVIDER,
  customerName,
  customerSecret,
  environmentName,
} from './bench-configuration.ts';

const clock = createSystemClock();
const random = createSystemRandom();
const speed = Number(process.argv[2] ?? 1);
const credentials = createSandboxCredentials(random, await generateSandboxKeyPair());
// A round refreshes its tokens more often than a day would.
const engine = createSecretsManager({ clock, random, versionWall: Number.POSITIVE_INFINITY });
/** One customer of the provider stands for all: the provider hands out as many tokens as are asked for. */
const bindingId = credentials.customers[0]?.credentials.get('bindingId')?.reveal() ?? '';
const operations = new Map<OperationName, { count: number; firstAtMs: number; lastAtMs: number }>();
const store = await startSecretsManagerServer({
  engine,
  clock,
  onRequest: (operation) => {
    const nowMs = clock.monotonicMs();
    const seen = operations.get(operation) ?? { count: 0, firstAtMs: nowMs, lastAtMs: nowMs };
    operations.set(operation, { ...seen, count: seen.count + 1, lastAtMs: nowMs });
  },
});
const requests = new RequestCount();
const upstreams = await startUpstreamsServer({
  observer: requests,
  upstreams: createUpstreams({ clock, random, credentials, speed }),
  clock,
  faults: new FaultSchedule(clock),
});

const seedSchema = z.object({
  customers: z.number(),
  tokenLength: z.number(),
  lifetimeMs: z.number(),
  /** The refreshes are planned evenly over this part of the lifetime. */
  firstDueInMs: z.number(),
  lastDueInMs: z.number(),
  hasBindings: z.boolean(),
});

/** Publishes a token for each customer, as a daemon that ran before would have left them. */
function seed(input: unknown): object {
  const seeded = seedSchema.parse(input);
  const { customers, tokenLength, lifetimeMs, firstDueInMs, lastDueInMs, hasBindings } = seeded;
  const nowMs = clock.now();
  for (let index = 0; index < customers; index += 1) {
    const customer = customerName(index);
    const identity = {
      token: `${CUSTOMER_PROVIDER}/${customer}`,
      provider: CUSTOMER_PROVIDER,
      kind: CUSTOMER_PROVIDER,
      customer,
      secret: customerSecret(index),
    };
    const refreshAtMs = Math.round(nowMs + firstDueInMs + ((lastDueInMs - firstDueInMs) * index) / customers);
    // Issued a cadence before its refresh: a plan that does not fit the life is none, and then all are due at one time.
    const expiresAtMs = refreshAtMs + lifetimeMs / 15;
    const token = {
      accessToken: new SecretText(`${index}-`.padEnd(tokenLength, 'x')),
      tokenType: 'Bearer',
      issuedAtMs: expiresAtMs - lifetimeMs,
      issuedAtMonotonicMs: 0,
      expiresAtMs,
      expiresInSeconds: lifetimeMs / 1000,
      refreshToken: undefined,
      refreshTokenExpiresAtMs: undefined,
      fields: {},
      notes: [],
    };
    const document = createDocument(identity, token, { refreshAtMs, generation: 1 });
    create(identity.secret, serializeDocument(document).reveal(), {
      Key: 'managed-by',
      Value: 'token-refresher',
    });
    if (hasBindings) {
      const tag = { Key: BINDING_TAG.key, Value: BINDING_TAG.value };
      create(bindingSecret(index), JSON.stringify({ customer, bindingId }), tag);
    }
  }
  return {};
}

function create(name: string, text: string, tag: { readonly Key: string; readonly Value: string }): void {
  const created = engine.execute('CreateSecret', {
    Name: name,
    ClientRequestToken: random.uuid(),
    SecretString: text,
    Tags: [tag],
  });
  if (!created.ok) throw created.refusal;
}

function describeEnvironment(): Readonly<Record<string, string>> {
  const all = Object.entries(credentials.byKind).flatMap(([kind, texts]) =>
    [...texts].map(([name, text]) => [environmentName(kind, name), text.reveal()]),
  );
  return Object.fromEntries([...all, [environmentName(CUSTOMER_PROVIDER, 'bindingId'), bindingId]]);
}

answerParent({
  place: () => ({
    storeEndpoint: store.endpoint,
    upstreamsOrigin: upstreams.origin,
    environment: describeEnvironment(),
  }),
  seed,
  counts: () => ({
    providerRequests: Object.keys(DOCUMENTED_LIFETIMES_MS).reduce(
      (sum, kind) => sum + requests.total(kind),
      0,
    ),
    operations: Object.fromEntries(operations),
  }),
});
