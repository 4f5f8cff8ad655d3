/** The samples of docs/readers: each a process of its own, against an API, a mounted Secret and the daemon's side of reports. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { RejectionReport } from '../../src/core/rejection/rejection-reports.ts';
import { SecretText } from '../../src/core/secret-text.ts';
import { startRejectionServer } from '../../src/http/rejection-routes.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { startLoopbackServer } from '../support/loopback-server.ts';
import { needsTool } from '../support/monitoring-tool.ts';
import { MountedSecret } from '../support/mounted-secret.ts';
import { createPrivateFolder } from '../support/private-folder.ts';
import { PROJECT } from '../support/program-process.ts';

interface Answer {
  readonly status: number;
  readonly retryAfter?: number;
  /** Before it is sent. */
  readonly first?: () => Promise<void>;
  /** Sent as it is, in place of an answer; then the connection ends. */
  readonly raw?: string;
  /** It does not end: a byte follows now and then. */
  readonly trickles?: boolean;
}

interface Report {
  readonly authorization: string | undefined;
  readonly body: unknown;
  readonly atMs: number;
}

/** An API that takes one token, and the daemon, which answers reports as it is told. */
async function startWorld(t: TestContext) {
  const folder = await createPrivateFolder(t);
  const mounted = new MountedSecret(join(folder, 'tokens'));
  await writeFile(join(folder, 'identity'), 'the-service-account\n');
  const publish = async (accessToken: string): Promise<void> => {
    const authorization = `Bearer ${accessToken}`;
    await mounted.put({
      authorization,
      access_token: accessToken,
      'token.json': JSON.stringify({ access_token: accessToken, authorization }),
    });
  };
  const calls: { readonly authorization: string | undefined; readonly atMs: number }[] = [];
  const reports: Report[] = [];
  const answer: Answer = { status: 404 };
  const world = {
    validToken: '',
    calls,
    reports,
    publish,
    /** What a refused call brings about before its answer is sent. */
    onRefusal: async (): Promise<void> => undefined,
    answer,
  };
  const refuse = async (response: ServerResponse): Promise<void> => {
    await world.onRefusal();
    response.writeHead(401).end('no');
  };
  const server = await startLoopbackServer((request, response) => {
    const atMs = performance.now();
    const { authorization } = request.headers;
    if (request.url === '/api') {
      calls.push({ authorization, atMs });
      if (authorization === `Bearer ${world.validToken}`) response.end('yes');
      else void refuse(response);
      return;
    }
    void text(request).then(async (body) => {
      assert.equal(`${request.method} ${request.url}`, 'POST /v1/tokens/pivot/rejections');
      reports.push({ authorization, body: JSON.parse(body), atMs });
      const { status, retryAfter, first, raw, trickles = false } = world.answer;
      if (raw !== undefined) {
        const { socket } = response;
        if (!trickles) socket?.end(raw);
        else {
          socket?.write(raw);
          const more = setInterval(() => socket?.write(' '), 500);
          socket?.once('close', () => clearInterval(more));
        }
        return;
      }
      const headers = status === 429 ? { 'retry-after': String(retryAfter) } : {};
      await first?.();
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(JSON.stringify(status === 202 ? { retry_after: retryAfter } : {}));
    });
  });
  t.after(() => server[Symbol.asyncDispose]());
  const env = {
    PATH: process.env['PATH'],
    TOKEN_FILE: join(folder, 'tokens/token.json'),
    TOKEN_FOLDER: join(folder, 'tokens'),
    IDENTITY_FILE: join(folder, 'identity'),
    REJECTIONS_URL: `${server.url}/v1/tokens/pivot/rejections`,
    API_URL: `${server.url}/api`,
  };
  return Object.assign(world, { env });
}

type World = Awaited<ReturnType<typeof startWorld>>;

/** Makes that many calls at once. @returns their statuses */
type Caller = (count: number) => Promise<readonly number[]>;

