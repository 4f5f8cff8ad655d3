import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { z } from 'zod';
import { SecretText } from '../../src/core/secret-text.ts';
import { buildSnapHeaders, formatTimestamp, type SnapSigner } from '../../src/providers/snap.ts';
import { rsaKeyPair, toPem } from '../support/rsa-key.ts';

const AT_MS = Date.UTC(2026, 10, 21, 12, 21, 2, 345);
const CLIENT_ID = 'a7f3-client';
const signer = (): SnapSigner => ({
  clientId: new SecretText(CLIENT_ID),
  privateKey: rsaKeyPair().privateKey,
});
const publicPem = () => rsaKeyPair().publicKey.export({ type: 'spki', format: 'pem' });

/** The server side of a vendor's own SNAP library. */
const vendor = z
  .object({
    compareSignatures: z.custom<(...texts: string[]) => unknown>((value) => typeof value === 'function'),
  })
  .parse(createRequire(import.meta.url)('doku-nodejs-library/_services/tokenService.js'));

interface Signed {
  readonly timestamp: string;
  readonly signature: string;
}

function opensslVerifies({ timestamp, signature }: Signed): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'snap-'));
  try {
    const keyFile = join(folder, 'public.pem');
    const signatureFile = join(folder, 'signature');
    writeFileSync(keyFile, publicPem());
    writeFileSync(signatureFile, Buffer.from(signature, 'base64'));
    const args = ['dgst', '-sha256', '-verify', keyFile, '-signature', signatureFile];
    return spawnSync('openssl', args, { input: `${CLIENT_ID}|${timestamp}` }).status === 0;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function vendorVerifies({ timestamp, signature }: Signed): boolean {
  return vendor.compareSignatures(signature, publicPem(), CLIENT_ID, timestamp) === true;
}

describe('a SNAP timestamp', () => {
  const formats = [
    ['jakarta-seconds', '2026-11-21T19:21:02+07:00'],
    ['jakarta-milliseconds', '2026-11-21T19:21:02.345+07:00'],
    ['utc-seconds', '2026-11-21T12:21:02Z'],
    ['utc-milliseconds', '2026-11-21T12:21:02.345Z'],
  ] as const;
  for (const [format, expected] of formats) {
    test(`is ${expected} as ${format}`, () => {
      assert.equal(formatTimestamp(AT_MS, format), expected);
    });
  }

  test('changes the day at 17:00 UTC', () => {
    assert.equal(formatTimestamp(Date.UTC(2026, 11, 31, 17), 'jakarta-seconds'), '2027-01-01T00:00:00+07:00');
  });

  test('means the moment that it was made of', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4e12 }), (atMs) => {
        for (const [format] of formats) {
          const lost = atMs - Date.parse(formatTimestamp(atMs, format));
          assert.ok(lost >= 0 && lost < (format.endsWith('-milliseconds') ? 1 : 1000));
        }
      }),
    );
  });
});

describe('a SNAP signature', () => {
  test('covers client id and timestamp, in 344 characters of standard base64', async () => {
    const headers = await buildSnapHeaders(signer(), AT_MS, 'jakarta-seconds');
    assert.deepEqual(Object.keys(headers), ['x-timestamp', 'x-client-key', 'x-signature']);
    assert.equal(headers['x-client-key'], CLIENT_ID);
    assert.match(headers['x-signature'] ?? '', /^[A-Za-z0-9+/]{342}==$/);
  });

  test('of another timestamp is refused by both judges', async () => {
    const headers = await buildSnapHeaders(signer(), AT_MS, 'jakarta-seconds');
    const signed = {
      timestamp: formatTimestamp(AT_MS + 1000, 'jakarta-seconds'),
      signature: headers['x-signature'] ?? '',
    };
    assert.equal(opensslVerifies(signed), false);
    assert.equal(vendorVerifies(signed), false);
  });

  for (const zone of ['UTC', 'Asia/Jakarta', 'Asia/Kolkata', 'America/New_York']) {
    test(`made under TZ=${zone} is verified by openssl and by a vendor's library`, () => {
      const signed = signInZone(zone);
      assert.equal(signed.timestamp, '2026-11-21T19:21:02+07:00');
      assert.ok(opensslVerifies(signed));
      assert.ok(vendorVerifies(signed));
    });
  }
});

/** Signs in a process of its own, because a process reads its time zone only once. */
function signInZone(zone: string): Signed {
  const script = `
    import { createPrivateKey } from 'node:crypto';
    import { text } from 'node:stream/consumers';
    import { SecretText } from './src/core/secret-text.ts';
    import { buildSnapHeaders } from './src/providers/snap.ts';
    const privateKey = createPrivateKey(await text(process.stdin));
    const clientId = new SecretText('${CLIENT_ID}');
    const headers = await buildSnapHeaders({ clientId, privateKey }, ${AT_MS}, 'jakarta-seconds');
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    console.log(JSON.stringify({ zone, timestamp: headers['x-timestamp'], signature: headers['x-signature'] }));`;
  const child = spawnSync(process.execPath, ['--input-type=module-typescript', '--eval', script], {
    cwd: new URL('../..', import.meta.url),
    env: { ...process.env, TZ: zone },
    input: toPem(rsaKeyPair().privateKey),
    encoding: 'utf8',
  });
  assert.equal(child.status, 0, child.stderr);
  const answer = z
    .object({ zone: z.string(), timestamp: z.string(), signature: z.string() })
    .parse(JSON.parse(child.stdout));
  // Some ICU builds keep an old name for a zone (Asia/Calcutta).
  assert.equal(answer.zone.replace('Calcutta', 'Kolkata'), zone);
  return answer;
}
