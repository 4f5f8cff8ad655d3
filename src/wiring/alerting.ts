/**
 * Who is told when something is wrong, as a configuration describes it: sinks, the notifier that feeds them, and the dead
 * man's switch.
 */

import { createReceiverClient } from '../adapters/alert-receiver/receiver-client.ts';
import { FileLanes } from '../adapters/files/file-lanes.ts';
import { createHttpTransport } from '../adapters/net/http-transport.ts';
import { type AlertTextSettings, buildTestNotification } from '../alerts/alert-text.ts';
import { keepBeating } from '../alerts/heartbeat.ts';
import { type AlertTarget, Notifier } from '../alerts/notifier.ts';
import type { AlertsConfiguration, Configuration } from '../config/configuration.ts';
import type { Board } from '../core/board.ts';
import type { CredentialReference } from '../core/credential/credential-reference.ts';
import type { RefreshEvent } from '../core/events.ts';
import type { Random, TokenStore } from '../core/ports.ts';
import { fail, type Result, succeed } from '../core/result.ts';
import type { SecretText } from '../core/secret-text.ts';
import type { CredentialCheck, ReadCredential, ReceiverClient } from '../core/sink-kind.ts';
import { type ConnectionPorts, createReferenceReader } from './connections.ts';
import { findOwnPages } from './own-pages.ts';

export interface AlertingPorts extends ConnectionPorts {
  /** Where `awsSecret` references are read from. */
  readonly store: Pick<TokenStore, 'read'>;
}

/** Sinks, and the connections behind them. */
interface AlertReceivers extends AsyncDisposable {
  readonly targets: readonly AlertTarget[];
  /** For a receiver beside the sinks. */
  readonly client: ReceiverClient;
  /** Reads what lies in the store before it is needed; ends when all of it has been read once, or aborted. */
  readAhead(signal: AbortSignal): Promise<void>;
}

/** Opens no connection yet; closes all when disposed of. */
function createReceivers({ sinks }: AlertsConfiguration, ports: AlertingPorts): AlertReceivers {
  const transport = createHttpTransport(ports);
  const client = createReceiverClient({ clock: ports.clock, transport });
  const closers: (() => Promise<void>)[] = [];
  const stored: ReadCredential[] = [];
  const deps = {
    client,
    transport,
    clock: ports.clock,
    files: ports.files ?? new FileLanes(ports.clock),
    awsCredentials: ports.awsCredentials,
  };
  const targets = sinks.flatMap(({ name, credentials, leastSeverity, create }) => {
    const readOptional = (field: string): ReadCredential | undefined => {
      const reference = credentials[field];
      if (reference === undefined) return undefined;
      const reading = createReading(field, reference, ports);
      if (reference.kind === 'awsSecret') stored.push(reading);
      return reading;
    };
    const read = (field: string): ReadCredential => {
      const reading = readOptional(field);
      if (reading === undefined) throw new Error(`sink ${name} has no ${field}`);
      return reading;
    };
    return create({ ...deps, read, readOptional }).map(({ sink, close }): AlertTarget => {
      if (close !== undefined) closers.push(close);
      return { sink, leastSeverity };
    });
  });
  return {
    targets,
    client,
    readAhead: async (signal) => {
      let left: readonly ReadCredential[] = stored;
      while (left.length > 0) {
        const results = await Promise.all(left.map((reading) => reading(signal)));
        left = left.filter((_, index) => results[index]?.ok !== true);
        if (left.length > 0) await ports.clock.sleep(READ_AHEAD_AGAIN_MS, signal);
      }
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(closers.map((close) => close()));
    },
  };
}

const READ_AHEAD_AGAIN_MS = 60_000;

/**
 * Reads a receiver's secret anew for each attempt, so that a changed one counts at once. What was read last is good enough
 * while it cannot be read: people have to hear that Secrets Manager is down, most of all when their URL lies there.
 */
function createReading(field: string, reference: CredentialReference, ports: AlertingPorts): ReadCredential {
  const read = createReferenceReader({ [field]: reference }, ports);
  let last: SecretText | undefined;
  return async (signal) => {
    const { credentials } = await read(signal);
    if (!credentials.ok) return last === undefined ? credentials : succeed(last);
    last = credentials.value.get(field);
    if (last === undefined) throw new Error(`the reader of ${field} has read something else`);
    return succeed(last);
  };
}

/**
 * Whether the credentials of sinks can be such, without telling anybody, where their form says so.
 * @param live false: those in Secrets Manager are not looked at, and what cannot be read here is no problem
 * @returns one result for each that was looked at
 */
