import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { isJsonObject, parseJson } from '../../../src/core/wire/json.ts';
import type {
  Distortion,
  UpstreamRequest,
  UpstreamResponse,
} from '../../../src/sandbox/upstreams/upstream.ts';
import { UPSTREAM_NAMES, type UpstreamName } from '../../../src/sandbox/upstreams/upstream-list.ts';
import { DOCUMENTED_LIFETIMES_MS } from '../../../src/sandbox/upstreams/upstreams.ts';
import { createUpstreamsBuilder, type TestUpstreams } from '../../support/sandbox-upstreams.ts';
import { createTokenRequests } from '../../support/token-requests.ts';

/** Where each answer says the token and its expiry, as its page documents it. */
const FIELDS: Readonly<Record<UpstreamName, { readonly token: string; readonly expiry: string }>> = {
  pik: { token: 'data.token', expiry: 'data.expireTime' },
  'pivot-b2b': { token: 'accessToken', expiry: 'expiresIn' },
  'pivot-b2b2c': { token: 'accessToken', expiry: 'accessTokenExpiryTime' },
  pivot: { token: 'data.accessToken', expiry: 'data.expiresIn' },
  apimw: { token: 'data.access_token', expiry: 'data.expires_in' },
  paysecurez: { token: 'access_token', expiry: 'expires_in' },
  oauth2: { token: 'access_token', expiry: 'expires_in' },
  http: { token: 'data.session.token', expiry: 'data.session.validFor' },
};

type Refusal = readonly [name: string, change: Partial<UpstreamRequest>, status: number];

const POST_REFUSALS: readonly Refusal[] = [
  ['another path', { path: '/nowhere' }, 404],
  ['another method', { method: 'GET' }, 405],
  ['no content type', { headers: new Map() }, 415],
];
const JSON_REFUSALS: readonly Refusal[] = [
  ...POST_REFUSALS,
  ['a form', { headers: new Map([['content-type', 'application/x-www-form-urlencoded']]) }, 415],
  ['a body that is not JSON', { body: 'grantType=client_credentials' }, 400],
  ['a body that is no object', { body: '[]' }, 400],
];

/** Requests that never get as far as their credentials; those of JSON where nothing else is said. */
const REFUSALS: Partial<Readonly<Record<UpstreamName, readonly Refusal[]>>> = {
  oauth2: [...POST_REFUSALS, ['JSON', { headers: new Map([['content-type', 'application/json']]) }, 415]],
  http: [
    ['another path', { path: '/nowhere' }, 404],
    ['another method', { method: 'POST' }, 405],
  ],
};

/** Status of an answer to wrong credentials; 401 where nothing else is said. */
const REJECTION_STATUS: Partial<Readonly<Record<UpstreamName, number>>> = { pik: 500, http: 200 };

function read(response: UpstreamResponse, path: string): unknown {
  let value: unknown = parseJson(response.body);
  for (const name of path.split('.')) value = isJsonObject(value) ? value[name] : undefined;
  return value;
}

function readToken(kind: UpstreamName, response: UpstreamResponse): string {
  const token = read(response, FIELDS[kind].token);
  assert.ok(typeof token === 'string', `${kind} answers with a token, got ${response.status}`);
  return token;
}

