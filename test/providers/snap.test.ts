import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { z } from 'zod';
import { createSystemRandom } from '../../src/adapters/system/random.ts';
import { credentialsOf } from '../support/credentials.ts';
import { shippedKind } from '../support/prepared-kind.ts';
import { fc } from '../support/property.ts';
import { configureKind } from '../support/provider-bench.ts';
import { rsaKeyPair, toPem } from '../support/rsa-key.ts';

const AT_MS = Date.UTC(2026, 10, 21, 12, 21, 2, 345);
const CLIENT_ID = 'a7f3-client';

/** The headers of a request at `nowMs`. */
async function headersAt(
  nowMs: number,
  timestampFormat = 'jakarta-seconds',
): Promise<Readonly<Record<string, string>>> {
  const credentials = credentialsOf({ clientId: CLIENT_ID, privateKey: toPem(rsaKeyPair().privateKey) });
  const prepared = configureKind(shippedKind('pivot-b2b'), { timestampFormat }).prepare(credentials);
  assert.ok(prepared.ok);
  const random = createSystemRandom();
  const begun = await prepared.value.begin({
    nowMs,
    random,
    chain: undefined,
    baseUrl: 'https://api.example.com',
  });
  assert.ok(begun.ok);
  const request = begun.value.request();
  assert.ok(request.ok);
  return request.value.headers;
}

const timestampAt = async (nowMs: number, format: string): Promise<string> =>
  (await headersAt(nowMs, format))['x-timestamp'] ?? '';

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
    test(`is ${expected} as ${format}`, async () => {
      assert.equal(await timestampAt(AT_MS, format), expected);
    });
  }

  test('changes the day at 17:00 UTC', async () => {
    assert.equal(
      await timestampAt(Date.UTC(2026, 11, 31, 17), 'jakarta-seconds'),
      '2027-01-01T00:00:00+07:00',
    );
  });

  test('means the moment that it was made of', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 4e12 }), async (atMs) => {
        for (const [format] of formats) {
          const lost = atMs - Date.parse(await timestampAt(atMs, format));
          assert.ok(lost >= 0 && lost < (format.endsWith('-milliseconds') ? 1 : 1000));
        }
      }),
    );
  });
});

describe('a SNAP signature', () => {
  test('covers client id and timestamp, in 344 characters of standard base64', async () => {
    const headers = await headersAt(AT_MS);
    assert.deepEqual(Object.keys(headers), ['content-type', 'x-timestamp', 'x-client-key', 'x-signature']);
    assert.equal(headers['x-client-key'], CLIENT_ID);
    assert.match(headers['x-signature'] ?? '', /^[A-Za-z0-9+/]{342}==$/);
  });

  test('of another timestamp is refused by both judges', async () => {
    const headers = await headersAt(AT_MS);
    const signed = {
      timestamp: await timestampAt(AT_MS + 1000, 'jakarta-seconds'),
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
    import { text } from 'node:stream/consumers';
    import { KINDS } from './src/wiring/connections.ts';
    import { SecretText } from './src/core/secret-text.ts';
    const privateKey = new SecretText(await text(process.stdin));
    const clientId = new SecretText('${CLIENT_ID}');
    const credentials = new Map([['clientId', clientId], ['privateKey', privateKey]]);
    const facts = { credentials: [...credentials.keys()], customerCredentials: undefined, baseUrl: undefined };
    const prepared = KINDS.find('pivot-b2b').configure({}, facts).configured.prepare(credentials);
    const random = { next: () => 0, uuid: () => '' };
    const begun = await prepared.value.begin({ nowMs: ${AT_MS}, random, baseUrl: 'https://api.example.com' });
    const { headers } = begun.value.request().value;
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
