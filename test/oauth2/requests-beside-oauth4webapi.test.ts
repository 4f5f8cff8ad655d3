/**
 * The requests of `kind: oauth2` beside those of oauth4webapi, another client: the same for the same input, field by
 * field, whatever stands in credentials and parameters.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { before, describe, it } from 'node:test';
import { decodeJwt, decodeProtectedHeader, importPKCS8, jwtVerify } from 'jose';
import * as oauth from 'oauth4webapi';
import type { ConfiguredKind } from '../../src/providers/provider.ts';
import { configureOAuth2, oauth2RequestOf } from '../support/oauth2-kind.ts';
import { fc } from '../support/property.ts';

const TOKEN_URL = 'https://login.example.com/oauth2/token';
const SERVER: oauth.AuthorizationServer = { issuer: TOKEN_URL, token_endpoint: TOKEN_URL };

/** What is easily encoded once too often or once too seldom. */
const SIGNS = '+&="\\%:/?# \'~!*()$`{}|;,<>@';
const hardUnit = fc.constantFrom(...SIGNS.split(''), 'é', '漢', '😀', 'a', 'Z', '9', '%2B', '${x}', '||');
const textOf = (constraints: fc.StringConstraints) => fc.string({ unit: hardUnit, ...constraints });
const secret = textOf({ minLength: 1, maxLength: 40 });
/** HMAC SHA-256 wants 32 bytes. */
const longSecret = textOf({ minLength: 32, maxLength: 60 });

interface Sent {
  readonly authorization: string | undefined;
  readonly type: string | undefined;
  readonly fields: readonly (readonly [string, string])[];
}

