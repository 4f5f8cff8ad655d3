/**
 * Every preset that ships: its request is compared field by field with the example in its file, its answer is read, and it
 * goes through everything that a server can answer. A new preset needs no line here.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { listPresets, readPresetFile } from '../../src/adapters/preset-files.ts';
import type { Failure } from '../../src/core/failure.ts';
import { SecretText } from '../../src/core/secret-text.ts';
import { chooseRefreshToken, SEED_CREDENTIAL } from '../../src/core/token/chain-state.ts';
import type { FetchedToken } from '../../src/core/token/token.ts';
import { isJsonObject } from '../../src/core/wire/json.ts';
import { type Preset, readPreset } from '../../src/providers/kinds.ts';
import type {
  ConfiguredKind,
  ProviderKind,
  TokenAttempt,
  TokenRequest,
} from '../../src/providers/provider.ts';
import { createEvenRandom } from '../support/managed-token-bench.ts';
import { exampleOf } from '../support/preset-example.ts';
import { materialOf } from '../support/preset-material.ts';
import { type HandMadeResponse, handMadeResponse } from '../support/token-response.ts';

const BASE_URL = 'https://preset.example';

function describePreset(name: string): void {
  const reading = readPreset(name, readPresetFile(name));
  if (!reading.ok) {
    it(`${name} is a preset`, () => assert.fail(inspect(reading.faults, { depth: 6 })));
    return;
  }
  const { preset, kind } = reading;

  describe(`preset ${name}`, () => {
    it('says after which page it was written, and has an example', () => {
      assert.ok(preset.source.length > 5);
      assert.doesNotThrow(() => exampleOf(preset));
    });

    it('builds the request of its example', async () => {
      const attempt = await begin(kind, preset);
      const request = attempt.request();
      assert.ok(request.ok, inspect(request));
      assertRequest(request.value, preset);
    });

    it('reads the answer of its example', async () => {
      const example = exampleOf(preset);
      const { status, headers, body } = example.answer;
      const token = await fetchWith(kind, preset, { status, headers, body: asBody(body) });
      assert.ok(token.ok, inspect(token));
      const { accessToken, tokenType, expiresInSeconds, refreshToken, fields } = example.token;
      assert.equal(token.value.accessToken.reveal(), accessToken);
      assert.equal(token.value.tokenType, tokenType);
      assert.ok(
        Math.abs(token.value.expiresInSeconds - expiresInSeconds) <= 1,
        `${token.value.expiresInSeconds} s`,
      );
      assert.equal(token.value.refreshToken?.reveal(), refreshToken);
      assert.deepEqual(token.value.fields ?? {}, fields ?? {});
    });

    for (const { status, body, code } of exampleOf(preset).failures)
      it(`takes ${status} ${JSON.stringify(body)} for ${code}`, async () => {
        const failure = await failWith(kind, preset, { status, body: asBody(body) });
        assert.equal(failure.code, code, failure.message);
      });

    it('has the lifetime of its example', () => {
      assert.ok(kind.documentedLifetimeSeconds >= exampleOf(preset).token.expiresInSeconds / 2);
    });

    for (const [code, statuses] of STATUSES) {
      const plain = statuses.filter((status) => !isRuled(preset, status));
      it(`takes HTTP ${plain.join(', ')} without a word for ${code}`, async () => {
        for (const status of plain) {
          const failure = await failWith(kind, preset, { status, body: {} });
          assert.equal(failure.code, code, `${status}: ${failure.message}`);
        }
      });
    }

    it('obeys Retry-After of a 503', async () => {
      const failure = await failWith(kind, preset, {
        status: 503,
        body: {},
        headers: { 'retry-after': '30' },
      });
      assert.equal(failure.retryAfterMs, 30_000);
    });

    for (const [what, body] of [
      ['an HTML page', '<!doctype html><title>Sign in</title>'],
      ['nothing', ''],
      ['an answer that was cut off', '{"access_token": "abc'],
      ['a list', []],
      ['an empty object', {}],
    ] as const) {
      it(`takes no token out of ${what}`, async () => {
        const result = await fetchWith(kind, preset, { status: 200, body });
        if (result.ok)
          assert.equal(
            preset['token'] !== undefined && JSON.stringify(preset['token']).includes('"body"'),
            true,
          );
        else
          assert.ok(
            ['response-malformed', 'request-rejected'].includes(result.failure.code),
            result.failure.message,
          );
      });
    }

    it('shows no credential when a server quotes the whole request', async () => {
      const attempt = await begin(kind, preset);
      const request = attempt.request();
      assert.ok(request.ok);
      const echo = `bad request: ${request.value.url.href} ${JSON.stringify(request.value.headers)} ${request.value.body}`;
      const failure = await failWith(kind, preset, {
        status: 400,
        body: { message: echo, error_description: echo, error: echo },
      });
      for (const text of Object.values(materialOf(preset)))
        if (text.length > 8) assert.ok(!failure.message.includes(text), failure.message);
    });

    it('shows names in the place of values', () => {
      const pictures = configure(kind, preset).picture(BASE_URL);
      assert.ok(pictures.length > 0);
      const shown = JSON.stringify(
        pictures.map(({ shown: line, headers, body, url }) => [line, headers, body, url.href]),
      );
      for (const text of Object.values(materialOf(preset)))
        if (text.length > 8) assert.ok(!shown.includes(text));
    });
  });
}

const STATUSES: readonly (readonly [Failure['code'], readonly number[]])[] = [
  ['credentials-rejected', [401, 403]],
  ['request-rejected', [400, 402, 404, 405, 406, 410, 415, 422, 451]],
  ['provider-unavailable', [408, 409, 425, 500, 502, 503, 504, 529]],
  ['rate-limited', [429]],
];

/** True when a rule of the preset is about this status. */
function isRuled(preset: Preset, status: number): boolean {
  const { errors = [] } = preset;
  const text = JSON.stringify(errors);
  return (
    text.includes(String(status)) ||
    text.includes(`${Math.floor(status / 100)}xx`) ||
    text.includes('"absent"')
  );
}