describe('every simulated upstream', () => {
  let build: Awaited<ReturnType<typeof createUpstreamsBuilder>>;
  before(async () => {
    build = await createUpstreamsBuilder();
  });

  const ask = (
    { clock, credentials, upstreams }: TestUpstreams,
    kind: UpstreamName,
    change: Partial<UpstreamRequest> = {},
    distortion: Distortion = {},
  ): UpstreamResponse => {
    const request = createTokenRequests(credentials, clock.now() + (distortion.clockSkewMs ?? 0))[kind];
    return upstreams[kind].handle({ ...request, ...change }, distortion);
  };

  for (const kind of UPSTREAM_NAMES) {
    describe(kind, () => {
      it('issues a token that is valid for its documented life and not a moment longer', () => {
        const sandbox = build();
        const response = ask(sandbox, kind);
        assert.equal(response.status, 200);
        assert.equal(response.headers['date'], new Date(sandbox.clock.now()).toUTCString());
        const token = readToken(kind, response);
        const lifetimeMs = DOCUMENTED_LIFETIMES_MS[kind];
        const upstream = sandbox.upstreams[kind];
        assert.equal(upstream.isValid(token, sandbox.clock.now() + lifetimeMs - 1), true);
        assert.equal(upstream.isValid(token, sandbox.clock.now() + lifetimeMs), false);
        assert.equal(upstream.isValid(`${token}x`, sandbox.clock.now()), false);
        assert.ok(sandbox.issued.includes(token));
      });

      it('issues another token each time', () => {
        const sandbox = build();
        assert.notEqual(readToken(kind, ask(sandbox, kind)), readToken(kind, ask(sandbox, kind)));
      });

      it('divides the life by the speed of the time-lapse', () => {
        const sandbox = build({ speed: 15 });
        const token = readToken(kind, ask(sandbox, kind));
        const lifetimeMs = DOCUMENTED_LIFETIMES_MS[kind] / 15;
        assert.equal(sandbox.upstreams[kind].isValid(token, sandbox.clock.now() + lifetimeMs - 1), true);
        assert.equal(sandbox.upstreams[kind].isValid(token, sandbox.clock.now() + lifetimeMs), false);
      });

      for (const [name, change, status] of REFUSALS[kind] ?? JSON_REFUSALS) {
        it(`answers ${status} to ${name}`, () => {
          const sandbox = build();
          const response = ask(sandbox, kind, change);
          assert.equal(response.status, status);
          assert.ok(isJsonObject(parseJson(response.body)), 'the error is an envelope');
          const allowed = kind === 'http' ? 'GET' : 'POST';
          assert.equal(response.headers['allow'], status === 405 ? allowed : undefined);
          assert.deepEqual(sandbox.issued, []);
        });
      }

      it('issues nothing when told to reject the credentials', () => {
        const sandbox = build();
        const response = ask(sandbox, kind, {}, { rejectsCredentials: true });
        assert.equal(response.status, REJECTION_STATUS[kind] ?? 401);
        assert.deepEqual(sandbox.issued, []);
      });

      it('repeats its newest token with the life it has left, and a new one once it has none', async () => {
        const sandbox = build();
        const first = ask(sandbox, kind);
        await sandbox.clock.advance(60_000);
        const again = ask(sandbox, kind, {}, { repeatsToken: true });
        assert.equal(readToken(kind, again), readToken(kind, first));
        const leftMs = DOCUMENTED_LIFETIMES_MS[kind] - 60_000;
        assert.equal(statedExpiryMs(kind, again, sandbox.clock.now()), sandbox.clock.now() + leftMs);
        await sandbox.clock.advance(leftMs);
        const later = ask(sandbox, kind, {}, { repeatsToken: true });
        assert.notEqual(readToken(kind, later), readToken(kind, first));
      });

      it('states times by its own clock, while the token lives by the true one', () => {
        const sandbox = build();
        const nowMs = sandbox.clock.now();
        const clockSkewMs = 600_000;
        const response = ask(sandbox, kind, {}, { clockSkewMs });
        assert.equal(response.headers['date'], new Date(nowMs + clockSkewMs).toUTCString());
        const lifetimeMs = DOCUMENTED_LIFETIMES_MS[kind];
        assert.equal(statedExpiryMs(kind, response, nowMs + clockSkewMs), nowMs + clockSkewMs + lifetimeMs);
        assert.equal(sandbox.upstreams[kind].isValid(readToken(kind, response), nowMs + lifetimeMs), false);
      });

      it('shortens lives on demand', () => {
        const sandbox = build();
        const response = ask(sandbox, kind, {}, { lifetimeMs: 30_000 });
        assert.equal(statedExpiryMs(kind, response, sandbox.clock.now()), sandbox.clock.now() + 30_000);
        assert.equal(
          sandbox.upstreams[kind].isValid(readToken(kind, response), sandbox.clock.now() + 30_000),
          false,
        );
      });

      it('says nothing about expiry on demand, not even inside the token', () => {
        const response = ask(build(), kind, {}, { expiry: 'missing' });
        assert.equal(read(response, FIELDS[kind].expiry), undefined);
        assert.equal(readClaims(readToken(kind, response))['exp'], undefined);
      });

      const wrongExpiries = [
        ['zero', 0],
        ['negative', -DOCUMENTED_LIFETIMES_MS[kind]],
        ['absurd', 100 * 365 * 86_400_000],
      ] as const;
      for (const [expiry, lifetimeMs] of wrongExpiries) {
        it(`states a ${expiry} expiry on demand, while the token lives as ever`, () => {
          const sandbox = build();
          const nowMs = sandbox.clock.now();
          const response = ask(sandbox, kind, {}, { expiry });
          assert.equal(statedExpiryMs(kind, response, nowMs), nowMs + lifetimeMs);
          const token = readToken(kind, response);
          const claims = readClaims(token);
          if (claims['iat'] !== undefined) assert.equal(claims['exp'], (nowMs + lifetimeMs) / 1000);
          assert.equal(
            sandbox.upstreams[kind].isValid(token, nowMs + DOCUMENTED_LIFETIMES_MS[kind] - 1),
            true,
          );
        });
      }
    });
  }
});

/** The stated expiry as wall time, in milliseconds. */
function statedExpiryMs(kind: UpstreamName, response: UpstreamResponse, statedNowMs: number): number {
  const stated = read(response, FIELDS[kind].expiry);
  if (typeof stated === 'string' && stated.includes('T')) return Date.parse(stated);
  assert.ok(typeof stated === 'number' || typeof stated === 'string');
  return statedNowMs + Number(stated) * 1000;
}

/** Claims of a JSON Web Token; none for an opaque token. */
function readClaims(token: string): Readonly<Record<string, unknown>> {
  const payload = parseJson(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  return isJsonObject(payload) ? payload : {};
}