interface Way {
  readonly auth: string;
  readonly more?: string;
  readonly secret?: fc.Arbitrary<string>;
  readonly names: readonly string[];
  readonly oracle: (secret: string) => oauth.ClientAuth;
  /** Checks the signature of an assertion. */
  readonly key?: (secret: string) => KeyObject | Uint8Array;
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const PAIRS = { RS256: rsa, PS256: rsa, ES256: ec } as const;
const ALGORITHMS = ['RS256', 'PS256', 'ES256'] as const;
const pemOf = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' });

const oracleKeys = new Map<string, CryptoKey>();
before(async () => {
  for (const algorithm of ALGORITHMS)
    oracleKeys.set(algorithm, await importPKCS8(pemOf(PAIRS[algorithm].privateKey), algorithm));
});

function oracleKey(algorithm: string): CryptoKey {
  const key = oracleKeys.get(algorithm);
  assert.ok(key !== undefined);
  return key;
}

const WAYS: readonly Way[] = [
  { auth: 'client_secret_basic', names: ['clientSecret'], oracle: oauth.ClientSecretBasic },
  { auth: 'client_secret_post', names: ['clientSecret'], oracle: oauth.ClientSecretPost },
  {
    auth: 'client_secret_jwt',
    names: ['clientSecret'],
    secret: longSecret,
    oracle: oauth.ClientSecretJwt,
    key: (text) => Buffer.from(text),
  },
  ...ALGORITHMS.map((algorithm) => ({
    auth: 'private_key_jwt',
    more: `assertion: { algorithm: ${algorithm}, keyId: key-7 }`,
    names: ['privateKey'],
    oracle: () => oauth.PrivateKeyJwt({ key: oracleKey(algorithm), kid: 'key-7' }),
    key: () => PAIRS[algorithm].publicKey,
  })),
  { auth: 'tls_client_auth', names: [], oracle: oauth.TlsClientAuth },
];

const GRANTS = ['client_credentials', 'refresh_token'] as const;

describe('requests of kind oauth2 and of oauth4webapi', () => {
  for (const { auth, more = '', names, oracle, key, secret: secrets = secret } of WAYS) {
    for (const grant of GRANTS) {
      it(`are the same for ${auth} ${more} with grant ${grant}`, async () => {
        const settings = `{ tokenUrl: "${TOKEN_URL}", auth: ${auth}, grant: ${grant}, scope: ["\${scope}"], resource: "\${resource}", params: { extra: "\${extra}" }, ${more} }`;
        const held = ['clientId', ...names, ...(grant === 'refresh_token' ? ['refreshToken'] : [])];
        const kind = configureOAuth2(settings, [...held, 'scope', 'resource', 'extra']);
        const texts = fc.record({
          clientId: secret,
          clientSecret: secrets,
          refreshToken: secret,
          scope: secret,
          resource: secret,
          extra: secret,
        });
        await fc.assert(
          fc.asyncProperty(texts, async (given) => {
            const algorithm = /RS256|PS256|ES256/.exec(more)?.[0];
            const pair = ALGORITHMS.find((each) => each === algorithm);
            const privateKey = pair === undefined ? '' : pemOf(PAIRS[pair].privateKey);
            const all: Readonly<Record<string, string>> = { ...given, privateKey };
            const wanted = [...held, 'scope', 'resource', 'extra'];
            const ours = await oursOf(
              kind,
              Object.fromEntries(wanted.map((name) => [name, all[name] ?? ''])),
            );
            const theirs = await theirsOf(grant, oracle(given.clientSecret), given);
            assert.deepEqual(basicOf(ours), basicOf(theirs));
            assert.equal(ours.type?.split(';')[0], theirs.type?.split(';')[0]);
            assert.deepEqual(plainFields(ours), plainFields(theirs));
            assert.equal(assertionOf(ours) === undefined, key === undefined);
            if (key !== undefined) await compareAssertions(ours, theirs, key(given.clientSecret));
          }),
          { numRuns: key === undefined ? 100 : 15 },
        );
      });
    }
  }

  it('raw Basic is the credentials byte for byte, and what it cannot carry is refused', async () => {
    const kind = configureOAuth2(`{ tokenUrl: "${TOKEN_URL}", basicEncoding: raw }`, [
      'clientId',
      'clientSecret',
    ]);
    const odd = fc.constantFrom('', '\n', '\r', '\u0000', ':');
    await fc.assert(
      fc.asyncProperty(secret, secret, odd, async (name, password, sign) => {
        const clientId = `${name}${sign}`;
        const request = await oauth2RequestOf(kind, { clientId, clientSecret: password }, Date.now());
        if (/[:\n\r\0]/.test(clientId)) {
          assert.ok(!request.ok);
          assert.equal(request.failure.code, 'credentials-rejected');
          return;
        }
        assert.ok(request.ok);
        const [, sent = ''] = (request.value.headers['authorization'] ?? '').split(' ');
        assert.equal(Buffer.from(sent, 'base64').toString('utf8'), `${clientId}:${password}`);
      }),
    );
  });

  it('a header never carries a line break or what is not ASCII', async () => {
    const kind = configureOAuth2(
      `{ tokenUrl: "${TOKEN_URL}", auth: none, headers: { x-api-key: "\${apiKey}" } }`,
      ['apiKey'],
    );
    for (const sign of ['\n', '\r\n', '\r', '\u0000', 'é', '漢', '\u2028']) {
      const request = await oauth2RequestOf(kind, { apiKey: `key${sign}x-admin: 1` }, Date.now());
      assert.ok(!request.ok);
      assert.equal(request.failure.code, 'credentials-rejected');
    }
  });
});

async function oursOf(kind: ConfiguredKind, credentials: Readonly<Record<string, string>>): Promise<Sent> {
  const request = await oauth2RequestOf(kind, credentials, Date.now());
  assert.ok(request.ok, request.ok ? '' : request.failure.message);
  const { method, url, headers, body } = request.value;
  assert.deepEqual([method, url.href], ['POST', TOKEN_URL]);
  return {
    authorization: headers['authorization'],
    type: headers['content-type'],
    fields: [...new URLSearchParams(body)],
  };
}

async function theirsOf(
  grant: (typeof GRANTS)[number],
  clientAuth: oauth.ClientAuth,
  {
    clientId,
    refreshToken,
    ...parameters
  }: Record<string, string> & { clientId: string; refreshToken: string },
): Promise<Sent> {
  const { scope = '', resource = '', extra = '' } = parameters;
  const sent: Sent[] = [];
  const options = {
    [oauth.customFetch]: async (url: string, init: oauth.CustomFetchOptions<'POST', URLSearchParams>) => {
      assert.equal(url, TOKEN_URL);
      const { headers, body } = init;
      sent.push({
        authorization: headers['authorization'],
        type: headers['content-type'],
        fields: [...body],
      });
      return new Response();
    },
  };
  const more = { scope, resource, extra };
  const client = { client_id: clientId };
  await (grant === 'refresh_token'
    ? oauth.refreshTokenGrantRequest(SERVER, client, clientAuth, refreshToken, {
        ...options,
        additionalParameters: more,
      })
    : oauth.clientCredentialsGrantRequest(SERVER, client, clientAuth, more, options));
  const [first] = sent;
  assert.ok(first !== undefined);
  return first;
}

/** Name and password, which the one escapes more of than the other. */
function basicOf({ authorization }: Sent): readonly string[] | undefined {
  if (authorization === undefined) return undefined;
  const [scheme = '', text = '', ...rest] = authorization.split(' ');
  const parts = Buffer.from(text, 'base64').toString('latin1').split(':');
  assert.deepEqual([rest.length, parts.length], [0, 2]);
  // RFC 6749, appendix B: nothing else stands for itself.
  for (const part of parts) assert.match(part, /^(?:[\w.~*+-]|%[\dA-F]{2})*$/);
  return [scheme, ...parts.map((part) => decodeURIComponent(part.replaceAll('+', '%20')))];
}

/** All but the assertion, in the order of their names; each is there once. */
function plainFields({ fields }: Sent): readonly (readonly [string, string])[] {
  assert.equal(new Set(fields.map(([name]) => name)).size, fields.length);
  return fields
    .filter(([name]) => name !== 'client_assertion')
    .toSorted(([one], [other]) => one.localeCompare(other));
}

function assertionOf({ fields }: Sent): string | undefined {
  return fields.find(([name]) => name === 'client_assertion')?.[1];
}

async function compareAssertions(ours: Sent, theirs: Sent, key: KeyObject | Uint8Array): Promise<void> {
  const [mine = '', other = ''] = [assertionOf(ours), assertionOf(theirs)];
  await jwtVerify(mine, key);
  const { typ: _, ...header } = decodeProtectedHeader(mine);
  assert.deepEqual(header, JSON.parse(JSON.stringify(decodeProtectedHeader(other))));
  const [{ iss, sub, aud, exp = 0, iat = 0, jti }, expected] = [decodeJwt(mine), decodeJwt(other)];
  assert.deepEqual([iss, sub, aud], [expected.iss, expected.sub, expected.aud]);
  assert.equal(exp - iat, (expected.exp ?? 0) - (expected.iat ?? 0));
  assert.ok(typeof jti === 'string' && jti.length >= 20);
}
