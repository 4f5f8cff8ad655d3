/**
 * The sandbox: simulated provider APIs and a store on loopback ports (Secrets Manager or Kubernetes), and a configuration file that points a
 * daemon at them. Everything in it is made up at the start and gone at the end.
 */

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Clock, Random } from '../core/ports.ts';
import { SecretText } from '../core/secret-text.ts';
import { DAY_MS } from '../core/wire/duration.ts';
import type { Fault } from './fault.ts';
import { FaultSchedule } from './fault-schedule.ts';
import { toKubernetesFault } from './kubernetes/kubernetes-fault.ts';
import { type SandboxCluster, startSandboxCluster } from './kubernetes/sandbox-cluster.ts';
import { isFreeOnLoopback } from './listen.ts';
import {
  API_TOKEN_FILE,
  createSandboxConfiguration,
  sandboxCredentialFiles,
} from './sandbox-configuration.ts';
import { createSecretsManager, type SecretsManager } from './secrets-manager/secrets-manager.ts';
import {
  type SecretsManagerServer,
  startSecretsManagerServer,
} from './secrets-manager/secrets-manager-server.ts';
import { createSandboxCredentials, generateSandboxKeyPair } from './upstreams/sandbox-credentials.ts';
import { readSlackMarkup, SLACK_PATH } from './upstreams/slack-channel.ts';
import { createUpstreams, DOCUMENTED_LIFETIMES_MS, type Upstreams } from './upstreams/upstreams.ts';
import {
  type RequestObserver,
  startUpstreamsServer,
  type UpstreamsServer,
} from './upstreams/upstreams-server.ts';

export type SandboxStoreKind = 'aws' | 'kubernetes';

export interface SandboxOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Time-lapse: lifetimes and the store's day are divided by it; 1 is real time. */
  readonly speed: number;
  readonly faults: readonly Fault[];
  /** Where tokens are published; Secrets Manager by default. */
  readonly storeKind?: SandboxStoreKind;
  /** Versions that a secret may get in the store's day; 144 by default. */
  readonly versionWall?: number | undefined;
  /**
   * Where store, providers and daemon listen unless others do; any free ports by default. A sandbox that does not get the
   * store's leaves the others alone: they are of another sandbox.
   */
  readonly ports?: { readonly store: number; readonly upstreams: number; readonly daemon: number };
  /** Told every token as it is issued, so that a test can search for leaks. */
  readonly onSecretIssued?: (text: string) => void;
  /** Told of every request to a provider. */
  readonly observer?: RequestObserver;
}

export interface Sandbox {
  readonly store: SecretsManagerServer;
  /** The store's inside, for observers. */
  readonly secretsManager: SecretsManager;
  /** Where tokens are published instead of the Secrets Manager, which then is there and not used. */
  readonly cluster: SandboxCluster | undefined;
  readonly upstreams: UpstreamsServer;
  /** The providers' inside, for observers. */
  readonly providers: Upstreams;
  readonly faults: FaultSchedule;
  /** Receives from now on what the simulated Slack channel is sent, as people read it. */
  listenToSlack(listener: (text: string) => void): void;
  /** Path of a configuration file with everything that a daemon needs; its folder is removed at the end. */
  readonly configPath: string;
  stop(): Promise<void>;
}

const TEMPLATE = new URL('../../config/sandbox.yaml', import.meta.url);
const ANY_PORTS = { store: 0, upstreams: 0, daemon: 0 } as const;

/** The emulator wants signed requests and checks no signature. */
export const SANDBOX_AWS_CREDENTIALS = { accessKeyId: 'sandbox', secretAccessKey: 'sandbox' } as const;

/** Names of the providers in `config/sandbox.yaml`: each kind once, under its own name. */
export const SANDBOX_PROVIDERS: readonly string[] = Object.keys(DOCUMENTED_LIFETIMES_MS);

export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { clock, random, speed } = options;
  const credentials = createSandboxCredentials(random, await generateSandboxKeyPair());
  const { versionWall, onSecretIssued } = options;
  const secretsManager = createSecretsManager({ clock, random, dayMs: DAY_MS / speed, versionWall });
  const wanted = options.ports ?? ANY_PORTS;
  const faults = new FaultSchedule(clock);
  for (const fault of options.faults) faults.add(fault);
  const cluster =
    options.storeKind === 'kubernetes'
      ? await startSandboxCluster({
          clock,
          random,
          port: wanted.store,
          findFaults: () => faults.findStoreFaults().map(toKubernetesFault),
        })
      : undefined;
  const store = await startSecretsManagerServer({
    engine: secretsManager,
    clock,
    ...(cluster === undefined ? { port: wanted.store, findFaults: () => faults.findStoreFaults() } : {}),
  });
  const ports = (cluster?.server ?? store).port === wanted.store ? wanted : ANY_PORTS;
  const providers = createUpstreams({ clock, random, credentials, speed, onSecretIssued });
  const slackListeners: ((text: string) => void)[] = [];
  const upstreams = await startUpstreamsServer({
    upstreams: providers,
    clock,
    faults,
    port: ports.upstreams,
    onSlackMessage: (text) => {
      for (const listener of slackListeners) listener(readSlackMarkup(text));
    },
    observer: options.observer,
  });

  const folder = await mkdtemp(join(tmpdir(), 'token-refresher-sandbox-'));
  const configPath = join(folder, 'config.yaml');
  const text = createSandboxConfiguration(await readFile(TEMPLATE, 'utf8'), {
    storeEndpoint: store.endpoint,
    apiServerUrl: cluster?.server.url,
    baseUrlOf: (kind) => upstreams.baseUrlOf(kind),
    httpPort: (await isFreeOnLoopback(ports.daemon)) ? ports.daemon : 0,
    speed,
  });
  await writeFile(configPath, text);
  const files = new Map(sandboxCredentialFiles(credentials));
  // The channel of Slack that the template's alerts are sent to. Its address is no secret here: most of it is the providers'.
  files.set('receivers/slack-url', new SecretText(`${upstreams.origin}${SLACK_PATH}`));
  if (cluster !== undefined) files.set(API_TOKEN_FILE, cluster.token);
  for (const [path, secret] of files) {
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(file, secret.reveal(), { mode: 0o600 });
  }

  return {
    store,
    secretsManager,
    cluster,
    upstreams,
    providers,
    faults,
    listenToSlack: (listener) => void slackListeners.push(listener),
    configPath,
    stop: async () => {
      await Promise.all([upstreams.stop(), store.stop(), cluster?.server.stop()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
