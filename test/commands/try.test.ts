import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { startLoopbackServer } from '../support/loopback-server.ts';
import { makePipe } from '../support/named-pipe.ts';
import { runInProcess } from '../support/program-terminal.ts';

const ENV = { ID: 'an-id-Zq7vK2', SECRET: 'a-secret-Zq7vK2-9041' };

/** A folder with a configuration of one provider; `write` adds files. */
function makeFolder(t: TestContext, url = 'https://api.acme.example'): string {
  const folder = mkdtempSync(join(tmpdir(), 'token-refresher-try-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(
    join(folder, 'config.yaml'),
    `providers:
  - name: acme
    kind: oauth2
    tokenUrl: ${url}/token
    credentials: { clientId: { env: ID }, clientSecret: { env: SECRET } }
    secret: tokens/acme
store: { region: ap-southeast-3 }
`,
  );
  return folder;
}

async function tryIt(
  folder: string,
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly said: string }> {
  const all = ['try', 'acme', '--config', join(folder, 'config.yaml'), ...args];
  const { code, stdout, stderr } = await runInProcess(all, { env: ENV });
  return { code, said: `${stdout}${stderr}` };
}

describe('try', () => {
  it('shows the request with names in the place of values', async (t) => {
    const { code, said } = await tryIt(makeFolder(t));
    assert.equal(code, 0);
    assert.match(said, /^POST https:\/\/api\.acme\.example\/token\n/);
    assert.match(said, /authorization: Basic ‹clientId›:‹clientSecret›/);
    assert.match(said, /‹clientSecret› from environment variable SECRET/);
  });

  it('shows the names in a form as JSON too, what is beside them as it is sent', async (t) => {
    const folder = makeFolder(t);
    const path = join(folder, 'config.yaml');
    const scope = '    auth: client_secret_post\n    scope: "a&b"\n    secret:';
    writeFileSync(
      path,
      readFileSync(path, 'utf8').replace('    secret:', () => scope),
    );
    const { code, said } = await tryIt(folder, '--json');
    assert.equal(code, 0);
    assert.ok(
      said.includes('client_id=‹clientId›&client_secret=‹clientSecret›') && said.includes('scope=a%26b'),
      said,
    );
  });

  it('No secret leaks: sends it, and shows what the rules find and nothing of what a server echoes', async (t) => {
    await using server = await startLoopbackServer((request, response) => {
      const echo = String(request.headers.authorization);
      const body = {
        access_token: `token-${'x'.repeat(40)}`,
        expires_in: 900,
        [echo]: echo,
        [ENV.SECRET]: echo,
      };
      response.end(JSON.stringify(body));
    });
    const { code, said } = await tryIt(makeFolder(t, server.url), '--send');
    assert.equal(code, 0, said);
    assert.match(said, /lives: +15m/);
    for (const text of [...Object.values(ENV), 'x'.repeat(40), '9041', btoa(`${ENV.ID}:${ENV.SECRET}`)])
      assert.ok(!said.includes(text), said);
  });

  for (const [what, status] of [
    ['a step', 401],
    ['the request after it', 200],
  ] as const)
    it(`tells the failure of ${what}, of which no rule has anything to say`, async (t) => {
      await using server = await startLoopbackServer((request, response) => {
        request.resume();
        if (request.url === '/first') response.writeHead(status).end('{"session":"s"}');
        else response.destroy();
      });
      const folder = makeFolder(t);
      writeFileSync(
        join(folder, 'config.yaml'),
        `providers:
  - name: acme
    kind: http
    credentials: { clientId: { env: ID }, clientSecret: { env: SECRET } }
    steps: [{ url: "${server.url}/first", body: { form: { id: "\${clientId}", secret: "\${clientSecret}" } }, save: { session: session } }]
    request: { url: "${server.url}/last", headers: { x-session: "\${session}" } }
    secret: tokens/acme
store: { region: ap-southeast-3 }
`,
      );
      const { code, said } = await tryIt(folder, '--send');
      assert.equal(code, 1);
      const expected =
        status === 401
          ? /\nfailure: +credentials-rejected: POST /
          : /\nfailure: +provider-unavailable: POST /;
      assert.match(said, expected);
    });

  it('reads a recorded answer, at its own Date', async (t) => {
    const folder = makeFolder(t);
    const path = join(folder, 'answer.txt');
    const head =
      'HTTP/1.1 200 OK\r\nDate: Sat, 28 Nov 2026 12:00:00 GMT\r\ncontent-type: application/json\r\n\r\n';
    writeFileSync(path, `${head}{"access_token":"token-1","expires_in":900}`);
    const { code, said } = await tryIt(folder, '--answer', path);
    assert.equal(code, 0);
    assert.match(said, /lives: +15m, until 12:15:00 UTC/);
  });

  it('reads a recorded answer as the daemon does, with the lifetime of the configuration', async (t) => {
    const folder = makeFolder(t);
    const config = join(folder, 'config.yaml');
    writeFileSync(config, readFileSync(config, 'utf8').replace('    kind:', '    lifetime: 7d\n    kind:'));
    const path = join(folder, 'answer.json');
    writeFileSync(path, '{"access_token":"token-1","expires_in":604800}');
    assert.match((await tryIt(folder, '--answer', path)).said, /lives: +7d, until /);
  });

  for (const [what, make] of [
    ['a pipe', (path: string) => makePipe(path)],
    ['a file of 2 MiB', (path: string) => writeFileSync(path, 'x'.repeat(2 * 1_048_576))],
    ['a file that is not there', () => undefined],
  ] as const) {
    it(`refuses ${what} as an answer, and ends`, async (t) => {
      const folder = makeFolder(t);
      const path = join(folder, 'answer');
      make(path);
      const { code, said } = await tryIt(folder, '--answer', path);
      assert.equal(code, 2, said);
      assert.ok(said.includes(path));
    });
  }
});
