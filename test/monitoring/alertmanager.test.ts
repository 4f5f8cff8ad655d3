/** The sink against a real Alertmanager: what it shows in its own API after each notification. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { z } from 'zod';
import { createReceiverClient } from '../../src/adapters/alert-receiver/receiver-client.ts';
import { createAlertmanagerSink } from '../../src/adapters/alertmanager/alertmanager-sink.ts';
import { createSystemClock } from '../../src/adapters/system/clock.ts';
import type { AlertNotification } from '../../src/core/alert.ts';
import { buildNotification, buildRecovery } from '../support/alert-notification.ts';
import { startAlertReceiver } from '../support/alert-receiver.ts';
import { findFreePort } from '../support/free-port.ts';
import { needsTool } from '../support/monitoring-tool.ts';
import { createDirectTransport } from '../support/transport.ts';

const POLL_MS = 100;

const alertsSchema = z.array(
  z.object({
    labels: z.record(z.string(), z.string()),
    annotations: z.record(z.string(), z.string()),
    startsAt: z.string(),
    endsAt: z.string(),
    status: z.object({ state: z.string() }),
  }),
);
const notificationSchema = z.object({
  status: z.string(),
  alerts: z.array(z.object({ status: z.string(), labels: z.record(z.string(), z.string()) })),
});

async function until<T>(t: TestContext, find: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (;;) {
    t.signal.throwIfAborted();
    const found = await find();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** A real Alertmanager that passes its notifications on to a receiver of ours. */
async function startAlertmanager(t: TestContext, receiverUrl: string): Promise<{ readonly url: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'token-refresher-alertmanager-'));
  const configPath = join(folder, 'alertmanager.yml');
  const config = `route:
  receiver: ours
  group_by: [alertname, provider]
  group_wait: 100ms
  group_interval: 500ms
receivers:
  - name: ours
    webhook_configs: [{ url: "${receiverUrl}", send_resolved: true }]
`;
  await writeFile(configPath, config);
  const port = await findFreePort();
  const alertmanager = spawn(
    'prometheus-alertmanager',
    [
      `--config.file=${configPath}`,
      `--storage.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--cluster.listen-address=',
      '--log.level=error',
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const exited = new Promise((resolve) => alertmanager.once('close', resolve));
  t.after(async () => {
    alertmanager.kill('SIGKILL');
    await exited;
    await rm(folder, { recursive: true, force: true });
  });
  const url = `http://127.0.0.1:${port}`;
  await until(t, () =>
    fetch(`${url}/-/ready`).then(
      ({ ok }) => ok || undefined,
      () => undefined,
    ),
  );
  return { url };
}

describe('a real Alertmanager', { timeout: 600_000 }, () => {
  it(
    'shows one alert while it goes on, whoever repeats it, and none when it is over; it tells of both',
    needsTool('prometheus-alertmanager'),
    async (t) => {
      const clock = createSystemClock();
      const receiver = await startAlertReceiver(t);
      const { url } = await startAlertmanager(t, receiver.url);
      const client = createReceiverClient({ clock, transport: createDirectTransport(clock) });
      const sink = createAlertmanagerSink({ name: 'am', url, readToken: undefined, client });
      const startedAtMs = Date.now() - 10_000;
      const tell = async (notification: AlertNotification): Promise<void> =>
        assert.deepEqual(await sink.send(notification, t.signal), { ok: true, value: undefined });
      const shown = async (): Promise<z.output<typeof alertsSchema>> =>
        alertsSchema.parse(await (await fetch(`${url}/api/v2/alerts`)).json());
      const told = (status: string) =>
        receiver
          .bodies()
          .map((body) => notificationSchema.parse(body))
          .filter((each) => each.status === status);

      assert.deepEqual(await shown(), []);
      await tell(buildNotification({ startedAtMs, atMs: Date.now() }));
      const [first, ...others] = await until(t, async () => {
        const alerts = await shown();
        return alerts.length > 0 ? alerts : undefined;
      });
      assert.deepEqual(others, []);
      assert.deepEqual(first?.labels, {
        alertname: 'RefreshFailing',
        provider: 'pik',
        service: 'token-refresher',
        severity: 'warning',
      });
      assert.equal(first.annotations['runbook_url'], 'https://wiki.example.com/runbook#refreshfailing');
      assert.equal(Date.parse(first.startsAt), startedAtMs);
      await until(t, () => told('firing')[0]);

      // A new leader has found the same a little later, and says it in other words.
      await tell(
        buildNotification({
          startedAtMs: startedAtMs + 5_000,
          atMs: Date.now(),
          description: 'in other words',
        }),
      );
      await tell(buildNotification({ occasion: 'kept', startedAtMs: startedAtMs + 5_000, atMs: Date.now() }));
      const again = await shown();
      assert.equal(again.length, 1);
      assert.equal(Date.parse(again[0]?.startsAt ?? ''), startedAtMs, 'it began when it was first seen');
      assert.ok(Date.parse(again[0]?.endsAt ?? '') > Date.now() + 200_000);

      await tell(buildRecovery({ startedAtMs, atMs: Date.now() }));
      await until(t, async () => ((await shown()).length === 0 ? true : undefined));
      const [end] = await until(t, () => (told('resolved').length > 0 ? told('resolved') : undefined));
      assert.deepEqual(
        end?.alerts.map(({ status, labels }) => [status, labels['alertname']]),
        [['resolved', 'RefreshFailing']],
      );
      assert.equal(told('firing').length, 1, 'repetitions are no notifications');
    },
  );

  it('keeps nothing open of a daemon that is gone', needsTool('prometheus-alertmanager'), async (t) => {
    const receiver = await startAlertReceiver(t);
    const { url } = await startAlertmanager(t, receiver.url);
    const sink = createAlertmanagerSink({
      name: 'am',
      url,
      readToken: undefined,
      client: receiver.client,
    });
    const active = async (): Promise<number> =>
      alertsSchema.parse(await (await fetch(`${url}/api/v2/alerts`)).json()).length;
    const startedAtMs = Date.now() - 292_000;
    await until(t, async () => {
      // As if it had been told almost five minutes ago, for the last time; again when it is over before it is seen.
      await sink.send(buildNotification({ startedAtMs, atMs: Date.now() - 292_000 }), t.signal);
      return (await active()) === 1 ? true : undefined;
    });
    await until(t, async () => ((await active()) === 0 ? true : undefined));
  });
});
