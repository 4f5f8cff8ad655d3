/** No spelling of a secret that a server may choose comes out: secrets x spellings x places, and a planted leak is found. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SecretText } from '../../src/core/secret-text.ts';
import type { JsonObject } from '../../src/core/wire/json.ts';
import { recogniseCode, recogniseMessage } from '../../src/core/wire/recognised-text.ts';
import { readStatement } from '../../src/providers/provider-text.ts';
import { KINDS } from '../../src/wiring/connections.ts';
import { credentialsOf } from '../support/credentials.ts';
import { jsonWebToken } from '../support/json-web-token.ts';
import { canaryCredentials, chainOf, contextOf, shippedKind } from '../support/prepared-kind.ts';
import { fc } from '../support/property.ts';
import { configureKind } from '../support/provider-bench.ts';
import { rsaKeyPair, toPem } from '../support/rsa-key.ts';
import { createLeakSearch, SPELLINGS } from '../support/spellings.ts';
import { handMadeResponse } from '../support/token-response.ts';

const RANDOM_SECRETS = [
  'sk_live_51H8xKq2eZvKYlo2CsT7uWqP',
  '9f8b2c44-0d1e-4a77-b3c9-5e2f61a7d0c8',
  'Zq7#vK2!pL9@xW4$',
  'p"a\\ss<w>&ord%20+/=',
  'd41d8cd98f00b204e9800998ecf8427e',
  'k9Jx0bQ2mZr7Tf5Yw3Vh8Nc1Lp6Sd4Ga/+==',
  jsonWebToken({ sub: 'merchant-4711', exp: 1_900_000_000 }),
  '847201',
  '5512345678901234',
  'hunter2',
];

/** Made of the very words that are shown. */
const WORD_SECRETS = [
  'correct horse battery staple',
  'invalid',
  'Invalid-Client-Secret',
  'invalidclientsecret',
  'badkeyuser',
  'theapikeyisbad',
  'token',
  'password123',
  'AccessDenied401',
  'refresh_token_expired',
  'merchantSuspended!',
];

const HARMLESS = ['401', '4017300'];

/** Where an error body holds text. */
const PLACES: Readonly<Record<string, (text: string) => JsonObject>> = {
  message: (text) => ({ message: text }),
  'message among words': (text) => ({ message: `Invalid client credentials: ${text} is not a valid key` }),
  'message after a colon': (text) => ({ message: `password:${text}` }),
  'message in quotes': (text) => ({ message: `the key "${text}" was rejected` }),
  code: (text) => ({ code: text }),
  'code after a prefix': (text) => ({ code: `INVALID_${text}` }),
  responseCode: (text) => ({ responseCode: text, responseMessage: text }),
  error: (text) => ({ error: text }),
  'error and description': (text) => ({ error: 'E1', error_description: text }),
  'error code and message': (text) => ({ success: false, error: { code: text, message: text } }),
  problem: (text) => ({ title: text, detail: text }),
  errors: (text) => ({ errors: [{ code: text, message: text }] }),
  'half and half': (text) => ({
    code: text.slice(0, Math.ceil(text.length / 2)),
    message: text.slice(Math.ceil(text.length / 2)),
  }),
  'a key': (text) => ({ [text]: text, message: { [text]: text } }),
};

/** Three letters or fewer are found in ordinary words. */
function hasEnoughToSpell(text: string): boolean {
  return text.replace(/[^A-Za-z0-9]/g, '').length >= 4;
}

const shows = createLeakSearch();

type Sanitise = (answer: JsonObject, secrets: readonly SecretText[]) => string;

const shown: Sanitise = (answer, secrets) => {
  const { code, message } = readStatement(answer, secrets);
  return `${code ?? ''} ${message ?? ''}`;
};

/** Tries everything, until enough have leaked; the inputs that leak, and how many there were. */
function tryAll(
  sanitise: Sanitise,
  enough = 1_000,
): { readonly inputs: number; readonly leaks: readonly string[] } {
  const leaks: string[] = [];
  let inputs = 0;
  // What stands around a key is no part of it.
  const pem = toPem(rsaKeyPair().privateKey).replace(/-----[A-Z ]+-----/g, '');
  for (const secret of [...RANDOM_SECRETS, ...WORD_SECRETS, ...HARMLESS, pem]) {
    const secrets = [new SecretText(secret)];
    for (const [spelling, spell] of Object.entries(SPELLINGS)) {
      const text = spell(secret);
      for (const [place, put] of Object.entries(PLACES)) {
        if (leaks.length >= enough) return { inputs, leaks };
        inputs += 1;
        if (shows(sanitise(put(text), secrets), secret))
          leaks.push(`${secret.slice(0, 40)}: ${spelling}, ${place}`);
      }
    }
  }
  return { inputs, leaks };
}

