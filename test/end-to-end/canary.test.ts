/**
 * Promise 6: no secret leaks. Everything that the program shows while it works, and while it fails in every way that the
 * sandbox knows, is searched for every secret that was issued or configured.
 */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { isJsonObject, parseJson } from '../../src/core/wire/json.ts';
import { startAlertStage } from '../support/alert-stage.ts';
import { type Answer, startCanaryProviders } from '../support/canary-providers.ts';
import { ProgramProcess, runProgram } from '../support/program-process.ts';
import { SecretSearch } from '../support/program-secrets.ts';
import { runInProcess, startInProcess } from '../support/program-terminal.ts';
import { startWiretap, type Wiretap } from '../support/program-wiretap.ts';
import { type ProgramWorld, startProgramWorld } from '../support/program-world.ts';
import { SANDBOX_TOKENS } from '../support/sandbox-entries.ts';
import { SPELLINGS } from '../support/spellings.ts';

const TOKENS = SANDBOX_TOKENS.map(({ token }) => token);
const PROVIDER_FAULTS = ['echo', '503', 'not-json', 'wrong-credentials', 'malformed'];
const STORE_FAULTS = ['denied', 'throttle', 'kms'];
const LEAKS: readonly ((token: string) => string)[] = [
  (token) => token,
  (token) => token.slice(5, 25),
  (token) => JSON.stringify({ token }),
  (token) => Buffer.from(token).toString('base64'),
  (token) => Buffer.from(`user:${token}`).toString('base64'),
  (token) => Buffer.from(token).toString('hex'),
];
const PROVIDERS = [...new Set(SANDBOX_TOKENS.map(({ provider }) => provider))];

/** A world whose every word is overheard. */
interface Stage extends AsyncDisposable {
  readonly world: ProgramWorld;
  readonly config: string;
  /** Everything that anybody but provider and store got to see. */
  show(text: string): void;
  /** Drops what has been shown so far. */
  forget(): void;
  /** The daemon until it has said this about every token, its pages included. */
  showDaemon(saying: string): Promise<void>;
  /** Commands side by side, each to its end. @returns their exit codes */
  showCommands(...commands: readonly (readonly string[])[]): Promise<number[]>;
  /** Names of the secrets that have been seen, and of all that were searched for. */
  search(): Promise<{ readonly found: readonly string[]; readonly searched: readonly string[] }>;
}

/** Well; how soon is for tests with a process for each daemon to say. */
async function assertEnds({ exit, output }: ReturnType<typeof startInProcess>): Promise<void> {
  if ((await exit) !== 0) assert.match(output.stdout, /ends now, 9s after /);
}

