import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** PEM. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/** A certificate of its own authority for 127.0.0.1, good for a day. @param folder a private one, for the key */
export function makeCertificate(folder: string): Certificate {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const options =
    'req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=guide -addext subjectAltName=IP:127.0.0.1';
  execFileSync('openssl', [...options.split(' '), '-keyout', key, '-out', cert], { stdio: 'ignore' });
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
}
