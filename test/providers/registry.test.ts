import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import { KINDS } from '../../src/wiring/connections.ts';
import { credentialsOf } from '../support/credentials.ts';
import { canaryCredentials, chainOf, parseWith, prepareKind, shippedKind } from '../support/prepared-kind.ts';
import { fc } from '../support/property.ts';
import { configureKind } from '../support/provider-bench.ts';

const REFRESH_TOKEN = 'canary.refreshToken.Zq7#vK2';

describe('the registry', () => {
  test('finds each kind by its name, and no other', () => {
    for (const name of KINDS.names) assert.equal(KINDS.find(name)?.kind, name);
    assert.equal(KINDS.find('unknown'), undefined);
    assert.equal(KINDS.find('constructor'), undefined);
  });
});

for (const name of KINDS.names) {
  const kind = shippedKind(name);
  if (kind.credentials === 'any') continue;
  const credentials = canaryCredentials(kind);

  describe(`the kind ${kind.kind}`, () => {
    test('takes no unknown options', () => {
      assert.ok(!kind.options.safeParse({ unknown: 1 }).success);
      assert.throws(() => configureKind(kind, { unknown: 1 }));
    });

    const optional = new Set(
      Object.entries(kind.credentials).flatMap(([each, field]) => (field.optional === true ? [each] : [])),
    );
    for (const missing of Object.keys(credentials).filter((each) => !optional.has(each))) {
      test(`names ${missing} when it is missing or empty`, () => {
        const rest = Object.entries(credentials).filter(([each]) => each !== missing);
        for (const given of [Object.fromEntries(rest), { ...credentials, [missing]: '' }]) {
          const prepared = configureKind(kind).prepare(credentialsOf(given));
          assert.ok(!prepared.ok);
          assert.equal(prepared.failure.code, 'credentials-rejected');
          assert.match(prepared.failure.message, new RegExp(`^${missing} is (missing|empty)`));
        }
      });
    }

    test('refuses what is no JSON object', async () => {
      for (const body of ['', 'null', '[]', '<html>', '"text"', '{"a":']) {
        const result = await parseWith(prepareKind(kind), { body });
        assert.ok(!result.ok);
        assert.equal(result.failure.code, 'response-malformed');
        assert.match(
          result.failure.message,
          /answered 200 with (an empty body|a body that is not JSON|JSON that is not an object|an HTML page, probably from a proxy)|without a token in the (cookie|header)/,
        );
      }
    });

    test('shows no secret in any failure, whatever an error echoes', async () => {
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
      const prepared = prepareKind(kind);
      const chain = chainOf(REFRESH_TOKEN);
      const skew = fc.constantFrom(0, 600_000);
      await fc.assert(
        fc.asyncProperty(
          fc.oneof(flat, nested, text),
          fc.constantFrom(200, 400, 401, 403, 404, 409, 429, 500, 503),
          skew,
          async (body, status, clockSkewMs) => {
            const headers = { 'retry-after': REFRESH_TOKEN, date: REFRESH_TOKEN };
            const result = await parseWith(prepared, { status, headers, body, clockSkewMs }, chain);
            const shown = inspect(result, { depth: 10 });
            for (const secret of secrets) assert.ok(!shown.includes(secret.slice(0, 24)), shown);
            if (!result.ok) assert.match(result.failure.message, /^[\x20-\x7e]{1,600}$/);
          },
        ),
      );
    });
  });
}
