/**
 * Promise 6: no secret leaks. Everything that the program shows while it works, and while it fails in every way that the
 * sandbox knows, is searched for every secret that was issued or configured.
 */
import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { describe, it } from 'node:test';
import { isJsonObject, parseJson } from '../../src/core/json.ts';
import { ProgramProcess, runProgram } from '../support/program-process.ts';
import { SecretSearch } from '../support/program-secrets.ts';
import { runInProcess, startInProcess } from '../support/program-terminal.ts';
import { startWiretap, type Wiretap } from '../support/program-wiretap.ts';
import { type ProgramWorld, startProgramWorld } from '../support/program-world.ts';
import { SANDBOX_TOKENS } from '../support/sandbox-entries.ts';

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
  showCommands(...commands: readonly (readonly string[])[]): Promise<readonly number[]>;
  /** Names of the secrets that have been seen, and of all that were searched for. */
  search(): Promise<{ readonly found: readonly string[]; readonly searched: readonly string[] }>;
}

async function setStage(logFormat: 'json' | 'pretty' = 'json'): Promise<Stage> {
  const world = await startProgramWorld();
  const { store, upstreams, configPath } = world.sandbox;
  const toStore = await startWiretap(store.endpoint);
  const toProviders = await startWiretap(upstreams.origin);
  const config = await world.copyConfig('overheard.yaml', {
    replace: { [store.endpoint]: toStore.url, [upstreams.origin]: toProviders.url },
    set: { 'log.level': 'debug', 'log.format': logFormat },
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
      show(await readView(`${url}/events`));
      run.terminal.stop();
      assert.equal(await run.exit, 0);
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

describe('No secret leaks', { concurrency: true, timeout: 60_000 }, () => {
  it('while everything works: log, pages, every command, what CloudTrail records', async () => {
    await using stage = await setStage();
    await stage.showDaemon('a new token is published');
    const codes = await stage.showCommands(
      ['check'],
      ['check', '--live'],
      ['check', '--live', '--json'],
      ['plan'],
      ['plan', '--json'],
      ['status'],
      ['status', '--json'],
      ['run', '--once'],
    );
    assert.deepEqual(new Set(codes), new Set([0]));
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
        ['refresh', 'pivot-b2b', '--json'],
        ['status'],
      );
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

/** The first view that somebody who looks live is sent. */
async function readView(url: string): Promise<string> {
  const { body } = await fetch(url);
  let text = '';
  for await (const part of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += part;
    if (/^data: .*\n\n/m.test(text)) break;
  }
  for (const token of TOKENS) assert.ok(text.includes(token), `the live view shows ${token}`);
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

describe('No secret leaks through Node.js itself', { concurrency: 2, timeout: 60_000 }, () => {
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
