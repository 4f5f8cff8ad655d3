import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { decodeBody } from '../../../src/adapters/net/content-coding.ts';
import { MAX_BODY_BYTES } from '../../../src/core/wire/http-call.ts';

const TEXT = Buffer.from('{"access_token":"x"}');

describe('a coded body', () => {
  for (const [codings, bytes] of [
    [[], TEXT],
    [['identity'], TEXT],
    [['UTF-8'], TEXT],
    [['none', 'binary'], TEXT],
    [['utf-8, gzip'], gzipSync(TEXT)],
    [['gzip'], gzipSync(TEXT)],
    [['x-gzip'], gzipSync(TEXT)],
    [['GZIP '], gzipSync(TEXT)],
    [['deflate'], deflateSync(TEXT)],
    [['deflate'], deflateRawSync(TEXT)],
    [['br'], brotliCompressSync(TEXT)],
    [['zstd'], zstdCompressSync(TEXT)],
    [['br, gzip'], gzipSync(brotliCompressSync(TEXT))],
    [['br', 'gzip'], gzipSync(brotliCompressSync(TEXT))],
    [['gzip'], new Uint8Array()],
  ] as const) {
    it(`is read: ${codings.join(' and ') || 'nothing'}, ${bytes.byteLength} bytes`, () => {
      const body = decodeBody(bytes, codings);
      assert.ok('bytes' in body, JSON.stringify(body));
      assert.equal(Buffer.from(body.bytes).toString(), bytes.byteLength === 0 ? '' : TEXT.toString());
    });
  }

  const bomb = Buffer.alloc(MAX_BODY_BYTES + 1, 'x');
  for (const [name, coded] of [
    ['gzip', gzipSync(bomb)],
    ['deflate', deflateSync(bomb)],
    ['br', brotliCompressSync(bomb)],
    ['zstd', zstdCompressSync(bomb)],
  ] as const) {
    it(`is measured after decoding: ${coded.byteLength} bytes of ${name}`, () => {
      assert.deepEqual(decodeBody(coded, [name]), { problem: 'more than 1 MiB' });
    });
    it(`of ${name} may have 1 MiB`, () => {
      assert.ok('bytes' in decodeBody(gzipSync(bomb.subarray(1)), ['gzip']));
    });
    it(`of ${name} that is none is refused`, () => {
      assert.deepEqual(decodeBody(TEXT, [name]), {
        problem: `a body that is not ${name} although it says so`,
      });
    });
  }

  it('in an unknown coding is refused by its name, if that is one', () => {
    assert.deepEqual(decodeBody(TEXT, ['compress']), { problem: 'an unknown content coding (compress)' });
    assert.deepEqual(decodeBody(TEXT, ['a secret!']), { problem: 'an unknown content coding' });
    assert.deepEqual(decodeBody(TEXT, ['gzip, gzip, gzip, gzip']), {
      problem: 'more than 3 content codings',
    });
  });
});
