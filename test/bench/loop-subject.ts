/**
 * What a refresh costs at the least: a hand-written loop that does just the HTTP calls, through the same transport
 * and the same AWS client as the program. Run its bundle with JSON: {@link LoopSetting}.
 */
import { constants, createPrivateKey, randomUUID, sign } from 'node:crypto';
import {
  CreateSecretCommand,
  PutSecretValueCommand,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import { z } from 'zod';
import { createHttpTransport } from '../../src/adapters/net/http-transport.ts';
import { createSecretsManagerClient } from '../../src/adapters/secrets-manager/client.ts';
import { createSystemClock } from '../../src/adapters/system/clock.ts';
import { answerParent } from './answer-parent.ts';
import { environmentName } from './bench-configuration.ts';
import { runAtPace } from './pacer.ts';

const settingSchema = z.object({
  /** `pivot` logs in with headers, `pivot-b2b` signs with RSA. */
  kind: z.enum(['pivot', 'pivot-b2b']),
  /** Whether AWSCURRENT is moved by a second call that compares. */
  isFenced: z.boolean(),
  tokens: z.number(),
  /** In front of the names of the secrets. */
  prefix: z.string(),
  storeEndpoint: z.string(),
  upstreamsOrigin: z.string(),
});

export type LoopSetting = z.input<typeof settingSchema>;

const setting = settingSchema.parse(JSON.parse(process.argv[2] ?? ''));
const { kind, isFenced, storeEndpoint } = setting;
const transport = createHttpTransport({ clock: createSystemClock(), readEnv: undefined });
const client = createSecretsManagerClient({
  transport,
  region: 'us-east-1',
  endpoint: storeEndpoint,
  credentials: undefined,
});
const { signal } = new AbortController();
const PATHS = { pivot: '/v1/access-token', 'pivot-b2b': '/open-api/v1/access-token/b2b' } as const;
const url = new URL(`${setting.upstreamsOrigin}/${kind}${PATHS[kind]}`);
const credential = (name: string): string => process.env[environmentName(kind, name)] ?? '';
const privateKey = kind === 'pivot-b2b' ? createPrivateKey(credential('privateKey')) : undefined;
const login = {
  'x-merchant-id': credential('merchantId'),
  'x-merchant-secret': credential('merchantSecret'),
};
const clientId = credential('clientId');

/** The one way in which the two kinds' requests differ. */
function authenticate(): Promise<Record<string, string>> | Record<string, string> {
  if (privateKey === undefined) return login;
  const timestamp = `${new Date(Date.now() + 7 * 3_600_000).toISOString().slice(0, 19)}+07:00`;
  const key = { key: privateKey, padding: constants.RSA_PKCS1_PADDING };
  return new Promise((resolve, reject) => {
    sign('sha256', Buffer.from(`${clientId}|${timestamp}`), key, (error, signature) => {
      if (error !== null) reject(error);
      else {
        const base64 = signature.toString('base64');
        resolve({ 'x-timestamp': timestamp, 'x-client-key': clientId, 'x-signature': base64 });
      }
    });
  });
}

async function fetchToken(): Promise<string> {
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json',
    ...(await authenticate()),
  };
  const sent = '{"grantType":"client_credentials","additionalInfo":{}}';
  const { body } = await transport.send({ method: 'POST', url, headers, body: sent }, signal);
  if (!('bytes' in body)) throw new Error(`an answer with ${body.problem}`);
  const answer: unknown = JSON.parse(new TextDecoder().decode(body.bytes));
  return readToken(answer);
}

/** By hand, because the loop is to do no more than it must. @throws when there is no token in it */
function readToken(answer: unknown): string {
  if (typeof answer === 'object' && answer !== null) {
    const data = 'data' in answer ? answer.data : answer;
    if (typeof data === 'object' && data !== null && 'accessToken' in data) {
      if (typeof data.accessToken === 'string') return data.accessToken;
    }
  }
  throw new Error('an answer without a token');
}

interface LoopSecret {
  readonly arn: string;
  version: string;
  refreshed: Promise<void>;
}

async function createSecret(index: number): Promise<LoopSecret> {
  const version = randomUUID();
  const { ARN } = await client.send(
    new CreateSecretCommand({
      Name: `${setting.prefix}/${index}`,
      ClientRequestToken: version,
      SecretString: createText(await fetchToken()),
    }),
  );
  return { arn: ARN ?? '', version, refreshed: Promise.resolve() };
}

/** As many bytes as the program writes. */
function createText(token: string): string {
  const nowMs = Date.now();
  return JSON.stringify({
    schema_version: 1,
    access_token: token,
    token_type: 'Bearer',
    authorization: `Bearer ${token}`,
    issued_at: new Date(nowMs).toISOString(),
    expires_at: new Date(nowMs + 900_000).toISOString(),
    expires_at_epoch: Math.floor(nowMs / 1000) + 900,
    expires_in: 900,
    refresh_at: new Date(nowMs + 840_000).toISOString(),
    provider: 'pivot-0',
    generation: 1,
  });
}

const secrets = await Promise.all(Array.from({ length: setting.tokens }, (_, index) => createSecret(index)));
let next = 0;

async function refreshOne(): Promise<void> {
  const secret = secrets[next % secrets.length];
  next += 1;
  if (secret === undefined) throw new Error('there are no secrets');
  // On a busy machine its last refresh may still run, which moves the same label.
  secret.refreshed = secret.refreshed.then(() => refresh(secret));
  await secret.refreshed;
}

async function refresh(secret: LoopSecret): Promise<void> {
  const text = createText(await fetchToken());
  const version = randomUUID();
  await client.send(
    new PutSecretValueCommand({
      SecretId: secret.arn,
      ClientRequestToken: version,
      SecretString: text,
      ...(isFenced ? { VersionStages: ['LOOP_NEXT'] } : {}),
    }),
  );
  if (isFenced) {
    await client.send(
      new UpdateSecretVersionStageCommand({
        SecretId: secret.arn,
        VersionStage: 'AWSCURRENT',
        MoveToVersionId: version,
        RemoveFromVersionId: secret.version,
      }),
    );
  }
  secret.version = version;
}

const roundSchema = z.object({ perSecond: z.number(), count: z.number() });

answerParent({ round: (input) => runAtPace(roundSchema.parse(input), refreshOne) });
