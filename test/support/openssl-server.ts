import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import type { Certificate } from './certificates.ts';
import { createPrivateFolder } from './private-folder.ts';

/**
 * A real server of another make, which answers every request with 200 and what it knows of the connection. Node's closes
 * the connection without a word to whoever has no certificate.
 * @param clientAuthorities PEM; a client certificate is demanded then
 */
export async function startOpenSslServer(
  t: TestContext,
  { key, cert }: Certificate,
  options: readonly string[],
  clientAuthorities?: string,
): Promise<string> {
  const folder = await createPrivateFolder(t);
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const demand =
    clientAuthorities === undefined
      ? []
      : ['-Verify', '3', '-verify_return_error', '-CAfile', write('clients.pem', clientAuthorities)];
  const own = ['-key', write('key.pem', key), '-cert', write('cert.pem', cert)];
  const server = spawn('openssl', [
    's_server',
    '-accept',
    '127.0.0.1:0',
    '-www',
    ...own,
    ...demand,
    ...options,
  ]);
  t.after(() => server.kill());
  for await (const line of createInterface(server.stdout)) {
    const port = /^ACCEPT .*:(\d+)$/.exec(line)?.[1];
    if (port !== undefined) return `https://127.0.0.1:${port}`;
  }
  throw new Error('openssl s_server has ended');
}
