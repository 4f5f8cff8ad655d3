/** What former releases left behind is read by this one, and what this one publishes is read by their readers. */
import assert from 'node:assert/strict';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import {
  CreateSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
} from '@aws-sdk/client-secrets-manager';
import { z } from 'zod';
import { FileLanes } from '../../src/adapters/files/file-lanes.ts';
import { DirectoryCounts } from '../../src/adapters/journal/directory-counts.ts';
import { PrivateDirectory } from '../../src/adapters/journal/private-directory.ts';
import { createSoleLeader } from '../../src/adapters/system/sole-leader.ts';
import { parseConfiguration } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';
import { serializeDocument } from '../../src/core/token/document.ts';
import { isJsonObject, parseJson } from '../../src/core/wire/json.ts';
import { CATALOG } from '../../src/wiring/catalog.ts';
import { connect } from '../../src/wiring/connections.ts';
import { Daemon } from '../../src/wiring/daemon.ts';
import {
  type EmulatedSecretsManager,
  startEmulatedSecretsManager,
} from '../support/emulated-secrets-manager.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { isValid } from '../support/json-schema-check.ts';
import { startLoopbackServer } from '../support/loopback-server.ts';
import { runInProcess } from '../support/program-terminal.ts';
import { RecordedEvents } from '../support/recorded-events.ts';
import { rsaKeyPair, toPem } from '../support/rsa-key.ts';
import { copySandboxConfig } from '../support/sandbox-process-config.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { buildDocument } from '../support/token-builder.ts';
import { type FormerRelease, readFormerReleases } from './former-release.ts';

type Recorded = FormerRelease & { readonly folder: string };

const SECOND_MS = 1000;
const HOUR_MS = 3_600_000;
const PACE_MS = 100;
/** Of its hour: every 56 minutes. */
const APIMW_DUE_AFTER_MS = 3_400_000;
const AWS_CREDENTIALS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not-a-real-key' };
const NEXT_REFRESH_TOKEN = 'the-next-one';
const PROVIDERS = ['pik', 'pivot-b2b', 'pivot-b2b2c', 'pivot', 'apimw', 'paysecurez'];

/** What a configuration means for a token. How a plan is worded, and when its ticks are, may change. */
const planSchema = z.object({
  token: z.string(),
  kind: z.string(),
  customer: z.string().optional(),
  secret: z.string(),
  stateSecret: z.string().optional(),
  lifetimeSeconds: z.number(),
  refreshEverySeconds: z.number(),
  marginSeconds: z.number(),
  cron: z.string(),
  versionBudget: z.union([z.number(), z.string()]),
});

