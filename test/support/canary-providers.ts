/** Providers with a secret in every place that a description knows, and the server that they ask. */
import { createHash, createPrivateKey, type KeyObject } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { isJsonObject, parseJson } from '../../src/core/wire/json.ts';
import { createAuthority } from './certificates.ts';
import { startLoopbackServer } from './loopback-server.ts';
import { rsaKeyPair } from './rsa-key.ts';

/** What a server makes of the texts that a request has brought. */
export type Answer = (response: ServerResponse, presented: readonly string[]) => void;

export interface CanaryProviders {
  /** The list `providers` of a configuration. */
  readonly entries: readonly object[];
  readonly names: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** All that was configured, issued, or made of a secret for a request, by name. */
  readonly secrets: ReadonlyMap<string, string>;
  /** From now on; `undefined`: well, with all that was presented in fields beside the token. */
  answer: Answer | undefined;
}

/** Long, found nowhere else, and different in each encoding within any 16 characters. */
function canary(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 16), hex.slice(16, 24), 'Zq7vK2'].join('"\\+&=%/');
}

export async function startCanaryProviders(t: TestContext): Promise<CanaryProviders> {
  const secrets = new Map<string, string>();
  const env: Record<string, string> = {};
  const add = (name: string, value: string): { readonly env: string } => {
    env[name] = value;
    secrets.set(name, value);
    return { env: name };
  };
  const credential = (name: string) => add(name, canary(name));
  const credentials = (...names: readonly string[]) =>
    Object.fromEntries(names.map((name) => [name, credential(name)]));
  let issued = 0;
  const issue = (what: string): string => {
    issued += 1;
    const token = `${what}-${createHash('sha256').update(`${what} ${issued}`).digest('hex')}`;
    secrets.set(`issued ${issued}`, token);
    return token;
  };

  const state: { answer: Answer | undefined } = { answer: undefined };
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    void text(request).then((body) => {
      const { url = '', headers } = request;
      for (const name of ['x-sign', 'authorization'])
        if (typeof headers[name] === 'string') secrets.set(`${name} of ${url}`, headers[name]);
      const presented = textsOf(request, body);
      if (state.answer !== undefined) state.answer(response, presented);
      else answerWell(response, presented, issue);
    });
  };
  const server = await startLoopbackServer(handle);
  t.after(() => server[Symbol.asyncDispose]());
  const authority = await createAuthority(t);
  const identity = authority.issue('subjectAltName=IP:127.0.0.1');
  const secure = createServer({ ...identity, ca: authority.cert, requestCert: true }, handle);
  await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    secure.close();
    secure.closeAllConnections();
  });
  const secureUrl = `https://127.0.0.1:${portOf(secure.address())}`;

  const { privateKey, publicKey } = rsaKeyPair();
  env['sealingKey'] = publicKey.export({ type: 'spki', format: 'pem' });
  env['ca'] = authority.cert;
  const client = authority.issue('extendedKeyUsage=clientAuth');
  env['certificate'] = client.cert;
  const signed = (name: string) => ({
    privateKey: add(`${name}Key`, encrypted(privateKey, canary(`${name}Passphrase`))),
    passphrase: credential(`${name}Passphrase`),
  });

  const publish = { note: 'note', leak: 'leak', again: 'again' };
  const url = (path: string): string => `${server.url}${path}`;
  const entries = [
    {
      name: 'places',
      kind: 'http',
      allowSecretInUrl: true,
      credentials: credentials('inPath', 'inQuery', 'inHeader', 'inJson', 'inKey'),
      request: {
        url: url('/places/${inPath}/x'),
        query: { q: '${inQuery}' },
        headers: { 'x-key': '${inHeader}', authorization: 'Key ${inKey}' },
        body: { json: { a: [{ b: '${inJson}' }] } },
      },
      scheme: { path: 'token_type' },
      publish,
      errors: [{ when: { path: 'error', mentions: ['zq7vk2'] }, code: 'credentials-rejected' }],
    },
    {
      name: 'form',
      kind: 'http',
      credentials: credentials('inForm', 'basicUser', 'basicPassword'),
      request: {
        url: url('/form'),
        basic: { user: '${basicUser}', password: '${basicPassword}', encoding: 'raw' },
        body: { form: { f: '<${inForm}>', o: { optional: 'inForm' } } },
      },
      publish,
    },
    {
      name: 'text',
      kind: 'http',
      credentials: credentials('inText', 'formUser', 'formPassword'),
      request: {
        method: 'PUT',
        url: url('/text'),
        basic: { user: '${formUser}', password: '${formPassword}', encoding: 'form' },
        body: { text: 'a ${inText} b' },
      },
      token: { body: 'text' },
      expiry: [{ ttl: '15m' }],
    },
    {
      name: 'values',
      kind: 'http',
      credentials: {
        ...credentials('asText', 'asBase64', 'asHex', 'hmacKey', 'hashed', 'sortedItem', 'jwtKey', 'sealed'),
        ...signed('rsa'),
        sealingKey: { env: 'sealingKey' },
      },
      values: {
        ts: { now: 'epoch-seconds' },
        t: { text: 'a${asText}' },
        b: { base64: 'x:${asBase64}' },
        u: { base64url: '${t}' },
        h: { hex: '${asHex}' },
        d: { digest: 'sha256', text: '${hashed}' },
        s: { sorted: { a: '${sortedItem}' } },
        m: { hmac: 'sha256', key: 'hmacKey', text: '${ts}${s}', as: 'base64' },
        r: { rsa: 'pkcs1-sha256', key: 'privateKey', passphrase: 'passphrase', text: '${ts}' },
        j: { jwt: 'HS256', key: 'jwtKey', claims: { c: '${asText}' } },
        e: { 'rsa-encrypt': 'oaep-sha256', key: 'sealingKey', text: '${sealed}' },
      },
      request: {
        url: url('/values'),
        headers: { 'x-sign': '${r}', 'x-m': '${m}' },
        body: {
          json: { t: '${t}', b: '${b}', u: '${u}', h: '${h}', d: '${d}', s: '${s}', j: '${j}', e: '${e}' },
        },
      },
      publish,
    },
    {
      name: 'steps',
      kind: 'http',
      credentials: credentials('firstStep'),
      steps: [
        {
          url: url('/session'),
          body: { json: { k: '${firstStep}' } },
          save: { session: 'session' },
        },
      ],
      allowSecretInUrl: true,
      request: { url: url('/cookie/${session}'), headers: { 'x-session': '${session}' } },
      token: { cookie: 'SID' },
      expiry: [{ ttl: '15m' }],
    },
    {
      name: 'chain',
      kind: 'http',
      credentials: credentials('chainKey', 'refreshToken'),
      request: {
        url: url('/chain'),
        body: { json: { k: '${chainKey}', r: { optional: 'refreshToken' } } },
      },
      refresh: { token: { path: 'refresh_token' }, ttl: '30d' },
      publish,
    },
    {
      name: 'oauth2-chain',
      kind: 'oauth2',
      tokenUrl: url('/oauth2-chain'),
      grant: 'refresh_token',
      rotates: 'always',
      credentials: {
        clientId: credential('chainClientId'),
        clientSecret: credential('chainClientSecret'),
        refreshToken: credential('seed'),
      },
    },
    {
      name: 'assertion',
      kind: 'oauth2',
      tokenUrl: url('/assertion'),
      auth: 'private_key_jwt',
      credentials: { clientId: credential('assertionClientId'), ...signed('assertion') },
    },
    {
      name: 'post',
      kind: 'oauth2',
      tokenUrl: url('/post'),
      auth: 'client_secret_post',
      grant: 'password',
      body: 'query',
      allowSecretInUrl: true,
      credentials: credentials('clientId', 'clientSecret', 'username', 'password'),
    },
    {
      name: 'mtls',
      kind: 'oauth2',
      tokenUrl: `${secureUrl}/mtls`,
      auth: 'tls_client_auth',
      credentials: { clientId: credential('mtlsClientId') },
      tls: {
        ca: { env: 'ca' },
        certificate: { env: 'certificate' },
        key: add('tlsKey', encrypted(createPrivateKey(client.key), canary('tlsPassphrase'))),
        passphrase: credential('tlsPassphrase'),
      },
    },
    {
      name: 'shops',
      kind: 'http',
      credentials: credentials('shopKey'),
      request: { url: url('/shops/${customer}'), body: { form: { k: '${shopKey}', p: '${pin}' } } },
      customers: [
        { name: 'ayu', pin: credential('pinOfAyu') },
        { name: 'budi', pin: credential('pinOfBudi') },
      ],
      secret: 'canary/shops/{customer}',
    },
  ];
  return {
    entries: entries.map((entry) => ({ secret: `canary/${entry.name}`, ...entry })),
    names: entries.map(({ name }) => name),
    env,
    secrets,
    get answer() {
      return state.answer;
    },
    set answer(answer) {
      state.answer = answer;
    },
  };
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return address.port;
}

