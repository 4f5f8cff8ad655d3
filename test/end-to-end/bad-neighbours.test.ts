/** What one server does, another's tokens must not notice: connections, surplus bytes, names, fail-over. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { createSystemClock } from '../../src/adapters/system/clock.ts';
import { isJsonObject, type JsonObject, parseJson } from '../../src/core/wire/json.ts';
import { createSecretsManager } from '../../src/sandbox/secrets-manager/secrets-manager.ts';
import { startSecretsManagerServer } from '../../src/sandbox/secrets-manager/secrets-manager-server.ts';
import { createAuthority } from '../support/certificates.ts';
import { type DnsAnswer, startOddDnsServer } from '../support/odd-dns-server.ts';
import { createPrivateFolder } from '../support/private-folder.ts';
import { ProgramProcess } from '../support/program-process.ts';
import { startWiretap } from '../support/program-wiretap.ts';
import { rsaKeyPair, toPem } from '../support/rsa-key.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { findContainerProblem } from '../support/unshared-container.ts';

const problem = findContainerProblem();
const skip = problem !== undefined && process.env['CI'] === undefined ? problem : false;

/** A store, a folder for a configuration, and what was written to the store. */
async function startStore(t: TestContext) {
  const clock = createSystemClock();
  const engine = createSecretsManager({ clock, random: createSeededRandom(1) });
  const server = await startSecretsManagerServer({ engine, clock });
  t.after(() => server.stop());
  const tap = await startWiretap(server.endpoint);
  t.after(() => tap[Symbol.asyncDispose]());
  const folder = await createPrivateFolder(t);
  return {
    folder,
    /** Starts the daemon; JSON is YAML. */
    startDaemon: async (providers: readonly JsonObject[], env = {}, within: readonly string[] = []) => {
      const configuration = {
        store: {
          endpoint: tap.url,
          region: 'us-east-1',
          timeout: '60s',
          createSecrets: true,
          versionBudget: 'none',
        },
        http: { host: '127.0.0.1', port: 0 },
        log: { format: 'json' },
        providers,
      };
      const path = join(folder, 'configuration.yaml');
      await writeFile(path, JSON.stringify(configuration));
      const keys = { PRIVATE_KEY: toPem(rsaKeyPair().privateKey), CLIENT_ID: 'client', API_KEY: 'key' };
      const program = new ProgramProcess(['run', '--config', path], {
        signal: t.signal,
        env: { ...keys, ...env },
        within,
      });
      t.after(() => program[Symbol.asyncDispose]());
      return program.output;
    },
    /** Each text that was written, and to which secret. */
    writes: () =>
      tap.requests
        .map(({ body }) => parseJson(body))
        .filter(isJsonObject)
        .filter((body) => 'SecretString' in body)
        .map((body) => ({
          secret: String(body['SecretId'] ?? body['Name']),
          document: String(body['SecretString']),
        })),
  };
}

function customerProvider(
  name: string,
  baseUrl: string,
  customers: number,
  settings: JsonObject,
): JsonObject {
  return {
    name,
    kind: 'pivot-b2b2c',
    baseUrl,
    ...settings,
    credentials: { clientId: { env: 'CLIENT_ID' }, privateKey: { env: 'PRIVATE_KEY' } },
    secret: `payments/${name}/{customer}`,
    customers: Array.from({ length: customers }, (_, at) => ({
      name: `c${at}`,
      bindingId: { env: `BINDING_${name}_${at}`.toUpperCase().replaceAll('-', '_') },
    })),
  };
}

function bindingsOf(name: string, customers: number): Record<string, string> {
  return Object.fromEntries(
    Array.from({ length: customers }, (_, at) => [
      `BINDING_${name}_${at}`.toUpperCase().replaceAll('-', '_'),
      `binding-${name}-c${at}-end`,
    ]),
  );
}

/** Answers as Pivot does, with one-time refresh tokens; each token holds the binding id that it is for. */
class ChainProvider {
  readonly spentAgain: string[] = [];
  presented = 0;
  readonly #owners = new Map<string, string>();
  readonly #spent = new Set<string>();
  readonly #lifetimeMs: number;
  #issued = 0;

  constructor(lifetimeMs = 20_000) {
    this.#lifetimeMs = lifetimeMs;
  }

