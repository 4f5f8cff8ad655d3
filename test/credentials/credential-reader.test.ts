import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Credentials } from '../../src/core/credential/credential-reading.ts';
import type {
  CredentialReference,
  CredentialReferences,
} from '../../src/core/credential/credential-reference.ts';
import type { Failure } from '../../src/core/failure.ts';
import { fail, type Result, succeed } from '../../src/core/result.ts';
import { SecretText } from '../../src/core/secret-text.ts';
import {
  type CredentialReader,
  type CredentialReaderInput,
  createCredentialReader,
} from '../../src/credentials/credential-reader.ts';
import { CredentialSources, type CredentialSourcesDeps } from '../../src/credentials/credential-sources.ts';
import { FakeClock } from '../support/fake-clock.ts';

const CANARY = 'canary-7f3a';

type World = Partial<CredentialSourcesDeps & Pick<CredentialReaderInput, 'readEnv'>>;

function createReader(
  references: CredentialReferences,
  { readEnv = () => undefined, ...world }: World,
): CredentialReader {
  return createCredentialReader({
    references,
    readEnv,
    sources: new CredentialSources({
      readFile: () => Promise.reject(errno('ENOENT')),
      readAwsSecret: () => Promise.resolve(succeed(new SecretText(''))),
      clock: new FakeClock(),
      ...world,
    }),
  });
}

async function read(
  references: CredentialReferences,
  world: World = {},
  signal: AbortSignal = new AbortController().signal,
): Promise<Result<Credentials>> {
  return (await createReader(references, world)(signal)).credentials;
}

function errno(code: string): Error {
  return Object.assign(new Error(`${code}: ${CANARY}`), { code });
}

function bytes(text: string): () => Promise<Uint8Array> {
  return () => Promise.resolve(new TextEncoder().encode(text));
}

function secret(text: string): () => Promise<Result<SecretText>> {
  return () => Promise.resolve(succeed(new SecretText(text)));
}

function revealed(result: Result<Credentials>): Readonly<Record<string, string>> {
  assert.ok(result.ok);
  return Object.fromEntries([...result.value].map(([name, text]) => [name, text.reveal()]));
}

const ENV: CredentialReference = { kind: 'env', name: 'APP_ID' };
const FILE: CredentialReference = { kind: 'file', path: '/run/app-secret' };
const SECRET: CredentialReference = { kind: 'awsSecret', id: 'credentials/app', key: undefined };
const KEY: CredentialReference = { kind: 'awsSecret', id: 'credentials/app', key: 'api_key' };

