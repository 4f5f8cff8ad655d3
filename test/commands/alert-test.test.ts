import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { SINK_NAMES, startAlertStage } from '../support/alert-stage.ts';
import { runInProcess } from '../support/program-terminal.ts';
import { type ProgramWorld, startProgramWorld } from '../support/program-world.ts';

async function runAlertTest(t: TestContext, world: ProgramWorld, ...options: readonly string[]) {
  const stage = await startAlertStage(t);
  const config = await world.copyConfig('alerts.yaml', { set: { alerts: stage.alerts } });
  return {
    ...stage,
    run: () => runInProcess(['alert-test', '--config', config, ...options], { env: stage.env }),
  };
}

describe('alert-test', () => {
  it('sends one labelled alert to every sink, and says so', async (t) => {
    await using world = await startProgramWorld();
    const { run, told } = await runAlertTest(t, world);
    const { code, stdout, stderr } = await run();
    assert.deepEqual([code, stderr], [0, '']);
    assert.equal(stdout, SINK_NAMES.map((name) => `ok    ${name}: took the test alert\n`).join(''));
    for (const name of SINK_NAMES) {
      const bodies = told(name);
      assert.equal(bodies.length, 1, name);
      assert.match(
        decodeURIComponent(bodies[0]?.replaceAll('+', ' ') ?? ''),
        /TEST: alert-test was run/,
        name,
      );
    }
    assert.deepEqual(told('heartbeat'), []);
    assert.equal(world.sandbox.upstreams.requests.total('pik'), 0);
  });

  it('ends with 1 when one of them did not take it, tells why, and shows neither URL nor key', async (t) => {
    await using world = await startProgramWorld();
    const { run, receiver, secrets } = await runAlertTest(t, world, '--json');
    for (let call = 0; call < 5; call += 1) receiver.answers.push({ status: call === 0 ? 404 : 200 });
    const { code, stdout, stderr } = await run();
    assert.deepEqual([code, stderr], [1, '']);
    const results: unknown = JSON.parse(stdout);
    assert.ok(Array.isArray(results));
    assert.deepEqual(results.filter(({ ok }: { ok: boolean }) => !ok).length, 1);
    assert.match(stdout, /answered with status 404: check its URL and its key|SNS refused/);
    for (const secret of Object.values(secrets)) assert.ok(!stdout.includes(secret));
  });

  it('names a reference that cannot be read', async (t) => {
    await using world = await startProgramWorld();
    const { alerts } = await startAlertStage(t);
    const config = await world.copyConfig('alerts.yaml', { set: { alerts } });
    const { code, stdout } = await runInProcess(['alert-test', '--config', config], { env: {} });
    assert.equal(code, 1);
    assert.match(
      stdout,
      /^FAIL {2}slack: credentials-rejected: credential url: environment variable SLACK_URL is not set$/m,
    );
    assert.match(stdout, /^ok {4}alertmanager: took the test alert$/m);
  });

  it('takes a variable with a name that every JavaScript object has for one that is not set', async () => {
    await using world = await startProgramWorld();
    const slack = { name: 'slack', kind: 'slack', url: { env: 'constructor' } };
    const config = await world.copyConfig('alerts.yaml', { set: { alerts: { sinks: [slack] } } });
    const { code, stdout, stderr } = await runInProcess(['alert-test', '--config', config]);
    assert.deepEqual(
      [code, stdout, stderr],
      [1, 'FAIL  slack: credentials-rejected: credential url: the environment variable is not set\n', ''],
    );
  });

  it('ends with 2 when there is nobody to tell', async () => {
    await using world = await startProgramWorld();
    const config = await world.copyConfig('silent.yaml', { set: { alerts: { sinks: [] } } });
    const { code, stderr } = await runInProcess(['alert-test', '--config', config]);
    assert.equal(code, 2);
    assert.match(stderr, /alerts\.sinks is empty/);
  });
});