/** A driver that goes on living between calls, as a program would. */
function startDriver(t: TestContext, { env }: World, command: readonly string[]): Caller {
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    cwd: PROJECT,
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
    signal: t.signal,
  });
  child.on('error', () => undefined);
  t.after(async () => {
    const ended = once(child, 'close');
    child.stdin.end();
    await ended;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return async (count) => {
    child.stdin.write(`${count}\n`);
    const line = await lines.next();
    assert.ok(line.done !== true, 'the reader ended');
    return JSON.parse(line.value);
  };
}

/** A script lives for one call. */
function scriptCaller(t: TestContext, { env }: World): Caller {
  const callOnce = async (): Promise<number> => {
    const script = spawn('docs/readers/call-with-token.sh', [env.API_URL], {
      cwd: PROJECT,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
      signal: t.signal,
    });
    const [body, [code]] = await Promise.all([text(script.stdout), once(script, 'close')]);
    assert.equal(code, body === 'yes' ? 0 : 22);
    return body === 'yes' ? 200 : 401;
  };
  return (count) => Promise.all(Array.from({ length: count }, callOnce));
}

const SAMPLES: readonly {
  readonly name: string;
  readonly tools: readonly string[];
  readonly isScript?: true;
  readonly start: (t: TestContext, world: World, built: string) => Caller;
}[] = [
  {
    name: 'token-reader.mjs',
    tools: [],
    start: (t, world) => startDriver(t, world, [process.execPath, 'test/readers/driver.mjs']),
  },
  {
    name: 'token_reader.py',
    tools: ['python3'],
    start: (t, world) => startDriver(t, world, ['python3', 'test/readers/driver.py']),
  },
  {
    name: 'token_reader.go',
    tools: ['go'],
    start: (t, world, built) => startDriver(t, world, [built]),
  },
  { name: 'call-with-token.sh', tools: ['curl'], isScript: true, start: scriptCaller },
];

/** `go build` takes the files of one folder. */
async function buildGo(folder: string): Promise<string> {
  await copyFile(join(PROJECT, 'docs/readers/token_reader.go'), join(folder, 'token_reader.go'));
  await copyFile(join(PROJECT, 'test/readers/driver.go'), join(folder, 'driver.go'));
  const { status, stderr } = spawnSync('go', ['build', '-o', 'reader', 'token_reader.go', 'driver.go'], {
    cwd: folder,
    encoding: 'utf8',
    env: {
      PATH: process.env['PATH'],
      GOCACHE: join(tmpdir(), 'token-refresher-test-go-cache'),
      GOPATH: join(folder, 'go'),
      GO111MODULE: 'off',
      CGO_ENABLED: '0',
    },
  });
  assert.equal(status, 0, stderr);
  return join(folder, 'reader');
}

const sha256 = (token: string): string => createHash('sha256').update(token).digest('hex');
const times = <T>(count: number, value: T): readonly T[] => Array.from({ length: count }, () => value);
/** Clocks of two processes, one of which rounds. */
const SLACK_MS = 20;

for (const { name, tools, isScript, start } of SAMPLES) {
  describe(`docs/readers/${name}`, needsTool(...tools), () => {
    let folder = '';
    let built = '';
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'token-refresher-test-'));
      if (tools.includes('go')) built = await buildGo(folder);
    });
    after(() => rm(folder, { recursive: true, force: true }));

    const prepare = async (t: TestContext) => {
      const world = await startWorld(t);
      await world.publish('first');
      world.validToken = 'first';
      return { world, call: start(t, world, built) };
    };
    /** As a provider revokes a token: nobody has another one yet. */
    const revoke = (world: World, answer: Answer): void => {
      world.validToken = 'second';
      world.answer = answer;
    };

    it('calls once, and tells nobody, while the token is good', async (t) => {
      const { world, call } = await prepare(t);
      assert.deepEqual(await call(1), [200]);
      assert.deepEqual([world.calls.length, world.reports.length], [1, 0]);
    });

    it('reads again at each use, and so follows the kubelet', async (t) => {
      const { world, call } = await prepare(t);
      assert.deepEqual(await call(1), [200]);
      await world.publish('second');
      world.validToken = 'second';
      assert.deepEqual(await call(1), [200]);
      assert.deepEqual([world.calls.length, world.reports.length], [2, 0]);
    });

    it('tries again with what the file has by then, and reports nothing', async (t) => {
      const { world, call } = await prepare(t);
      revoke(world, { status: 404 });
      world.onRefusal = () => world.publish('second');
      assert.deepEqual(await call(1), [200]);
      assert.deepEqual([world.calls.length, world.reports.length], [2, 0]);
    });

    it('reports a token that is still the same by its hash, as itself, waits as it is told and tries once more', async (t) => {
      const { world, call } = await prepare(t);
      revoke(world, { status: 202, retryAfter: 1, first: () => world.publish('second') });
      assert.deepEqual(await call(1), [200]);
      const [report, ...others] = world.reports;
      assert.deepEqual(others, []);
      assert.equal(report?.authorization, 'Bearer the-service-account');
      assert.deepEqual(report.body, { sha256: sha256('first'), status: 401 });
      assert.deepEqual(
        world.calls.map(({ authorization }) => authorization),
        ['Bearer first', 'Bearer second'],
      );
      assert.ok((world.calls[1]?.atMs ?? 0) - report.atMs >= 1000 - SLACK_MS);
    });

    for (const [what, answer] of [
      ['that is being refreshed, while the kubelet still has the old one', { status: 202, retryAfter: 1 }],
      ['that the daemon has replaced already', { status: 200 }],
      ['that is refreshed no sooner than in five minutes', { status: 429, retryAfter: 300 }],
      ['of which the daemon will not hear', { status: 403 }],
      ['while the daemon fails', { status: 503 }],
    ] as const) {
      it(`never shows the API the same token twice: one ${what}`, async (t) => {
        const { world, call } = await prepare(t);
        revoke(world, answer);
        assert.deepEqual(await call(1), [401]);
        assert.deepEqual([world.calls.length, world.reports.length], [1, 1]);
      });
    }

    it('hands back the 401 when the daemon is away', async (t) => {
      const { world } = await prepare(t);
      world.validToken = 'second';
      const env = { ...world.env, REJECTIONS_URL: 'http://127.0.0.1:1/v1/tokens/pivot/rejections' };
      assert.deepEqual(await start(t, { ...world, env }, built)(1), [401]);
      assert.equal(world.calls.length, 1);
    });

    if (isScript === true)
      it('says which file is missing while the Secret is not mounted', async (t) => {
        const { env } = await startWorld(t);
        const { status, stderr } = spawnSync('docs/readers/call-with-token.sh', [env.API_URL], {
          cwd: PROJECT,
          env,
          encoding: 'utf8',
        });
        assert.equal(status, 1);
        assert.ok(stderr.includes(`${env.TOKEN_FOLDER}/..data/authorization`), stderr);
      });

    if (isScript === true)
      it('leaves nothing behind when it is ended before its time', async (t) => {
        const { world } = await prepare(t);
        const called = Promise.withResolvers<void>();
        world.validToken = 'none';
        world.onRefusal = () => {
          called.resolve();
          return new Promise(() => undefined);
        };
        const temporary = await createPrivateFolder(t);
        const script = spawn('docs/readers/call-with-token.sh', [world.env.API_URL], {
          cwd: PROJECT,
          env: { ...world.env, TMPDIR: temporary },
          detached: true,
          stdio: 'ignore',
        });
        const ended = once(script, 'close');
        await called.promise;
        assert.equal((await readdir(temporary)).length, 1);
        // As `timeout` does, to all that it has started.
        process.kill(-(script.pid ?? assert.fail('no process')), 'SIGTERM');
        await ended;
        assert.deepEqual(await readdir(temporary), []);
      });

    it('hands back the 401 when the files are gone meanwhile', async (t) => {
      const { world, call } = await prepare(t);
      world.validToken = 'second';
      world.onRefusal = () => rm(world.env.TOKEN_FOLDER, { recursive: true });
      assert.deepEqual(await call(1), [401]);
    });

    it('hands back the 401 whatever answers in place of the daemon', async (t) => {
      const { world, call } = await prepare(t);
      world.validToken = 'none';
      const bodies = [
        '[]',
        'null',
        '"text"',
        '7',
        '{}',
        '{"retry_after":',
        '<html>',
        ...['"soon"', 'null', '[1]', '{}', '-5', 'true', '"NaN"', 'NaN'].map(
          (said) => `{"retry_after":${said}}`,
        ),
      ].map((body) => `HTTP/1.1 202 Accepted\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
      for (const [index, raw] of [
        // A script that finds no number in them waits a second for each.
        ...bodies.slice(isScript === true ? -2 : 0),
        'HTTP/1.1 429 Too Many Requests\r\nRetry-After: Sat, 28 Nov 2026 12:00:00 GMT\r\nContent-Length: 2\r\n\r\n{}',
        'HTTP/1.1 202 Accepted\r\nContent-Length: 99\r\n\r\n{"retry',
        `HTTP/1.1 307 Temporary Redirect\r\nLocation: ${world.env.API_URL}\r\nContent-Length: 0\r\n\r\n`,
        `HTTP/1.1 303 See Other\r\nLocation: ${world.env.API_URL}\r\nContent-Length: 0\r\n\r\n`,
        'no HTTP at all\r\n',
        '',
      ].entries()) {
        world.answer = { status: 0, raw };
        await world.publish(`token-${index}`);
        assert.deepEqual(await call(1), [401], raw);
        assert.deepEqual([world.calls.length, world.reports.length], [index + 1, index + 1], raw);
      }
    });

    it('waits five seconds at most for a daemon that answers byte by byte', async (t) => {
      const { world, call } = await prepare(t);
      revoke(world, {
        status: 0,
        raw: 'HTTP/1.1 202 Accepted\r\nContent-Length: 999\r\n\r\n',
        trickles: true,
      });
      assert.deepEqual(await call(1), [401]);
    });

    it('shows no proxy who it is', async (t) => {
      const { world } = await prepare(t);
      world.validToken = 'none';
      const proxied: string[] = [];
      await using proxy = await startLoopbackServer((request, response) => {
        proxied.push(`${request.method} ${request.url}`);
        response.writeHead(401).end('no');
      });
      const { url } = proxy;
      const proxies = { http_proxy: url, HTTP_PROXY: url, all_proxy: url, ALL_PROXY: url };
      const env = { ...world.env, ...proxies, NODE_USE_ENV_PROXY: '1' };
      // Some use no proxy for loopback addresses, whatever the environment says.
      const api = env.API_URL;
      assert.deepEqual(await start(t, { ...world, env }, built)(1), [401]);
      assert.deepEqual(new Set([...proxied, `GET ${api}`]), new Set([`GET ${api}`]));
      assert.equal(world.reports.length, 1);
    });

    it("speaks with the daemon's own server", async (t) => {
      const { world } = await prepare(t);
      world.validToken = 'second';
      const callers: string[] = [];
      const reported: RejectionReport[] = [];
      let published = Promise.resolve();
      const server = await startRejectionServer({
        host: '127.0.0.1',
        port: 0,
        clock: new FakeClock(),
        authenticate: async (bearer) => {
          callers.push(bearer.reveal());
          return { kind: 'caller', name: 'payments/billing', mayReport: (token) => token === 'pivot' };
        },
        reports: {
          isLeading: true,
          report: (report) => {
            reported.push(report);
            // Well before the reader may look again.
            published = world.publish('second');
            return { kind: 'decided', verdict: { kind: 'fetch', retryAfterMs: 1000 } };
          },
          settle: () => assert.fail('no sample asks it to wait'),
        },
        findLeader: () => undefined,
        onFault: (error) => assert.fail(String(error)),
      });
      t.after(() => server.stop());
      const env = { ...world.env, REJECTIONS_URL: `${server.url}/v1/tokens/pivot/rejections` };
      assert.deepEqual(await start(t, { ...world, env }, built)(1), [200]);
      await published;
      assert.deepEqual(callers, ['the-service-account']);
      assert.deepEqual(reported, [
        {
          token: 'pivot',
          fingerprint: new SecretText('first').fingerprint(),
          status: 401,
          caller: 'payments/billing',
        },
      ]);
    });

    if (isScript === true) return;

    it('makes of 20 refused calls at once one report, and all 20 wait for its outcome', async (t) => {
      const { world, call } = await prepare(t);
      revoke(world, { status: 202, retryAfter: 1, first: () => world.publish('second') });
      const areAllThere = Promise.withResolvers<void>();
      world.onRefusal = () => {
        if (world.calls.length === 20) areAllThere.resolve();
        return areAllThere.promise;
      };
      assert.deepEqual(await call(20), times(20, 200));
      assert.equal(world.reports.length, 1);
      assert.equal(world.calls.length, 40);
    });

    it('does not report one token again and again, but the next one at once', async (t) => {
      const { world, call } = await prepare(t);
      revoke(world, { status: 429, retryAfter: 300 });
      for (let round = 0; round < 5; round += 1) assert.deepEqual(await call(4), times(4, 401));
      assert.deepEqual([world.calls.length, world.reports.length], [20, 1]);
      await world.publish('third');
      assert.deepEqual(await call(4), times(4, 401));
      assert.deepEqual(
        world.reports.map(({ body }) => body),
        ['first', 'third'].map((token) => ({ sha256: sha256(token), status: 401 })),
      );
    });
  });
}
