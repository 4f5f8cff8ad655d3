import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { SecretText } from '../../src/core/secret-text.ts';
import { parseStatement, sanitiseCode, sanitiseMessage } from '../../src/providers/provider-text.ts';

const SECRET = 'sk_live_secret456';
const secrets = [new SecretText(SECRET), new SecretText('42')];

describe("a provider's error code", () => {
  const cases: readonly (readonly [unknown, string | undefined])[] = [
    ['INVALID_CREDENTIALS', 'INVALID_CREDENTIALS'],
    ['INVALID_REFRESH_TOKEN', 'INVALID_REFRESH_TOKEN'],
    ['4017300', '4017300'],
    [4017300, '4017300'],
    ['invalid_grant', 'invalid_grant'],
    ['', undefined],
    ['two words', undefined],
    ['x'.repeat(65), undefined],
    ['x'.repeat(30), undefined],
    ['a1b2c3d4e5f6a7b8c9d0', undefined],
    [SECRET, undefined],
    [`E-${SECRET}`, undefined],
    [null, undefined],
    [{}, undefined],
  ];
  for (const [value, expected] of cases) {
    test(`${JSON.stringify(value)} becomes ${expected}`, () => {
      assert.equal(sanitiseCode(value, secrets), expected);
    });
  }
});

describe("a provider's error message", () => {
  const cases: readonly (readonly [unknown, string | undefined])[] = [
    ['Invalid API Key or Secret', 'Invalid API Key or Secret'],
    ['Unauthorized.Invalid Signature', 'Unauthorized.Invalid Signature'],
    [`key ${SECRET} is unknown`, 'key [redacted] is unknown'],
    [`key ${SECRET.toUpperCase()} is unknown`, 'key [redacted] is unknown'],
    [`key ${SECRET.slice(0, 12)}**** is unknown`, 'key [redacted]**** is unknown'],
    ['error 42', 'error [redacted]'],
    [
      'bad token eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJlLXRoYXQtbm9ib2R5',
      'bad token [redacted].e30.[redacted]',
    ],
    ['session 0123456789abcdef0123 ended', 'session [redacted] ended'],
    ['a\n\tb\u0000c\u001b[31md é', 'a b c [31md'],
    ['x '.repeat(200), 'x '.repeat(60).trim()],
    ['密钥错误', undefined],
    ['', undefined],
    [{}, undefined],
    [undefined, undefined],
  ];
  for (const [value, expected] of cases) {
    test(`${JSON.stringify(value) ?? 'undefined'} becomes ${JSON.stringify(expected) ?? 'undefined'}`, () => {
      assert.equal(sanitiseMessage(value, secrets), expected);
    });
  }

  test('never holds a piece of a secret, however it is echoed', () => {
    const secret = fc.string({ minLength: 8, maxLength: 60, unit: 'grapheme-ascii' }).filter((text) => {
      const lower = text.replace(/ +/g, ' ').trim().toLowerCase();
      return lower.length >= 8 && !'[redacted]'.includes(lower);
    });
    fc.assert(
      fc.property(secret, fc.string(), fc.string(), fc.nat(), (text, before, after, cut) => {
        const given = [new SecretText(text)];
        for (const echo of [text, text.toUpperCase(), encodeURIComponent(text), text.slice(cut % 4)]) {
          const said = parseStatement(`${before}${echo}`, `${before}${echo}${after}`, given);
          const message = said.message?.toLowerCase() ?? '';
          const normal = text.replace(/ +/g, ' ').trim().toLowerCase();
          for (let at = 0; at + 8 <= normal.length; at += 1) {
            const piece = normal.slice(at, at + 8);
            if ('[redacted]'.includes(piece)) continue;
            assert.ok(!message.includes(piece), `${message} holds ${piece}`);
            assert.ok(!said.code?.toLowerCase().includes(piece));
          }
        }
      }),
    );
  });

  test('is printable and short, and holds no token-like run', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'binary', maxLength: 400 }), fc.base64String({ maxLength: 400 })),
        (text) => {
          const message = sanitiseMessage(text, secrets) ?? '';
          assert.match(message, /^[\x20-\x7e]{0,120}$/);
          assert.doesNotMatch(message, /[A-Za-z0-9_+/=~-]{20}/);
        },
      ),
    );
  });
});