export async function verifySinkCredentials(
  { alerts }: Configuration,
  ports: AlertingPorts,
  { live }: { readonly live: boolean },
): Promise<readonly (TestResult & { readonly label: CredentialCheck['label'] })[]> {
  const results: (TestResult & { readonly label: CredentialCheck['label'] })[] = [];
  for (const { name, check, credentials } of alerts.sinks) {
    const reference = check === undefined ? undefined : credentials[check.credential];
    if (check === undefined || reference === undefined || (reference.kind === 'awsSecret' && !live)) continue;
    const { label, credential, verify } = check;
    const text = await createReading(credential, reference, ports)(new AbortController().signal);
    if (text.ok) results.push({ sink: name, label, result: verify(name, text.value) });
    else if (live) results.push({ sink: name, label, result: text });
  }
  return results;
}

/** How telling one sink went. */
export interface TestResult {
  readonly sink: string;
  readonly result: Result<void>;
}

/** Sends a labelled test alert to every sink, side by side, once. The heartbeat is not told: nothing is alive yet. */
export async function sendTestAlerts(
  configuration: Configuration,
  ports: AlertingPorts,
  signal: AbortSignal,
): Promise<readonly TestResult[]> {
  await using receivers = createReceivers(configuration.alerts, ports);
  const notification = buildTestNotification(textsOf(configuration, ports), ports.clock.now());
  return await Promise.all(
    receivers.targets.map(async ({ sink }) => ({
      sink: sink.name,
      result: await sink.send(notification, signal),
    })),
  );
}

export interface Alerting {
  /** Receives every event. */
  readonly onEvent: (event: RefreshEvent) => void;
  /** @param stuckReasons why a restart might help; the heartbeat stops while there are any */
  start(stuckReasons: () => readonly string[]): void;
  /** Tells what is left to tell and closes all connections, within two seconds. */
  stop(): Promise<void>;
}

export interface AlertingOptions extends AlertingPorts {
  readonly board: Board;
  readonly random: Random;
  readonly onFault: (error: unknown) => void;
}

/** Alerts for a daemon. `undefined` when nobody is to be told. */
export function createAlerting(configuration: Configuration, options: AlertingOptions): Alerting | undefined {
  const { alerts, providers } = configuration;
  if (alerts.sinks.length === 0 && alerts.heartbeat === undefined) return undefined;
  const receivers = createReceivers(alerts, options);
  const notifier = new Notifier({
    ...options,
    targets: receivers.targets,
    texts: textsOf(configuration, options),
    remindEveryMs: alerts.remindEveryMs,
    providers: providers.map(({ name }) => name),
    mirrors: [...new Set(providers.flatMap(({ publish }) => publish.mirrors))],
  });
  const stopping = new AbortController();
  let beating: Promise<void> | undefined;
  return {
    onEvent: notifier.onEvent,
    start: (stuckReasons) => {
      notifier.start();
      // The first that people have to hear may be that the store is down.
      const { signal } = stopping;
      void receivers.readAhead(signal).catch((error: unknown) => {
        if (!signal.aborted) options.onFault(error);
      });
      if (alerts.heartbeat === undefined) return;
      const { url, everyMs } = alerts.heartbeat;
      const isAlive = (): boolean =>
        options.board.leadership.isLeader && notifier.isTurning && stuckReasons().length === 0;
      const ping = createPing(createReading('heartbeat url', url, options), receivers.client);
      beating = keepBeating({ ...options, everyMs, ping, isAlive }, stopping.signal).catch(options.onFault);
    },
    stop: async () => {
      stopping.abort(new Error('the program stops'));
      await notifier.stop();
      await beating;
      await receivers[Symbol.asyncDispose]();
    },
  };
}

function createPing(
  readUrl: ReadCredential,
  client: ReceiverClient,
): (signal: AbortSignal) => Promise<Result<void>> {
  return async (signal) => {
    const url = await readUrl(signal);
    if (!url.ok) return fail(url.failure);
    return client.send({ receiver: 'the heartbeat', method: 'GET', url: url.value }, signal);
  };
}

function textsOf(configuration: Configuration, { readEnv }: AlertingPorts): AlertTextSettings {
  const { alerts, http } = configuration;
  // Nobody can know beforehand where a server is that takes any free port.
  const runbookUrl =
    alerts.runbookUrl ?? (http.port === 0 && http.url === undefined ? 'docs/runbook.md' : undefined);
  return { source: alerts.name, runbookUrl, ...findOwnPages(configuration, readEnv) };
}