describe('createCredentialReader', () => {
  it('reads the environment, files and secrets', async () => {
    const result = await read(
      { appId: ENV, appSecret: FILE, apiKey: KEY },
      {
        readEnv: (name) => (name === 'APP_ID' ? 'id' : undefined),
        readFile: bytes('file text'),
        readAwsSecret: secret('{"api_key":"key text"}'),
      },
    );
    assert.deepEqual(revealed(result), { appId: 'id', appSecret: 'file text', apiKey: 'key text' });
  });

  it('takes the whole text of a secret without a key', async () => {
    const result = await read({ apiKey: SECRET }, { readAwsSecret: secret('["not", "parsed"]') });
    assert.deepEqual(revealed(result), { apiKey: '["not", "parsed"]' });
  });

  it('reads everything anew each time, so that a swapped file counts', async () => {
    const texts = ['old', 'new'];
    const reader = createReader({ appSecret: FILE }, { readFile: () => bytes(texts.shift() ?? '')() });
    const { signal } = new AbortController();
    assert.deepEqual(revealed((await reader(signal)).credentials), { appSecret: 'old' });
    assert.deepEqual(revealed((await reader(signal)).credentials), { appSecret: 'new' });
  });

  it('reads two keys of one secret with one call', async () => {
    let calls = 0;
    const other: CredentialReference = { ...KEY, key: 'api_secret' };
    const result = await read(
      { apiKey: KEY, apiSecret: other },
      {
        readAwsSecret: () => {
          calls += 1;
          return secret('{"api_key":"a","api_secret":"b"}')();
        },
      },
    );
    assert.deepEqual(revealed(result), { apiKey: 'a', apiSecret: 'b' });
    assert.equal(calls, 1);
  });

  /** The same text from each place that a credential can be read from. */
  const places: readonly (readonly [string, CredentialReference, (text: string) => World])[] = [
    ['the environment', ENV, (text) => ({ readEnv: () => text })],
    ['a file', FILE, (text) => ({ readFile: bytes(text) })],
    ['a secret', SECRET, (text) => ({ readAwsSecret: secret(text) })],
    ['a key of a secret', KEY, (text) => ({ readAwsSecret: secret(JSON.stringify({ api_key: text })) })],
  ];
  for (const [place, reference, world] of places) {
    for (const [text, credential] of [
      ['x\n', 'x'],
      ['x\r\n', 'x'],
      ['\uFEFFx\n', 'x'],
      ['x y', 'x y'],
      ['"', '"'],
      ['x"', 'x"'],
      ['-----BEGIN\nKEY-----\n', '-----BEGIN\nKEY-----'],
      ['\n-----BEGIN\nKEY-----\n\n', '\n-----BEGIN\nKEY-----\n'],
    ] as const) {
      it(`drops what belongs to ${place} and not to the credential: ${JSON.stringify(text)}`, async () => {
        assert.deepEqual(revealed(await read({ a: reference }, world(text))), { a: credential });
      });
    }

    for (const [text, problem] of [
      ['x\n\n', /begins or ends with white space or a line break: store it without$/],
      [' x', /begins or ends with white space/],
      ['x\t', /begins or ends with white space/],
      ['x\u00a0', /begins or ends with white space/],
      ['\n', /is empty$/],
      [' \r\n', /is empty$/],
      ['\uFEFF', /is empty$/],
      ['x\0y', /holds a NUL character/],
      ['"x"', /has quotes around it: store it without$/],
      ["'x'\n", /has quotes around it/],
    ] as const) {
      it(`refuses by name what the provider would refuse, from ${place}: ${JSON.stringify(text)}`, async () => {
        const result = await read({ a: reference }, world(text));
        assert.ok(!result.ok);
        assert.deepEqual(
          [result.failure.code, result.failure.retry],
          ['credentials-rejected', 'needs-human'],
        );
        assert.match(result.failure.message, problem);
        assert.match(result.failure.message, /^credential a: (?:environment variable|file|secret|key) /);
      });
    }
  }

  it('refuses a whole JSON object where one of its keys was meant', async () => {
    const result = await read({ a: SECRET }, { readAwsSecret: secret(`{"api_key":"${CANARY}"}`) });
    assert.equal(
      result.ok ? '' : result.failure.message,
      'credential a: secret credentials/app is a JSON object: name one of its keys with key',
    );
  });

  const failures: readonly (readonly [string, CredentialReference, World, string])[] = [
    ['an unset variable', ENV, {}, 'credential a: environment variable APP_ID is not set'],
    ['an empty variable', ENV, { readEnv: () => '' }, 'credential a: environment variable APP_ID is empty'],
    ['a missing file', FILE, {}, 'credential a: file /run/app-secret cannot be read (ENOENT)'],
    [
      'an unreadable file',
      FILE,
      { readFile: () => Promise.reject(errno('EACCES')) },
      'credential a: file /run/app-secret cannot be read (EACCES: the user of this process has no permission for it)',
    ],
    [
      'an error without errno, of which nothing is quoted',
      FILE,
      { readFile: () => Promise.reject(new Error(CANARY)) },
      'credential a: file /run/app-secret cannot be read (unknown error)',
    ],
    ['an empty file', FILE, { readFile: bytes('\n') }, 'credential a: file /run/app-secret is empty'],
    [
      'a file that is too large',
      FILE,
      { readFile: bytes(CANARY.padEnd(65_537)) },
      'credential a: file /run/app-secret holds more than 65536 bytes',
    ],
    [
      'a file that is not text',
      FILE,
      { readFile: () => Promise.resolve(new Uint8Array([0xff, 0xfe])) },
      'credential a: file /run/app-secret is not UTF-8 text',
    ],
    [
      'an empty secret',
      SECRET,
      { readAwsSecret: secret('') },
      'credential a: secret credentials/app is empty',
    ],
    [
      'a secret that is not JSON',
      KEY,
      { readAwsSecret: secret(CANARY) },
      'credential a: key api_key of secret credentials/app is missing: the secret is not a JSON object',
    ],
    [
      'a secret without the key',
      KEY,
      { readAwsSecret: secret(`{"other":"${CANARY}"}`) },
      'credential a: key api_key of secret credentials/app is missing or not a text',
    ],
    [
      'a key that every object has',
      { ...KEY, key: 'constructor' },
      { readAwsSecret: secret('{}') },
      'credential a: key constructor of secret credentials/app is missing or not a text',
    ],
    [
      'a key whose value is no text',
      KEY,
      { readAwsSecret: secret('{"api_key":7}') },
      'credential a: key api_key of secret credentials/app is missing or not a text',
    ],
    [
      'a key whose value is empty',
      KEY,
      { readAwsSecret: secret('{"api_key":""}') },
      'credential a: key api_key of secret credentials/app is empty',
    ],
  ];
  for (const [what, reference, world, message] of failures) {
    it(`leaves ${what} to a human`, async () => {
      assert.deepEqual(await read({ a: reference }, world), {
        ok: false,
        failure: { code: 'credentials-rejected', retry: 'needs-human', message },
      });
    });
  }

  for (const code of ['ENOENT', 'EACCES', 'EPERM', 'ELOOP', 'ENOTDIR', 'EISDIR', 'ENAMETOOLONG', 'ENXIO']) {
    it(`takes ${code} for a credential that a human has to put right`, async () => {
      const result = await read({ a: FILE }, { readFile: () => Promise.reject(errno(code)) });
      assert.equal(
        result.ok ? '' : `${result.failure.code} ${result.failure.retry}`,
        'credentials-rejected needs-human',
      );
    });
  }

  for (const code of [
    'ETIMEDOUT',
    'EIO',
    'ESTALE',
    'EMFILE',
    'ENFILE',
    'ENOMEM',
    'ENOTCONN',
    'EHOSTDOWN',
    'EAGAIN',
  ]) {
    it(`takes ${code} for the machine's trouble, which passes and rejects no credential`, async () => {
      const result = await read({ a: FILE }, { readFile: () => Promise.reject(errno(code)) });
      assert.ok(!result.ok);
      assert.deepEqual([result.failure.code, result.failure.retry], ['provider-unavailable', 'backoff']);
      assert.match(
        result.failure.message,
        new RegExp(`^credential a: file /run/app-secret cannot be read \\(${code}`),
      );
    });
  }

  it('names every credential that cannot be read', async () => {
    const result = await read({ appId: ENV, appSecret: FILE });
    assert.equal(
      result.ok ? '' : result.failure.message,
      'credential appId: environment variable APP_ID is not set; ' +
        'credential appSecret: file /run/app-secret cannot be read (ENOENT)',
    );
  });

  it("keeps the store's own code and retry, because an outage passes", async () => {
    const outage: Failure = {
      code: 'store-unavailable',
      retry: 'backoff',
      retryAfterMs: 5000,
      message: 'no answer',
    };
    assert.deepEqual(await read({ apiKey: KEY }, { readAwsSecret: () => Promise.resolve(fail(outage)) }), {
      ok: false,
      failure: {
        ...outage,
        message: 'credential apiKey: key api_key of secret credentials/app cannot be read: no answer',
      },
    });
  });

  it('rejects when it is aborted', async () => {
    const controller = new AbortController();
    const reading = read(
      { a: FILE },
      {
        readFile: () => {
          controller.abort(new Error('the program stops'));
          return Promise.reject(errno('ABORT_ERR'));
        },
      },
      controller.signal,
    );
    await assert.rejects(reading, /the program stops/);
  });
});
