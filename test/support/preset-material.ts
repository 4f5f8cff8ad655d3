/** The credentials of a preset's example, with real keys in the place of their names. */
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Preset } from '../../src/providers/kinds.ts';
import { exampleOf } from './preset-example.ts';
import { rsaKeyPair, toPem } from './rsa-key.ts';

const ecKey = (): string =>
  generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey.export({ type: 'pkcs8', format: 'pem' });

let made: Readonly<Record<string, string>> | undefined;

/** Made once: keys and certificates take their time. */
function keys(): Readonly<Record<string, string>> {
  made ??= {
    'test-rsa-key': toPem(rsaKeyPair().privateKey),
    'test-ec-key': ecKey(),
    'test-certificate': certificateOf(toPem(rsaKeyPair().privateKey)),
  };
  return made;
}

/** A certificate of a key, by openssl. */
export function certificateOf(key: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'token-refresher-certificate-'));
  try {
    const path = join(folder, 'key.pem');
    writeFileSync(path, key, { mode: 0o600 });
    const out = join(folder, 'certificate.pem');
    execFileSync(
      'openssl',
      ['req', '-x509', '-key', path, '-subj', '/CN=preset', '-days', '2', '-out', out],
      { stdio: 'ignore' },
    );
    return readFileSync(out, 'utf8');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export function materialOf(preset: Preset): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(exampleOf(preset).credentials).map(([name, text]) => [name, keys()[text] ?? text]),
  );
}