describe('No secret leaks: what a provider says', () => {
  test('shows no spelling of a secret, in no place', (t) => {
    const { inputs, leaks } = tryAll(shown);
    t.diagnostic(`${inputs} inputs, ${leaks.length} leaks`);
    assert.deepEqual(leaks, []);
  });

  test('shows none in two spellings on top of each other, whatever the secret', (t) => {
    const spell = fc.constantFrom(...Object.values(SPELLINGS));
    const put = fc.constantFrom(...Object.values(PLACES));
    const secret = fc.oneof(
      fc.stringMatching(/^[A-Za-z0-9_-]{6,64}$/),
      fc.string({ minLength: 6, maxLength: 60, unit: 'grapheme-ascii' }),
      fc.stringMatching(/^[0-9]{4,16}$/),
      fc
        .array(fc.constantFrom('invalid', 'secret', 'key', 'my', 'client', 'horse', '2024'), {
          minLength: 1,
          maxLength: 4,
        })
        .chain((words) => fc.constantFrom('-', '_', ' ', '').map((by) => words.join(by))),
    );
    let inputs = 0;
    fc.assert(
      fc.property(secret.filter(hasEnoughToSpell), spell, spell, put, (text, first, second, place) => {
        const spelled = second(first(text));
        // Digits that are a status of SNAP when read backwards: the status is shown, whatever the secret is.
        fc.pre(!/[45]\d\d7[34][01]\d/.test(spelled.replace(/[^0-9]/g, '')));
        inputs += 1;
        const said = shown(place(spelled), [new SecretText(text)]);
        assert.ok(!shows(said, text), said);
      }),
      { numRuns: 10_000 },
    );
    t.diagnostic(`${inputs} inputs`);
  });

  test('shows nothing but plain words and statuses, whatever comes', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'binary', maxLength: 400 }), fc.base64String({ maxLength: 400 })),
        (text) => {
          const said = shown({ code: text, message: text }, []);
          assert.match(said, /^[\x20-\x7e]{0,190}$/);
          assert.doesNotMatch(said.replace(/^[45]\d\d(?:7[34][01]\d)? /, ''), /\d/);
        },
      ),
    );
  });

  const planted: readonly (readonly [string, Sanitise])[] = [
    [
      'compares with the spellings that somebody thought of',
      (answer, secrets) =>
        secrets.reduce((left, secret) => {
          const text = secret.reveal();
          return [text, encodeURIComponent(text)].reduce(
            (rest, known) => rest.replaceAll(known, '[redacted]'),
            left,
          );
        }, String(answer['message'])),
    ],
    ['forgets that secrets are made of words', (answer) => shown(answer, [])],
    [
      'lets numbers through',
      (answer, secrets) => `${shown(answer, secrets)} ${String(answer['message']).replace(/[^0-9 ]+/g, ' ')}`,
    ],
    [
      'looks at each word, and not at the secret that is spelled over several',
      (answer, secrets) =>
        String(answer['message'])
          .split(' ')
          .map((word) => recogniseMessage(word, secrets) ?? '')
          .join(' ') + (recogniseCode(answer['code'], []) ?? ''),
    ],
  ];
  for (const [what, sanitise] of planted) {
    test(`the search finds a leak when the sanitiser ${what}`, (t) => {
      const { leaks } = tryAll(sanitise, 10);
      t.diagnostic(`${leaks.length} leaks found`);
      assert.ok(leaks.length > 0);
    });
  }
});

type Answer = Parameters<typeof handMadeResponse>[0];

/** The answers of a server that spells what it was sent wherever it can: in a body. */
function bodiesWith(text: string, body: JsonObject): readonly Answer[] {
  const errors = [400, 401, 403, 404, 429, 500, 503].map((status) => ({ status, body }));
  return [
    ...errors,
    { status: 200, body },
    { status: 200, body: { ...body, code: text, responseCode: text } },
    { status: 401, headers: headersWith(text), body },
  ];
}

function headersWith(text: string): Readonly<Record<string, string>> {
  return {
    'content-type': text,
    date: text,
    age: text,
    'retry-after': text,
    'x-ratelimit-reset': text,
    'www-authenticate': `Bearer error="${text}"`,
  };
}

/** And where no such body is. */
function othersWith(text: string): readonly Answer[] {
  const token = { token: text, accessToken: text, access_token: text, token_type: text, tokenType: text };
  return [
    { status: 403, body: `<html><title>${text}</title>${text}</html>` },
    { status: 200, body: `<html>${text}` },
    { status: 200, body: text },
    { status: 200, body: { ...token, expires_in: text, expiresIn: text, expires_at: text } },
    { status: 200, body: { code: 200, data: { ...token, expireTime: text, expires_in: text, exp: text } } },
    {
      status: 200,
      headers: headersWith(text),
      body: {
        code: 200,
        data: { token: ` ${text}\n${text}`, accessToken: `${text} ${text}`, access_token: `é${text}` },
      },
    },
  ];
}

describe('No secret leaks: failures and notes of every kind', () => {
  for (const name of KINDS.names) {
    const kind = shippedKind(name);
    if (kind.credentials === 'any') continue;
    test(`${name} shows no spelling of what it was sent or handed out`, async (t) => {
      let inputs = 0;

      for (const secret of RANDOM_SECRETS.slice(0, 4)) {
        const canaries = canaryCredentials(kind);
        const plain = Object.keys(canaries).filter((each) => !['privateKey', 'certificate'].includes(each));
        const prepared = configureKind(kind).prepare(
          credentialsOf({ ...canaries, ...Object.fromEntries(plain.map((each) => [each, secret])) }),
        );
        assert.ok(prepared.ok);
        const begun = await prepared.value.begin(contextOf(chainOf(secret)));
        assert.ok(begun.ok);
        for (const spell of Object.values(SPELLINGS)) {
          const text = spell(secret);
          const bodies = Object.values(PLACES)
            .slice(0, 4)
            .flatMap((put) => bodiesWith(text, put(text)));
          for (const made of [...bodies, ...othersWith(text)]) {
            inputs += 1;
            const result = begun.value.take(handMadeResponse(made));
            const notes = result.ok && result.value !== 'next' ? result.value.notes.join() : '';
            const said: string = result.ok ? notes : result.failure.message;
            const apartFromOurs = Object.keys(canaries).reduce(
              (text_, each) => text_.replaceAll(each, ''),
              said,
            );
            assert.ok(!shows(apartFromOurs, secret), said);
          }
        }
      }
      t.diagnostic(`${inputs} inputs, 0 leaks`);
    });
  }
});