for (const release of readFormerReleases()) {
  describe(`what release ${release.version} left behind`, { timeout: 600_000 }, () => {
    const recordedAtMs = Date.parse(release.recordedAt);

    for (const [name, expected] of Object.entries(release.plans)) {
      it(`its configuration ${name} means what it meant`, async () => {
        const path = join(release.folder, 'configurations', name);
        const { code, stdout, stderr } = await runInProcess(['plan', '--json', '--config', path]);
        assert.deepEqual([code, stderr], [0, '']);
        const plans = z.array(planSchema).parse(JSON.parse(stdout));
        assert.deepEqual(plans, z.array(planSchema).parse(expected));
      });
    }

    it('a start asks no provider for a token that is fresh, nor one that asked for patience', async (t) => {
      const { events, requests, untilFailed } = await startDaemon(t, release, recordedAtMs + SECOND_MS);
      await untilFailed('paysecurez');
      assert.equal(events.of('token-restored').length, 6);
      assert.deepEqual(requests, []);
    });

    it('a provider that asked for patience is asked when its time has come, and no sooner', async (t) => {
      const [wait = ''] = await readJournal(release, '.wait.json');
      const waitEndMs = Date.parse(memberOf(wait, 'not_before'));
      const early = await startDaemon(t, release, waitEndMs - SECOND_MS);
      const { failure, nextAttemptAtMs } = await early.untilFailed('paysecurez');
      assert.deepEqual([failure.code, nextAttemptAtMs], ['rate-limited', waitEndMs]);
      assert.deepEqual(early.requestsOf('paysecurez'), []);
      await early.clock.advance(SECOND_MS);
      await early.until(() => early.requestsOf('paysecurez').length > 0);
    });

    it('the calls of a budget are counted on', async () => {
      await using stack = new AsyncDisposableStack();
      const { journal } = await copyFolder(stack, release);
      const clock = new FakeClock(recordedAtMs);
      const directory = new PrivateDirectory({
        path: journal,
        uid: process.getuid?.(),
        files: new FileLanes(clock),
      });
      const counts = new DirectoryCounts({ directory, clock, report: assert.fail });
      const calls = (await counts.read('pik')).reduce((sum, span) => sum + span.calls, 0);
      assert.ok(calls > 0, 'calls of pik');
    });

    it('a refresh token that only the journal has is presented, and the next one saved', async (t) => {
      const daemon = await startDaemon(t, release, recordedAtMs + APIMW_DUE_AFTER_MS);
      const [entry] = await readJournal(release, '.chain.json');
      const state = memberOf(entry, 'text');
      const journalled = {
        refreshToken: memberOf(state, 'refresh_token'),
        generation: memberOf(state, 'generation'),
      };
      await daemon.untilRefreshed('apimw');
      const [request, ...more] = daemon.requestsOf('apimw');
      assert.deepEqual(more, []);
      assert.equal(request?.path, '/apimw/v1/auth/refresh');
      assert.equal(memberOf(request.body, 'refresh_token'), journalled.refreshToken);
      const { SecretString } = await daemon.store.client.send(
        new GetSecretValueCommand({ SecretId: 'token-refresher/state/sandbox/apimw' }),
      );
      assert.equal(memberOf(SecretString, 'refresh_token'), NEXT_REFRESH_TOKEN);
      assert.equal(memberOf(SecretString, 'generation'), String(Number(journalled.generation) + 1));
      await daemon.untilGone('.chain.json');
    });

    it('a refresh token that was presented once, with an outcome that nobody knows, is presented once more and no more', async (t) => {
      const daemon = await startDaemon(t, release, recordedAtMs + SECOND_MS);
      const states = release.secrets.filter(({ name }) => name.includes('/state/sandbox/pivot-b2b2c/'));
      const known = states.map(({ versions }) => memberOf(versions[0]?.text, 'refresh_token'));
      assert.equal(known.length, 2);
      const failures = () =>
        daemon.events.of('refresh-failed').filter(({ identity }) => identity.provider === 'pivot-b2b2c');
      const refreshed = daemon.refresh('pivot-b2b2c');
      await daemon.until(() => failures().length === known.length);
      for (const { failure } of failures())
        assert.match(failure.message, /; starting again without a refresh token$/);
      const presented = daemon.requestsOf('pivot-b2b2c').map(({ body }) => memberOf(body, 'refreshToken'));
      assert.deepEqual(presented.toSorted(), known.toSorted());
      await daemon.stop();
      assert.deepEqual(await refreshed, ['aborted', 'aborted']);
    });

    it('its token documents and those of today fit the schema that its readers know', async () => {
      const schema: unknown = JSON.parse(
        await readFile(join(release.folder, 'token-document.schema.json'), 'utf8'),
      );
      const documents = release.secrets.filter(({ name }) => name.startsWith('sandbox/'));
      assert.equal(documents.length, 6);
      const texts = documents.flatMap(({ versions }) => versions.map(({ text }) => text));
      const today = buildDocument({ tokenType: 'none', fields: { instance_url: 'https://eu.example.com' } });
      for (const text of [...texts, serializeDocument(today).reveal()])
        assert.ok(isValid(schema, JSON.parse(text)));
    });
  });
}

interface AskedProvider {
  readonly path: string;
  readonly body: string;
}