function configure(kind: ProviderKind, preset: Preset): ConfiguredKind {
  const own = kind.credentials === 'any' ? {} : kind.credentials;
  const result = kind.configure(optionsOf(preset), {
    credentials: Object.keys(own),
    customerCredentials:
      kind.customerCredentials === undefined ? undefined : Object.keys(kind.customerCredentials),
    baseUrl: BASE_URL,
  });
  assert.ok(result.ok, inspect(result, { depth: 6 }));
  return result.configured;
}

function optionsOf(preset: Preset): object {
  return exampleOf(preset).options;
}

async function begin(kind: ProviderKind, preset: Preset): Promise<TokenAttempt> {
  const material = materialOf(preset);
  const credentials = new Map(Object.entries(material).map(([name, text]) => [name, new SecretText(text)]));
  const prepared = configure(kind, preset).prepare(credentials);
  assert.ok(prepared.ok, inspect(prepared));
  const begun = await prepared.value.begin({
    nowMs: Date.parse(exampleOf(preset).at),
    random: createEvenRandom(),
    // The managed token of the chain presents the seed.
    chain: chooseRefreshToken(undefined, credentials.get(SEED_CREDENTIAL)),
    baseUrl: BASE_URL,
  });
  assert.ok(begun.ok, inspect(begun));
  return begun.value;
}

/** The answer to the last request; the example's answers to earlier ones. */
async function fetchWith(
  kind: ProviderKind,
  preset: Preset,
  made: HandMadeResponse,
): Promise<
  { readonly ok: true; readonly value: FetchedToken } | { readonly ok: false; readonly failure: Failure }
> {
  const attempt = await begin(kind, preset);
  const sentAtMs = Date.parse(exampleOf(preset).at);
  for (const body of exampleOf(preset).steps) {
    const taken = attempt.take({
      ...handMadeResponse({ body: asBody(body) }),
      sentAtMs,
      receivedAtMs: sentAtMs + 80,
    });
    assert.ok(taken.ok && taken.value === 'next', inspect(taken));
  }
  const taken = attempt.take({ ...handMadeResponse(made), sentAtMs, receivedAtMs: sentAtMs + 80 });
  if (!taken.ok) return taken;
  assert.ok(taken.value !== 'next', 'the last answer holds the token');
  return { ok: true, value: taken.value };
}

async function failWith(kind: ProviderKind, preset: Preset, made: HandMadeResponse): Promise<Failure> {
  const result = await fetchWith(kind, preset, made);
  assert.ok(!result.ok, 'fails');
  assert.match(result.failure.message, /^[\x20-\x7e]{10,600}$/);
  return result.failure;
}

function asBody(body: unknown): object | string {
  return typeof body === 'string' ? body : isJsonObject(body) || Array.isArray(body) ? body : {};
}

function assertRequest(request: TokenRequest, preset: Preset): void {
  const { method, url, headers, body } = exampleOf(preset).request;
  assert.equal(request.method, method);
  const wanted = new URL(url, BASE_URL);
  assert.equal(
    request.url.pathname,
    new URL(url.startsWith('/') ? `${BASE_URL}${url}` : `${BASE_URL}${wanted.pathname}`).pathname,
  );
  assertSame(Object.fromEntries(request.url.searchParams), Object.fromEntries(wanted.searchParams), 'query');
  for (const [name, value] of Object.entries(headers))
    assertSame(request.headers[name.toLowerCase()], value, name);
  if (body === undefined) assert.equal(request.body, undefined);
  else if (typeof body === 'string') assertSame(request.body, body, 'body');
  else if ('json' in body) assertSame(JSON.parse(request.body ?? ''), body.json, 'body');
  else {
    assert.match(request.headers['content-type'] ?? '', /^application\/x-www-form-urlencoded/);
    assertSame(Object.fromEntries(new URLSearchParams(request.body)), body.form, 'body');
  }
}

/** `‹name›` stands for any text that is not empty. */
function assertSame(actual: unknown, wanted: unknown, what: string): void {
  if (typeof wanted === 'string' && wanted.includes('‹')) {
    assert.ok(typeof actual === 'string', what);
    const pattern = wanted
      .split(/‹[^›]*›/)
      .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      .join('[^]+');
    assert.match(actual, new RegExp(`^${pattern}$`), what);
  } else if (isJsonObject(wanted) && isJsonObject(actual)) {
    assert.deepEqual(Object.keys(actual).toSorted(), Object.keys(wanted).toSorted(), what);
    for (const [key, value] of Object.entries(wanted)) assertSame(actual[key], value, `${what}.${key}`);
  } else assert.deepEqual(actual, wanted, what);
}

for (const name of listPresets()) describePreset(name);