  answer(request: JsonObject): string {
    const { refreshToken, authCode } = request;
    let owner = String(authCode);
    if (typeof refreshToken === 'string') {
      this.presented += 1;
      owner = this.#owners.get(refreshToken) ?? 'nobody';
      if (this.#spent.has(refreshToken)) this.spentAgain.push(owner);
      this.#spent.add(refreshToken);
    }
    this.#issued += 1;
    const next = `rt-${this.#issued}`;
    this.#owners.set(next, owner);
    return JSON.stringify({
      responseCode: '2007400',
      responseMessage: 'Successful',
      accessToken: `token-${owner}-${this.#issued}`,
      accessTokenExpiryTime: new Date(Date.now() + this.#lifetimeMs).toISOString(),
      refreshToken: next,
      tokenType: 'Bearer',
    });
  }
}

async function startServer(t: TestContext, handle: RequestListener) {
  const server = createServer(handle);
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  assert.ok(address !== null && typeof address !== 'string');
  return `http://127.0.0.1:${address.port}`;
}

async function readRequest(request: IncomingMessage): Promise<JsonObject> {
  const body = parseJson(await text(request));
  return isJsonObject(body) ? body : {};
}

function sendJson(response: ServerResponse, body: string): void {
  response.setHeader('content-type', 'application/json').end(body);
}

/** Calls may take long on a busy machine, for which the real lives would leave no room: those come as a surprise. */
const PATIENT = { lifetime: '15m', refreshAfter: 0.6, timeout: '60s' };
/** Of one provider, when it does not say. */
const CONCURRENCY = 4;

describe('connections', { concurrency: true, timeout: 600_000 }, () => {
  it('of three providers at one slow origin: no chain is broken, and none is unavailable', async (t) => {
    const provider = new ChainProvider();
    const names = ['one', 'two', 'three'];
    const waiting: (() => void)[] = [];
    let areAllThere = false;
    const url = await startServer(t, async (request, response) => {
      const body = await readRequest(request);
      // What a request spends is spent, whether or not anybody waits for the answer.
      const answer = provider.answer(body);
      waiting.push(() => sendJson(response, answer));
      // Nobody is answered before each provider has asked for as many as it may: none waits for the others' connections.
      areAllThere ||= waiting.length === names.length * CONCURRENCY;
      if (areAllThere) for (const send of waiting.splice(0)) send();
    });
    const { startDaemon } = await startStore(t);
    const output = await startDaemon(
      names.map((name) => customerProvider(name, url, 8, { ...PATIENT, grant: 'refresh_token' })),
      Object.assign({}, ...names.map((name) => bindingsOf(name, 8))),
    );
    await output.untilLines('token-refreshed', 48);
    assert.deepEqual(
      output.linesOf('refresh-failed').map(({ code }) => code),
      [],
    );
    assert.deepEqual(provider.spentAgain, []);
    assert.ok(provider.presented >= 24);
  });

  it('are as many as concurrency says: 64 of 64 customers are answered at once', async (t) => {
    const provider = new ChainProvider(15 * 60_000);
    const waiting: (() => void)[] = [];
    const url = await startServer(t, async (request, response) => {
      const body = await readRequest(request);
      waiting.push(() => sendJson(response, provider.answer(body)));
      // Nobody is answered before all have asked.
      if (waiting.length === 64) for (const answer of waiting.splice(0)) answer();
    });
    const { startDaemon } = await startStore(t);
    const settings = { ...PATIENT, concurrency: 64 };
    const output = await startDaemon([customerProvider('one', url, 64, settings)], bindingsOf('one', 64));
    await output.untilLines('token-refreshed', 64);
    assert.deepEqual(output.linesOf('refresh-failed'), []);
  });
});

describe('an outage', { timeout: 600_000 }, () => {
  it('of a provider with 300 customers is asked about by few, and all go on at once when it is over', async (t) => {
    const provider = new ChainProvider(15 * 60_000);
    let isDown = true;
    let refused = 0;
    const url = await startServer(t, async (request, response) => {
      const body = await readRequest(request);
      if (!isDown) return sendJson(response, provider.answer(body));
      refused += 1;
      response.writeHead(503).end();
    });
    const { startDaemon } = await startStore(t);
    const settings = { ...PATIENT, grant: 'authorization_code' };
    const output = await startDaemon([customerProvider('one', url, 300, settings)], bindingsOf('one', 300));
    await output.untilLines('provider-outage-began', 1);
    isDown = false;
    assert.ok(refused <= 30, `${refused} calls in the outage`);
    await output.untilLines('provider-outage-ended', 1);
    await output.untilLines('token-refreshed', 300);
  });
});

describe('surplus bytes', { timeout: 600_000 }, () => {
  it('never become the token of another customer: 0 foreign ones in 192 looks', async (t) => {
    const provider = new ChainProvider();
    let answers = 0;
    const url = await startServer(t, async (request, response) => {
      const body = provider.answer(await readRequest(request));
      const { socket } = request;
      answers += 1;
      const delayMs = answers % 2 === 0 ? 5 : 40;
      // Slow enough for the next request to be under way when the former answer comes again on its connection.
      setTimeout(() => {
        sendJson(response, body);
        setTimeout(() => {
          const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
          if (socket.writable) socket.write(head + body);
        }, delayMs);
      }, 60);
    });
    const { startDaemon, writes } = await startStore(t);
    const settings = { ...PATIENT, grant: 'authorization_code', concurrency: 8 };
    const output = await startDaemon([customerProvider('one', url, 96, settings)], bindingsOf('one', 96));
    await output.untilLines('token-refreshed', 192);
    const seen = writes().map(({ secret, document }) => {
      const customer = /\/(c\d+)(?:-\w{6})?$/.exec(secret)?.[1] ?? secret;
      return { customer, isOwn: document.includes(`token-binding-one-${customer}-end`) };
    });
    assert.ok(seen.length >= 192);
    assert.deepEqual(
      seen.filter(({ isOwn }) => !isOwn),
      [],
    );
    assert.deepEqual(output.linesOf('refresh-failed'), []);
  });
});

describe('names', { concurrency: true, timeout: 600_000, skip }, () => {
  /** Providers behind names: the daemon sees a resolv.conf of its own, and trusts a CA of the test. */
  async function startNamedWorld(t: TestContext, records: Readonly<Record<string, DnsAnswer>>) {
    const dns = await startOddDnsServer(t, records);
    const root = await createAuthority(t);
    const store = await startStore(t);
    const [resolvConf, ca] = [join(store.folder, 'resolv.conf'), join(store.folder, 'ca.pem')];
    await writeFile(resolvConf, `nameserver ${dns.address}\n`);
    await writeFile(ca, root.cert);
    const script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
    const within = ['unshare', '--mount', 'sh', '-c', script, resolvConf];
    return {
      dns,
      /** @returns the port, the same for further addresses */
      startProvider: async (handle: RequestListener, host: string, port = 0): Promise<number> => {
        const server = createTlsServer(root.issue('subjectAltName=DNS:*.provider.test'), handle);
        server.keepAliveTimeout = 60_000;
        server.listen(port, host);
        await once(server, 'listening');
        t.after(() => {
          server.closeAllConnections();
          server.close();
        });
        const address = server.address();
        assert.ok(address !== null && typeof address !== 'string');
        return address.port;
      },
      startDaemon: (providers: readonly JsonObject[]) =>
        store.startDaemon(providers, { NODE_EXTRA_CA_CERTS: ca }, within),
    };
  }

  const provider = (name: string, host: string, port: number, timeout = PATIENT.timeout): JsonObject => ({
    name,
    kind: 'apimw',
    baseUrl: `https://${host}:${port}`,
    ...PATIENT,
    timeout,
    credentials: { apiKey: { env: 'API_KEY' }, apiSecret: { env: 'API_KEY' } },
    secret: `payments/${name}`,
  });
  const answerToken: RequestListener = (request, response) => {
    const data = { access_token: `token-${Math.random()}`, token_type: 'Bearer', expires_in: 16 };
    request.resume().on('end', () => sendJson(response, JSON.stringify({ success: true, data })));
  };

  it('that are never resolved stop nobody else: others publish each token before the last one expires', async (t) => {
    const hung = Array.from({ length: 8 }, (_, at) => `hung${at}`);
    const world = await startNamedWorld(t, {
      ...Object.fromEntries(hung.map((name) => [`${name}.provider.test`, 'silence'] as const)),
      'well.provider.test': ['127.0.0.1'],
    });
    // Each call looks the name up: a connection that is kept would hide that look-ups wait for each other.
    const port = await world.startProvider((request, response) => {
      response.setHeader('connection', 'close');
      answerToken(request, response);
    }, '127.0.0.1');
    const output = await world.startDaemon(
      [['well', '10s'], ...hung.map((name) => [name, '2s'])].map(([name = '', timeout]) =>
        provider(name, `${name}.provider.test`, port, timeout),
      ),
    );
    const ofWell = (line: JsonObject): boolean => line['provider'] === 'well';
    await output.untilLines('token-refreshed', 3, ofWell);
    assert.deepEqual(output.linesOf('refresh-failed', ofWell), []);
    const failed = await output.untilLines('refresh-failed', 8, (line) => !ofWell(line));
    for (const line of failed) {
      assert.equal(line['code'], 'provider-unavailable');
      assert.match(
        JSON.stringify(line),
        /failed: (its name was not resolved: DNS did not answer|there was no connection within 2s \(its name was not resolved\))/,
      );
    }
  });

  it('that move are followed while the old address answers 503 and keeps its connections', async (t) => {
    const world = await startNamedWorld(t, { 'moving.provider.test': ['127.0.0.1'] });
    let hasMoved = false;
    let refused = 0;
    const port = await world.startProvider((request, response) => {
      if (!hasMoved) return answerToken(request, response);
      // The name moves with the first refusal: every later try could know.
      world.dns.records.set('moving.provider.test', ['127.0.0.2']);
      refused += 1;
      response.writeHead(503, { connection: 'keep-alive' }).end();
    }, '127.0.0.1');
    await world.startProvider(answerToken, '127.0.0.2', port);
    const output = await world.startDaemon([provider('moving', 'moving.provider.test', port)]);
    await output.untilLines('token-refreshed', 1);
    hasMoved = true;
    await output.untilLines('token-refreshed', 3);
    assert.equal(refused, 1, 'the next try goes where the name leads');
    assert.equal(output.linesOf('refresh-failed').length, 1);
  });
});