/** This release's daemon, with everything that the former one left behind, at a moment of its own. */
async function startDaemon(t: TestContext, release: Recorded, nowMs: number) {
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  const clock = new FakeClock(nowMs);
  const store = stack.use(await startEmulatedSecretsManager({ startMs: nowMs }));
  await putSecrets(store, release);
  const requests: AskedProvider[] = [];
  const providers = stack.use(
    await startLoopbackServer((message, response) => {
      void answer(message, response, requests);
    }),
  );
  const { folder, journal } = await copyFolder(stack, release);
  const path = await copySandboxConfig(join(folder, 'recorded.yaml'), 'now.yaml', {
    set: { 'store.endpoint': store.server.endpoint },
    setProvider: Object.fromEntries(PROVIDERS.map((name) => [name, { baseUrl: `${providers.url}/${name}` }])),
  });
  const parsed = parseConfiguration(await readFile(path, 'utf8'), {
    fileName: path,
    ...CATALOG,
  });
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.problems.map(formatProblem).join('\n'));
  const events = new RecordedEvents();
  const leading = new Set<string>();
  const ports = { clock, random: createSeededRandom(1), events: events.record };
  const daemon = new Daemon(parsed.configuration, {
    ...ports,
    connections: connect(parsed.configuration, {
      ...ports,
      readEnv: () => undefined,
      awsCredentials: AWS_CREDENTIALS,
    }),
    coordinator: createSoleLeader(),
    metrics: { text: async () => '', contentType: 'text/plain' },
    // It never ticks: what happens is what a start does, and what is asked for.
    ticker: {
      start: ({ name }) => {
        leading.add(name);
        return { msToNext: () => HOUR_MS, stop: () => undefined };
      },
    },
    onFault: (error) => assert.fail(`a fault: ${String(error)}`),
  });
  stack.defer(() => daemon.stop());
  await daemon.start();
  const until = async (isTrue: () => boolean): Promise<void> => {
    while (!isTrue()) {
      t.signal.throwIfAborted();
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await until(() => leading.size === PROVIDERS.length);
  return {
    clock,
    store,
    events,
    requestsOf: (provider: string) => requests.filter((each) => each.path.startsWith(`/${provider}/`)),
    requests,
    refresh: async (name: string) =>
      (await daemon.refreshNow(name)).map(({ outcome, code }) => code ?? outcome),
    until,
    stop: () => daemon.stop(),
    untilFailed: async (token: string) => {
      const failed = () => events.of('refresh-failed').find(({ identity }) => identity.token === token);
      await until(() => failed() !== undefined);
      return failed() ?? assert.fail();
    },
    untilRefreshed: (token: string) =>
      until(() => {
        // The pace of writes.
        if ((clock.pendingDelaysMs[0] ?? HOUR_MS) < SECOND_MS) void clock.advance(PACE_MS);
        return events.of('token-refreshed').some(({ identity }) => identity.token === token);
      }),
    /** Resolves when the journal has no such file. */
    untilGone: async (suffix: string) => {
      while ((await readdir(journal)).some((name) => name.endsWith(suffix))) t.signal.throwIfAborted();
    },
  };
}

/** `apimw` goes on with its chain, all others cut the connection: whatever was presented to them may be spent. */
async function answer(
  message: IncomingMessage,
  response: ServerResponse,
  requests: AskedProvider[],
): Promise<void> {
  const path = message.url ?? '';
  requests.push({ path, body: await readText(message) });
  if (!path.startsWith('/apimw/')) {
    message.socket.destroy();
    return;
  }
  response.setHeader('content-type', 'application/json');
  const data = {
    access_token: 'a-new-token',
    token_type: 'Bearer',
    expires_in: 3600,
    refresh_token: NEXT_REFRESH_TOKEN,
  };
  response.end(JSON.stringify({ success: true, data }));
}

/** The secrets as they were, under the same identifiers of versions. */
async function putSecrets({ client }: EmulatedSecretsManager, { secrets }: Recorded): Promise<void> {
  for (const { name, tags, versions } of secrets) {
    for (const [index, { id, stages, text: value }] of versions.entries()) {
      const version = { ClientRequestToken: id, SecretString: value };
      if (index === 0) {
        const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
        await client.send(new CreateSecretCommand({ Name: name, Tags, ...version }));
      } else {
        await client.send(new PutSecretValueCommand({ SecretId: name, VersionStages: stages, ...version }));
      }
    }
  }
}

/** A folder as the daemon wants it: only its user can open the journal, which git does not keep. Credentials are made up. */
async function copyFolder(stack: AsyncDisposableStack, release: Recorded) {
  const folder = await mkdtemp(join(tmpdir(), 'token-refresher-test-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const journal = join(folder, 'journal');
  await cp(join(release.folder, 'journal'), journal, { recursive: true });
  await chmod(journal, 0o700);
  for (const name of await readdir(journal)) await chmod(join(journal, name), 0o600);
  const config = await readFile(join(release.folder, 'configurations/recorded.yaml'), 'utf8');
  await writeFile(join(folder, 'recorded.yaml'), config);
  for (const [, path = ''] of config.matchAll(/\{ file: (credentials\/[^ ]+) \}/g)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(
      join(folder, path),
      path.endsWith('privateKey') ? toPem(rsaKeyPair().privateKey) : 'made-up',
    );
  }
  return { folder, journal };
}

async function readJournal({ folder }: Recorded, suffix: string): Promise<readonly string[]> {
  const journal = join(folder, 'journal');
  const names = (await readdir(journal)).filter((name) => name.endsWith(suffix));
  return Promise.all(names.map((name) => readFile(join(journal, name), 'utf8')));
}

/** A member of a JSON object, as text. */
function memberOf(json: string | undefined, name: string): string {
  const parsed = parseJson(json ?? '');
  assert.ok(isJsonObject(parsed) && name in parsed, `no ${name}`);
  return String(parsed[name]);
}