async function setStage(logFormat: 'json' | 'pretty' = 'json'): Promise<Stage> {
  const world = await startProgramWorld();
  const { store, upstreams, configPath } = world.sandbox;
  const toStore = await startWiretap(store.endpoint);
  const toProviders = await startWiretap(upstreams.origin);
  const config = await world.copyConfig('overheard.yaml', {
    replace: { [store.endpoint]: toStore.url, [upstreams.origin]: toProviders.url },
    set: { 'log.level': 'debug', 'log.format': logFormat },
    setProviders: { timeout: '40s' },
  });
  const shown: string[] = [];
  const show = (text: string): void => void shown.push(text);
  return {
    world,
    config,
    show,
    forget: () => void shown.splice(0),
    showDaemon: async (saying) => {
      await using run = startInProcess(['run', '--config', config]);
      const isSaid = (text: string) => (token: string) =>
        text.split('\n').some((line) => line.includes(`${token}: `) && line.includes(saying));
      const text = await run.output.untilText((each) => TOKENS.every(isSaid(each)));
      const [url = ''] = /http:\S+$/m.exec(text.replace(/"}?$/gm, '')) ?? [];
      for (const path of ['/livez', '/readyz', '/metrics', '/', '/status.json?size=200', '/nothing'])
        show(await (await fetch(`${url}${path}`)).text());
      show(await pollPage(url));
      run.terminal.stop();
      await assertEnds(run);
      show(run.output.stdout + run.output.stderr);
    },
    showCommands: (...commands) =>
      Promise.all(
        commands.map(async (args) => {
          const { code, stdout, stderr } = await runInProcess([...args, '--config', config]);
          show(stdout + stderr);
          return code;
        }),
      ),
    search: async () => {
      const search = new SecretSearch();
      for (const [index, text] of world.issued.entries()) search.add(`issued ${index}`, text);
      await search.addCredentials(dirname(configPath));
      addSignatures(search, toProviders);
      for (const request of toStore.requests) show(describeForCloudTrail(request.headers, request.body));
      return { found: search.find(shown.join('\n')), searched: search.names };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([toStore, toProviders].map((tap) => tap[Symbol.asyncDispose]()));
      await world[Symbol.asyncDispose]();
    },
  };
}

/** They share one process, where many would wait for each other longer than for providers and store. */
describe('No secret leaks', { concurrency: 3, timeout: 600_000 }, () => {
  it('while everything works: log, pages, every command, what CloudTrail records', async () => {
    await using stage = await setStage();
    await stage.showDaemon('a new token is published');
    for (const command of [
      ['check'],
      ['check', '--live'],
      ['check', '--live', '--json'],
      ['plan'],
      ['plan', '--json'],
      ['status'],
      ['status', '--json'],
      ['run', '--once'],
    ])
      assert.deepEqual(await stage.showCommands(command), [0], command.join(' '));
    for (const provider of PROVIDERS) {
      assert.deepEqual(await stage.showCommands(['refresh', provider]), [0]);
      assert.deepEqual(await stage.showCommands(['refresh', provider, '--json']), [0]);
    }
    const { found, searched } = await stage.search();
    assert.deepEqual(found, []);
    for (const kind of [
      'issued 30',
      'privateKey',
      'merchantSecret',
      'bindingId',
      'x-signature',
      'sign',
      'client_assertion',
      'partnerKey',
    ])
      assert.ok(
        searched.some((name) => name.endsWith(kind)),
        `${kind} is among ${searched.join(', ')}`,
      );
  });

  for (const fault of PROVIDER_FAULTS) {
    it(`while no provider answers as it should: ${fault}`, async () => {
      await using stage = await setStage();
      stage.world.addFault(`*:${fault}`);
      const codes = await stage.showCommands(
        ['run', '--once'],
        ['check', '--live'],
        ['check', '--live', '--json'],
        ['status'],
      );
      // Beside it, the first one would leave the tokens to it.
      codes.push(...(await stage.showCommands(['refresh', 'pivot-b2b', '--json'])));
      assert.deepEqual(new Set(codes), new Set([1]));
      assert.deepEqual((await stage.search()).found, []);
    });
  }

  for (const fault of STORE_FAULTS) {
    it(`while the store does not take what was fetched: ${fault}`, async () => {
      await using stage = await setStage();
      assert.deepEqual(await stage.showCommands(['run', '--once']), [0]);
      stage.world.addFault(`store:${fault}`);
      const codes = await stage.showCommands(
        ...PROVIDERS.map((provider) => ['refresh', provider, '--json']),
        ['check', '--live'],
        ['status', '--json'],
      );
      assert.deepEqual(new Set(codes), new Set([1]));
      assert.deepEqual((await stage.search()).found, []);
    });
  }

  it('while a daemon goes on failing, for people as well', async () => {
    await using stage = await setStage('pretty');
    stage.world.addFault('*:echo');
    await stage.showDaemon('refresh failed');
    assert.deepEqual((await stage.search()).found, []);
  });

  it('a planted leak is found, whole, in pieces and encoded', async () => {
    await using stage = await setStage();
    await stage.showCommands(['run', '--once']);
    // JSON web tokens share pieces with each other, and which token comes first is open.
    const at = stage.world.issued.findIndex((text) => !text.includes('.'));
    const token = stage.world.issued[at] ?? '';
    for (const leak of LEAKS) {
      stage.show(`some words before ${leak(token)} and after`);
      assert.deepEqual((await stage.search()).found, [`issued ${at}`], String(leak));
      stage.forget();
      assert.deepEqual((await stage.search()).found, [], 'nothing is left over');
    }
  });
});

/** What an open page is sent when it asks again and has changed. */
async function pollPage(url: string): Promise<string> {
  const answer = await fetch(url, { headers: { 'if-none-match': 'W/"an older page"' } });
  const text = await answer.text();
  for (const token of TOKENS) assert.ok(text.includes(token), `the live page shows ${token}`);
  return text;
}

function addSignatures(search: SecretSearch, { requests }: Wiretap): void {
  for (const [index, { url, headers, body }] of requests.entries()) {
    const signatures = {
      'x-signature': headers['x-signature'],
      sign: new URL(url, 'http://localhost').searchParams.get('sign'),
      client_assertion: new URLSearchParams(body).get('client_assertion'),
    };
    for (const [name, signature] of Object.entries(signatures))
      if (typeof signature === 'string') search.add(`${index} ${name}`, signature);
  }
}

/** What CloudTrail gets to see of a request: all but the secret's value and the request's own signature. */
function describeForCloudTrail(headers: Readonly<Record<string, string>>, body: string): string {
  const input = parseJson(body);
  assert.ok(isJsonObject(input), 'the store is sent JSON objects');
  const { SecretString: _value, ...parameters } = input;
  const { authorization: _signature, ...visible } = headers;
  return JSON.stringify({ parameters, visible });
}

describe('No secret leaks through Node.js itself', { concurrency: 2, timeout: 600_000 }, () => {
  for (const [name, value] of [
    ['NODE_DEBUG', 'http,http2,net,tls,undici,fetch,stream,module'],
    ['NODE_DEBUG_NATIVE', 'http2,tls,net'],
  ] as const)
    it(`${name} starts nothing, so that no URL of a sink is printed`, async (t) => {
      await using world = await startProgramWorld();
      const alerts = { sinks: [{ kind: 'slack', url: { env: 'HOOK' } }] };
      const config = await world.copyConfig('debug.yaml', { only: ['pik'], set: { alerts } });
      const env = { HOOK: 'http://127.0.0.1:9/services/T0CANARY', [name]: value };
      for (const args of [['run'], ['alert-test']]) {
        const { code, stdout, stderr } = await runProgram([...args, '--config', config], {
          signal: t.signal,
          env,
        });
        assert.equal(code, 2);
        assert.match(stderr, new RegExp(`${name} is set: .*nothing was started`));
        assert.ok(!`${stdout}${stderr}`.includes('T0CANARY'));
      }
      assert.equal(world.sandbox.store.requests.size, 0);
    });

  it('NODE_TLS_REJECT_UNAUTHORIZED=0 is ignored and the log says so', async (t) => {
    await using world = await startProgramWorld();
    const config = await world.copyConfig('tls.yaml', { only: ['pik'] });
    const env = { NODE_TLS_REJECT_UNAUTHORIZED: '0' };
    await using daemon = new ProgramProcess(['run', '--config', config], { signal: t.signal, env });
    const [line] = await daemon.output.untilLines('process-unsafe', 1);
    assert.match(String(line?.['problem']), /^NODE_TLS_REJECT_UNAUTHORIZED=0 is ignored/);
    await daemon.output.untilLines('token-refreshed', 1);
    daemon.send('SIGTERM');
    assert.deepEqual(await daemon.untilExit(), { code: 0, signal: null });
  });
});

/** Ways in which a server may spell what it was sent. */
const ECHOES = [
  'as it is',
  'percent',
  'base64',
  'base64url',
  'hex',
  'JSON in JSON',
  'percent, twice',
  'reversed',
];
const STATUSES = [401, 400, 403, 429, 500, 503, 200, 422];
const spell = (name: string, text: string): string => SPELLINGS[name]?.(text) ?? '';

/** An error that spells all that was presented, in every place where errors have words. */
const echoAs =
  (spelling: string, status: number): Answer =>
  (response, presented) => {
    const [first = '', second = first] = presented.map((one) => spell(spelling, one));
    const all = presented.map((one) => spell(spelling, one)).join(' ');
    const inner = { code: first, message: all, [first]: all };
    response.writeHead(status, { 'content-type': 'application/json' }).end(
      JSON.stringify({
        error: first,
        error_description: all,
        errors: [inner],
        [second]: second,
        code: second,
        message: all,
        responseCode: first,
        responseMessage: all,
        title: second,
      }),
    );
  };

const TRICKS: Readonly<Record<string, Answer>> = {
  'a redirect': (response, [first = '']) =>
    void response.writeHead(307, { location: `http://127.0.0.1:9/${encodeURIComponent(first)}` }).end(),
  'no JSON': (response, presented) => void response.end(presented.join('\n')),
  'an HTML page': (response, presented) => void response.end(`<html>${presented.join(' ')}</html>`),
  'the request in the place of the token': (response, [first = '', second = first]) =>
    void response.end(JSON.stringify({ access_token: first, expires_in: second, token_type: first })),
  'the request in headers': (response, [first = '']) => {
    const hex = Buffer.from(first).toString('hex').slice(0, 20);
    const text = encodeURIComponent(first);
    const headers = { 'content-encoding': hex, 'retry-after': text, 'www-authenticate': text, age: text };
    response.writeHead(200, text, headers).end('x');
  },
  'a connection that breaks off': (response, presented) => {
    response.setHeader('content-length', 100_000);
    response.write(presented.join(' '), () => response.socket?.destroy());
  },
  'something that is not HTTP': (response, presented) =>
    void response.socket?.end(`${presented.join(' ')}\r\n\r\n`),
};

/** A secret in every place that a description knows, and everything that anybody but provider and store gets to see. */
async function setDescribedStage(t: TestContext, logFormat: 'json' | 'pretty' = 'json') {
  const world = await startProgramWorld();
  t.after(() => world[Symbol.asyncDispose]());
  const providers = await startCanaryProviders(t);
  const toStore = await startWiretap(world.sandbox.store.endpoint);
  t.after(() => toStore[Symbol.asyncDispose]());
  const receiver = await startAlertStage(t);
  const config = join(dirname(world.sandbox.configPath), 'described.yaml');
  await writeFile(
    config,
    JSON.stringify({
      store: { region: 'ap-southeast-3', endpoint: toStore.url, createSecrets: true, versionBudget: 'none' },
      journal: { dir: 'described-journal' },
      http: { host: '127.0.0.1', port: 0 },
      log: { level: 'debug', format: logFormat },
      alerts: receiver.alerts,
      providers: providers.entries,
    }),
  );
  const env = { ...providers.env, ...receiver.env };
  const shown: string[] = [];
  return {
    providers,
    told: receiver.receiver.received,
    env,
    config,
    show: (text: string): void => void shown.push(text),
    run: async (...args: readonly string[]) => {
      const { code, stdout, stderr } = await runInProcess([...args, '--config', config], { env });
      shown.push(stdout, stderr);
      return { code, said: `${stdout}${stderr}` };
    },
    search: () => {
      const search = new SecretSearch();
      for (const [name, text] of providers.secrets) search.add(name, text);
      for (const request of toStore.requests)
        shown.push(describeForCloudTrail(request.headers, request.body));
      for (const { path, body } of receiver.receiver.received)
        if (!path.startsWith('/beat')) shown.push(body);
      return { found: search.find(shown.join('\n')), searched: search.names };
    },
  };
}

describe('7: no secret leaks from any place that a description knows', {
  concurrency: 2,
  timeout: 600_000,
}, () => {
  it('while everything works', async (t) => {
    const { providers, run, search } = await setDescribedStage(t);
    const once = await run('run', '--once');
    assert.equal(once.code, 0, once.said);
    for (const field of ['leak', 'again']) assert.match(once.said, new RegExp(`not published as ${field}`));
    for (const command of [
      ['check'],
      ['check', '--live'],
      ['check', '--live', '--json'],
      ['plan'],
      ['plan', '--json'],
      ['status'],
      ['status', '--json'],
      ['refresh', 'places', '--json'],
      ['refresh', 'oauth2-chain'],
    ]) {
      const { code, said } = await run(...command);
      assert.equal(code, 0, said);
    }
    for (const name of providers.names) {
      const sent = await run('try', name, '--send');
      assert.equal(sent.code, name.includes('chain') ? 2 : 0, sent.said);
    }
    assert.equal((await run('try', 'chain')).code, 0);
    assert.equal((await run('try', 'values', '--send', '--json')).code, 0);
    const { found, searched } = search();
    assert.deepEqual(found, []);
    assert.ok(searched.length > 60, searched.join());
  });

  it('while errors spell the request, in each way with a status of its own', async (t) => {
    const { providers, run, search } = await setDescribedStage(t);
    for (const [index, spelling] of ECHOES.entries()) {
      providers.answer = echoAs(spelling, STATUSES[index] ?? 400);
      for (const name of ['places', 'values', 'steps'])
        assert.equal((await run('try', name, '--send')).code, 1);
      assert.deepEqual(search().found, [], spelling);
    }
    assert.equal((await run('run', '--once')).code, 1);
    assert.equal((await run('check', '--live', '--json')).code, 1);
    assert.deepEqual(search().found, []);
  });

  it('while what comes back is not what was asked for', async (t) => {
    const { providers, run, search } = await setDescribedStage(t);
    for (const [what, answer] of Object.entries(TRICKS)) {
      providers.answer = answer;
      for (const name of ['places', 'post']) await run('try', name, '--send');
      await run('refresh', 'chain', '--json');
      assert.deepEqual(search().found, [], what);
    }
    await run('run', '--once');
    assert.deepEqual(search().found, []);
  });

  it('while a daemon fails and alerts, for people as well', async (t) => {
    const { providers, config, env, told, show, search } = await setDescribedStage(t, 'pretty');
    providers.answer = echoAs('as it is', 401);
    await using daemon = startInProcess(['run', '--config', config], { env });
    const isTold = (text: string): boolean => providers.names.every((name) => text.includes(name));
    const text = await daemon.output.untilText((each) => isTold(each) && each.includes('http:'));
    const [url = ''] = /http:\/\/127\S+(?=\s)/.exec(text) ?? [];
    while (!told.some(({ path }) => path.startsWith('/hook'))) {
      t.signal.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    for (const path of ['/livez', '/readyz', '/metrics', '/', '/status.json?size=200'])
      show(await (await fetch(`${url}${path}`)).text());
    daemon.terminal.stop();
    await assertEnds(daemon);
    show(daemon.output.stdout + daemon.output.stderr);
    assert.deepEqual(search().found, []);
  });

  it('and a planted leak is found in every spelling', async (t) => {
    const { providers, search, show } = await setDescribedStage(t);
    for (const [name, secret] of [...providers.secrets].filter(([each]) => !each.endsWith('Key')).slice(0, 3))
      for (const spelling of ECHOES.filter((each) => each !== 'percent, twice')) {
        show(`before ${spell(spelling, secret)} after`);
        assert.ok(search().found.includes(name), spelling);
      }
  });
});
