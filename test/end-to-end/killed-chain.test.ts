/** `kill -9` between a provider's answer and the store's write of a one-time refresh token. */
import assert from 'node:assert/strict';
import { chmod, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { isJsonObject, parseJson } from '../../src/core/wire/json.ts';
import { HeldStep } from '../support/held-step.ts';
import { ProgramProcess, runProgram } from '../support/program-process.ts';
import { startWiretap } from '../support/program-wiretap.ts';
import { startProgramWorld } from '../support/program-world.ts';

/** Providers whose refresh tokens are good for one use, and how many tokens each keeps. */
const CHAINS = [
  {
    provider: 'pivot-b2b2c',
    tokens: 2,
    options: { grant: 'refresh_token' },
    refreshTokenOf: 'refreshToken',
  },
  { provider: 'apimw', tokens: 1, options: { useRefreshToken: true }, refreshTokenOf: 'refresh_token' },
] as const;

type Chain = (typeof CHAINS)[number];

/** What the provider was presented with over a kill and the restart after it, and how many tokens that made. */
async function killAndRestart(t: TestContext, chain: Chain, hasJournal: boolean) {
  const { provider, tokens, options, refreshTokenOf } = chain;
  await using world = await startProgramWorld({ speed: 60 });
  const secondFetches = new HeldStep();
  let asked = 0;
  await using tap = await startWiretap(world.sandbox.upstreams.baseUrlOf(provider), async () => {
    asked += 1;
    if (asked === 2 * tokens) secondFetches.reach();
    if (asked > tokens) await secondFetches.released;
    return false;
  });
  const journal = join(dirname(world.sandbox.configPath), 'journal');
  const config = await world.copyConfig('chain.yaml', {
    only: [provider],
    set: { 'log.level': 'debug', 'store.timeout': '60s', ...(hasJournal ? {} : { journal: undefined }) },
    // Calls may take long, for which a real life of 20 s would leave no room: it comes as a surprise.
    setProviders: { baseUrl: tap.url, lifetime: '7m', refreshAfter: 0.55, timeout: '60s', ...options },
  });

  world.addFault(`${provider}:lifetime=20s`);
  await using killed = new ProgramProcess(['run', '--config', config], t);
  await killed.output.untilLines('token-refreshed', tokens);
  // Each fetch is under way, past the look at the store, when the store begins to hang.
  await secondFetches.reached;
  world.addFault('store:latency=60s');
  secondFetches.release();
  await killed.output.untilLines('token-fetched', 2 * tokens);
  const entries = hasJournal ? (await readdir(journal)).filter((name) => name.endsWith('.chain.json')) : [];
  for (const name of entries) assert.equal((await stat(join(journal, name))).mode & 0o777, 0o600);
  killed.send('SIGKILL');
  assert.deepEqual(await killed.untilExit(), { code: null, signal: 'SIGKILL' });
  assert.equal(killed.output.linesOf('secret-written', ({ target }) => target === 'state').length, tokens);
  world.sandbox.faults.clear();
  world.addFault(`${provider}:lifetime=20s`);

  await using restarted = new ProgramProcess(['run', '--config', config], t);
  await restarted.output.untilLines('token-refreshed', 2 * tokens);
  restarted.send('SIGTERM');
  assert.deepEqual(await restarted.untilExit(), { code: 0, signal: null });
  const presented = tap.requests.map(({ body }) => {
    const parsed = parseJson(body);
    return isJsonObject(parsed) ? parsed[refreshTokenOf] : undefined;
  });
  const spent = presented.filter((each) => each !== undefined);
  return {
    journalled: entries.length,
    logins: presented.length - spent.length,
    spentTwice: spent.length - new Set(spent).size,
    recovered: restarted.output.linesOf('chain-recovered').length,
    failed: restarted.output.linesOf('refresh-failed').map(({ code }) => code),
    leftOver: hasJournal ? (await readdir(journal)).filter((name) => name.endsWith('.chain.json')).length : 0,
  };
}

describe('a chain whose daemon is killed before the store has the refresh token', {
  concurrency: true,
  timeout: 600_000,
}, () => {
  for (const chain of CHAINS) {
    it(`No chain is lost by us: ${chain.provider} goes on after the restart, no spent refresh token, no login`, async (t) => {
      assert.deepEqual(await killAndRestart(t, chain, true), {
        journalled: chain.tokens,
        logins: chain.tokens,
        spentTwice: 0,
        recovered: chain.tokens,
        failed: [],
        leftOver: 0,
      });
    });
  }

  it('apimw: starts again when there is no journal, after its spent refresh token was refused', async (t) => {
    assert.deepEqual(await killAndRestart(t, CHAINS[1], false), {
      journalled: 0,
      logins: 2,
      spentTwice: 1,
      recovered: 0,
      failed: ['chain-broken'],
      leftOver: 0,
    });
  });
});

describe('a journal that others can read', { timeout: 600_000 }, () => {
  for (const args of [['run'], ['run', '--once'], ['refresh', 'pivot']]) {
    it(`${args.join(' ')} ends with exit code 2 and starts nothing`, async (t) => {
      await using world = await startProgramWorld();
      const folder = dirname(world.sandbox.configPath);
      await chmod(folder, 0o755);
      const config = await world.copyConfig('open.yaml', { only: ['pivot'], set: { 'journal.dir': '.' } });
      const { code, stdout, stderr } = await runProgram([...args, '--config', config], t);
      assert.equal(code, 2);
      assert.equal(
        stderr,
        `journal.dir ${folder} is open to other users (mode 0755): chmod 700 it, or name a folder inside it, which is ` +
          'then made; nothing was started\n',
      );
      assert.equal(stdout, '');
      assert.equal(world.sandbox.store.requests.size, 0);
      assert.equal(world.sandbox.upstreams.requests.total('pivot'), 0);
    });
  }
});
