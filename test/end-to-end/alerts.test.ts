/** The real program tells every kind of sink, over real HTTP: begin, group, end, and no secret in any of it. */
import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { json } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { isJsonObject, type JsonObject } from '../../src/core/wire/json.ts';
import { SANDBOX_PROVIDERS } from '../../src/sandbox/sandbox.ts';
import { SINK_NAMES, startAlertStage } from '../support/alert-stage.ts';
import { startHangingServer } from '../support/hanging-server.ts';
import { startLoopbackServer } from '../support/loopback-server.ts';
import { ProgramProcess } from '../support/program-process.ts';
import { SecretSearch } from '../support/program-secrets.ts';
import { startInProcess } from '../support/program-terminal.ts';
import { startProgramWorld } from '../support/program-world.ts';

const POLL_MS = 50;

async function until(t: TestContext, isTrue: () => boolean): Promise<void> {
  while (!isTrue()) {
    t.signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

const plain = (body: string): string =>
  body.startsWith('Action=') ? decodeURIComponent(body.replaceAll('+', ' ')) : body;

/** The provider of an alert that Alertmanager was sent; `undefined` when it is about none. */
function providerOf(alerts: unknown): string | undefined {
  const [alert]: unknown[] = Array.isArray(alerts) ? alerts : [];
  const labels = isJsonObject(alert) ? alert['labels'] : undefined;
  const provider = isJsonObject(labels) ? labels['provider'] : undefined;
  return typeof provider === 'string' ? provider : undefined;
}

describe('alerts of a running daemon', { concurrency: 2, timeout: 600_000 }, () => {
  it('Loud: every sink is told once that customers fail, and once that it is over; the heartbeat beats', async (t) => {
    await using world = await startProgramWorld();
    const { alerts, env, told } = await startAlertStage(t);
    world.addFault('pivot-b2b2c:503');
    const config = await world.copyConfig('alerts.yaml', { only: ['pivot-b2b2c'], set: { alerts } });
    await using daemon = startInProcess(['run', '--config', config], { env });
    const isGroup = (body: string): boolean =>
      body.includes('pivot-b2b2c: all 2 tokens: readers have no usable token') &&
      !body.includes('recovered: ');
    await until(t, () => SINK_NAMES.every((name) => told(name).map(plain).some(isGroup)));
    world.sandbox.faults.clear();
    const isOver = (name: (typeof SINK_NAMES)[number]): boolean =>
      told(name)
        .map(plain)
        .some((body) => body.includes('TokenExpired') && /recovered: |"event_action":"resolve"/.test(body));
    await until(t, () => SINK_NAMES.every(isOver));
    for (const name of SINK_NAMES) {
      if (name !== 'alertmanager') assert.equal(told(name).map(plain).filter(isGroup).length, 1, name);
      const about = told(name).filter((body) => plain(body).includes('TokenExpired'));
      // On a slow machine the second customer may fail, and recover, after the window (one message more each); Alertmanager is
      // repeated.
      assert.ok(
        about.length >= 2 && (about.length <= 4 || name === 'alertmanager'),
        `${name}: ${about.length}`,
      );
    }
    assert.ok(told('heartbeat').length >= 1);
    daemon.terminal.stop();
    assert.equal(await daemon.exit, 0);
  });

  it('one Alertmanager that is silent and one that fails: the third is told of every provider, log and metric name the two', async (t) => {
    await using world = await startProgramWorld();
    await using silent = await startHangingServer();
    await using broken = await startLoopbackServer((_request, response) => response.writeHead(500).end());
    const told = new Set<string | undefined>();
    await using healthy = await startLoopbackServer((request, response) => {
      void json(request).then((alerts) => {
        told.add(providerOf(alerts));
        response.end();
      });
    });
    world.addFault('*:503');
    const urls = [silent.url, broken.url, healthy.url];
    const config = await world.copyConfig('instances.yaml', {
      set: { alerts: { name: 'instances', sinks: [{ kind: 'alertmanager', urls }] } },
    });
    await using daemon = new ProgramProcess(['run', '--config', config], { signal: t.signal });
    const { output } = daemon;
    await until(t, () => SANDBOX_PROVIDERS.every((provider) => told.has(provider)));
    // Behind it in one queue, the others would have waited for its deadline once for each.
    assert.ok(
      silent.count < SANDBOX_PROVIDERS.length,
      `the silent one was asked ${silent.count} times meanwhile`,
    );

    const nameOf = (url: string): string => `alertmanager/${new URL(url).host}`;
    const isOf = (url: string) => (line: JsonObject) => line['sink'] === nameOf(url) && 'code' in line;
    for (const url of [silent.url, broken.url]) await output.untilLine(isOf(url));
    assert.deepEqual(output.lines.filter(isOf(healthy.url)), []);
    const [started] = await output.untilLines('program-started', 1);
    const metrics = await (await fetch(`${String(started?.['http'])}/metrics`)).text();
    const failed = (url: string): boolean =>
      metrics.includes(`alerts_sent_total{sink="${nameOf(url)}",code="provider-unavailable"}`);
    assert.deepEqual(urls.map(failed), [true, true, false]);

    // What is on its way to the silent one does not keep the process.
    daemon.send('SIGTERM');
    assert.deepEqual(await daemon.untilExit(), { code: 0, signal: null });
  });

  for (const faults of [['*:echo'], ['*:wrong-credentials'], ['store:denied']]) {
    it(`No secret leaks into what people are told, or into the log about it: ${faults.join(' ')}`, async (t) => {
      await using world = await startProgramWorld();
      const { alerts, env, told, receiver, secrets } = await startAlertStage(t);
      for (const fault of faults) world.addFault(fault);
      // Receivers that fail are told about as well.
      for (let call = 0; call < 12; call += 1)
        receiver.answers.push({ status: [500, 400, 503][call % 3] ?? 500 });
      const config = await world.copyConfig('alerts.yaml', { set: { alerts, 'log.level': 'debug' } });
      await using daemon = startInProcess(['run', '--config', config], { env });
      await until(t, () => told('webhook').length >= 3 && told('slack').length >= 2);
      const { output } = daemon;
      const [started] = await output.untilLines('program-started', 1);
      const metrics = await (await fetch(`${String(started?.['http'])}/metrics`)).text();
      daemon.terminal.stop();
      assert.equal(await daemon.exit, 0);
      assert.ok(output.linesOf('alert-sent').length > 0);
      assert.match(metrics, /token_refresher_alerts_sent_total\{sink="webhook",code="/);

      const search = new SecretSearch();
      await search.addCredentials(dirname(world.sandbox.configPath));
      for (const [index, text] of world.issued.entries()) search.add(`issued ${index}`, text);
      assert.deepEqual(search.find(receiver.received.map(({ body }) => plain(body)).join('\n')), []);
      for (const [name, secret] of Object.entries(secrets)) search.add(name, secret);
      assert.deepEqual(search.find(`${output.stdout}${output.stderr}${metrics}`), []);
      const others = [...told('slack'), ...told('alertmanager'), ...told('webhook'), ...told('sns')];
      assert.deepEqual(search.find(others.map(plain).join('\n')), []);
    });
  }
});