function encrypted(key: KeyObject, passphrase: string): string {
  return key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase });
}

function answerWell(
  response: ServerResponse,
  presented: readonly string[],
  issue: (what: string) => string,
): void {
  const { url = '' } = response.req;
  const token = issue('token');
  if (url === '/text') {
    response.end(token);
    return;
  }
  if (url.startsWith('/cookie'))
    response.setHeader('set-cookie', [`a=${presented[0]?.slice(0, 4)}`, `SID=${token}`]);
  const hasChain = url.includes('chain');
  response.end(
    JSON.stringify({
      // In names as well: `try` shows names.
      ...Object.fromEntries(presented.map((one) => [one, one])),
      access_token: token,
      expires_in: 900,
      token_type: presented[0]?.replace(/[^A-Za-z0-9]/g, '').slice(0, 64),
      session: issue('session'),
      ...(hasChain ? { refresh_token: issue('refresh') } : {}),
      note: 'eu-1',
      leak: presented[0],
      again: `the key ${presented[1] ?? presented[0]} is good`,
    }),
  );
}

/** All that a request holds, as it is and decoded, the longest first. */
function textsOf({ url = '', headers }: IncomingMessage, body: string): readonly string[] {
  const address = new URL(url, 'http://x');
  const own = Object.entries(headers).filter(([name]) => /^(?:x-|authorization$)/.test(name));
  const basic = own.flatMap(([, value]) => {
    const [, encoded] = /^Basic (.*)$/.exec(String(value)) ?? [];
    return encoded === undefined ? [] : Buffer.from(encoded, 'base64').toString().split(':');
  });
  const json = parseJson(body);
  const fields = json === undefined ? [...new URLSearchParams(body).values()] : leavesOf(json);
  const all = [
    ...own.map(([, value]) => String(value)),
    ...basic,
    ...basic.map((part) => new URLSearchParams(`p=${part}`).get('p') ?? ''),
    ...address.searchParams.values(),
    ...address.pathname.split('/').map((part) => decodeURIComponent(part)),
    ...fields,
    body,
    url,
  ];
  return [...new Set(all.filter((one) => one.length > 12))];
}

function leavesOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(leavesOf);
  return isJsonObject(value) ? Object.values(value).flatMap(leavesOf) : [];
}
