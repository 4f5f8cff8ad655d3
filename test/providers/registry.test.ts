import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { findKind, KINDS } from '../../src/providers/registry.ts';
import { credentialsOf } from '../support/credentials.ts';
import { canaryCredentials, chainOf, contextOf, parseWith, prepareKind } from '../support/prepared-kind.ts';

const REFRESH_TOKEN = 'canary.refreshToken.Zq7#vK2';

describe('the registry', () => {
  test('finds each kind by its name, and no other', () => {
    for (const kind of KINDS) assert.equal(findKind(kind.kind), kind);
    assert.equal(findKind('unknown'), undefined);
  });

  test('knows the documented lifetimes', () => {
    assert.deepEqual(Object.fromEntries(KINDS.map((kind) => [kind.kind, kind.documentedLifetimeSeconds])), {
      pik: 1800,
      'pivot-b2b': 900,
      'pivot-b2b2c': 900,
      pivot: 900,
      apimw: 3600,
      paysecurez: 1800,
    });
  });
});

for (const kind of KINDS) {
  const credentials = canaryCredentials(kind);

  describe(`the kind ${kind.kind}`, () => {
    test('takes no options at all, and no unknown ones', () => {
      assert.ok(kind.options.safeParse({}).success);
      assert.ok(!kind.options.safeParse({ unknown: 1 }).success);
      assert.throws(() => kind.configure({ unknown: 1 }));
    });

    for (const missing of Object.keys(credentials)) {
      test(`names ${missing} when it is missing or empty`, () => {
        const rest = Object.entries(credentials).filter(([name]) => name !== missing);
        for (const given of [Object.fromEntries(rest), { ...credentials, [missing]: '' }]) {
          const prepared = kind.configure({}).prepare(credentialsOf(given));
          assert.ok(!prepared.ok);
          assert.equal(prepared.failure.code, 'credentials-rejected');
          assert.match(prepared.failure.message, new RegExp(`^${missing} is (missing|empty)`));
        }
      });
    }

    test('sends JSON to a path, and the same for the same context', async () => {
      const prepared = prepareKind(kind);
      const request = await prepared.buildRequest(contextOf());
      assert.equal(request.method, 'POST');
      assert.match(request.path, /^\//);
      assert.doesNotThrow(() => JSON.parse(request.body));
      assert.deepEqual(await prepared.buildRequest(contextOf()), request);
    });

    test('refuses what is no JSON object', () => {
      for (const body of ['', 'null', '[]', '<html>', '"text"', '{"a":']) {
        const result = parseWith(prepareKind(kind), { body });
        assert.ok(!result.ok);
        assert.equal(result.failure.code, 'response-malformed');
        assert.match(
          result.failure.message,
          /answered 200 with (an empty body|a body that is not JSON|JSON that is not an object|an HTML page, probably from a proxy)/,
        );
      }
    });

    test('shows no secret in any failure, whatever an error echoes', () => {
      const secrets = [...Object.values(credentials), REFRESH_TOKEN];
      const echo = fc.oneof(fc.constantFrom(...secrets), fc.string());
      const text = fc.array(echo).map((parts) => parts.join(''));
      const value = fc.oneof(
        text,
        fc.constantFrom('00', '200', '4017300', '4017401', '2007300', 401, 500, true),
      );
      const fields = ['code', 'message', 'responseCode', 'responseMessage', 'error', 'statusCode', 'success'];
      const flat = fc.dictionary(
        fc.constantFrom(...fields, 'accessToken', 'access_token', 'expiresIn'),
        value,
      );
      const nested = fc.record(
        { error: flat, data: flat, success: value, code: value },
        { requiredKeys: [] },
      );
      const options = kind.kind === 'apimw' ? { useRefreshToken: true } : {};
      const prepared = prepareKind(kind, options);
      const chain = chainOf(REFRESH_TOKEN);
      const skew = fc.constantFrom(0, 600_000);
      fc.assert(
        fc.property(
          fc.oneof(flat, nested, text),
          fc.constantFrom(200, 400, 401, 403, 404, 409, 429, 500, 503),
          skew,
          (body, status, clockSkewMs) => {
            const headers = { 'retry-after': REFRESH_TOKEN, date: REFRESH_TOKEN };
            const result = parseWith(prepared, { status, headers, body, clockSkewMs }, chain);
            const shown = inspect(result, { depth: 10 });
            for (const secret of secrets) assert.ok(!shown.includes(secret.slice(0, 24)), shown);
            if (!result.ok) assert.match(result.failure.message, /^[\x20-\x7e]{1,600}$/);
          },
        ),
      );
    });
  });
}
