import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseDocument } from '../../src/core/token/document.ts';
import { isUpstreamName, UPSTREAM_NAMES } from '../../src/sandbox/upstreams/upstream-list.ts';
import { runInProcess, startInProcess } from '../support/program-terminal.ts';
import { type ProgramWorld, startProgramWorld } from '../support/program-world.ts';
import { SANDBOX_TOKENS } from '../support/sandbox-entries.ts';

const SECRETS = SANDBOX_TOKENS.map(({ token, provider }) => [`sandbox/${token}`, provider] as const);

describe('run --once', () => {
  it('publishes a token of every kind that its provider accepts, and ends with 0', async () => {
    await using world = await startProgramWorld();
    const { code, stderr } = await runOnce(world);
    assert.deepEqual([code, stderr], [0, '']);
    for (const [secret, upstream] of SECRETS) {
      const current = world.sandbox.secretsManager.versions(secret).at(-1);
      assert.ok(current !== undefined && current.labels.includes('AWSCURRENT'), secret);
      const parsed = parseDocument(current.value);
      assert.ok(parsed.ok, secret);
      const token = parsed.document.accessToken.reveal();
      assert.ok(isUpstreamName(upstream));
      assert.ok(world.sandbox.providers[upstream].isValid(token, Date.now()), `${secret} is accepted`);
    }
  });

  it('fetches and writes nothing when everything is fresh', async () => {
    await using world = await startProgramWorld();
    await runOnce(world);
    const before = traffic(world);
    const { code, stderr } = await runOnce(world);
    assert.deepEqual([code, stderr], [0, '']);
    assert.deepEqual(traffic(world), before);
  });

  it('ends with 1 and names the provider that fails; the others are refreshed', async () => {
    await using world = await startProgramWorld();
    world.addFault('pik:wrong-credentials');
    const { code, stderr } = await runOnce(world);
    assert.equal(code, 1);
    assert.match(stderr, /^pik: credentials-rejected: POST http:\S+ answered [^\n]+\n$/);
    const published = SECRETS.filter(
      ([secret]) => world.sandbox.secretsManager.versions(secret).length === 1,
    );
    assert.equal(published.length, SECRETS.length - 1);
  });

  it('tries a provider that is away three times', async () => {
    await using world = await startProgramWorld();
    world.addFault('pik:503');
    const config = await world.copyConfig('pik.yaml', { only: ['pik'] });
    const { code, stderr } = await runInProcess(['run', '--once', '--config', config]);
    assert.equal(code, 1);
    assert.match(stderr, /^pik: provider-unavailable: /);
    assert.equal(world.sandbox.upstreams.requests.total('pik'), 3);
  });
});

describe('run', () => {
  it('says once and for all tokens that it has begun, in JSON lines, and that it stops', async () => {
    await using world = await startProgramWorld();
    const run = startInProcess(['run', '--config', world.sandbox.configPath]);
    await run.output.untilLines('token-refreshed', SECRETS.length);
    run.terminal.stop();
    assert.equal(await run.exit, 0);
    for (const line of run.output.lines)
      assert.deepEqual(Object.keys(line).slice(0, 3), ['level', 'time', 'event'], JSON.stringify(line));
    assert.equal(run.output.stdout.split('\n').length, run.output.lines.length + 1, 'nothing but JSON lines');
    const [started] = run.output.linesOf('program-started');
    assert.equal(started?.['tokens'], SECRETS.length);
    assert.equal(started?.['providers'], UPSTREAM_NAMES.length);
    assert.equal(started?.['store'], world.sandbox.store.endpoint);
    assert.deepEqual(
      run.output.lines.slice(-2).map(({ event }) => event),
      ['program-stopping', 'program-stopped'],
    );
  });

  it('names its places when there are several, although both may be at one address', async () => {
    await using world = await startProgramWorld();
    const { endpoint } = world.sandbox.store;
    const place = { kind: 'aws-secrets-manager', region: 'ap-southeast-3', endpoint, createSecrets: true };
    const config = await world.copyConfig('places.yaml', {
      only: ['pik'],
      set: { store: undefined, stores: { main: place, spare: place }, publish: { to: 'main' } },
    });
    const run = startInProcess(['run', '--config', config]);
    const [started] = await run.output.untilLines('program-started', 1);
    run.terminal.stop();
    assert.equal(await run.exit, 0);
    assert.equal(started?.['store'], `main (${endpoint}), spare (${endpoint})`);
  });

  it('asks no provider again after a restart', async () => {
    await using world = await startProgramWorld();
    await runOnce(world);
    const before = traffic(world);
    const run = startInProcess(['run', '--config', world.sandbox.configPath]);
    await run.output.untilLines('program-started', 1);
    run.terminal.stop();
    assert.equal(await run.exit, 0);
    assert.equal(run.output.linesOf('token-restored').length, SECRETS.length);
    assert.deepEqual(traffic(world), before);
  });

  it('begins nothing when it was asked to stop before it could start', async () => {
    await using world = await startProgramWorld();
    const run = startInProcess(['run', '--config', world.sandbox.configPath]);
    run.terminal.stop();
    assert.equal(await run.exit, 0);
    assert.deepEqual(
      traffic(world).fetches,
      UPSTREAM_NAMES.map(() => 0),
    );
    assert.deepEqual(run.output.linesOf('refresh-started'), []);
  });
});

function runOnce(world: ProgramWorld) {
  return runInProcess(['run', '--once', '--config', world.sandbox.configPath]);
}

/** What providers were asked and what was written, so far. */
function traffic({ sandbox }: ProgramWorld) {
  const { requests } = sandbox.store;
  return {
    fetches: Object.keys(sandbox.providers).map((provider) => sandbox.upstreams.requests.total(provider)),
    writes: (['CreateSecret', 'PutSecretValue', 'TagResource', 'UpdateSecretVersionStage'] as const).map(
      (operation) => requests.get(operation) ?? 0,
    ),
  };
}
