/**
 * The one node of the cluster: runs each pod's container as a process in namespaces of its own, from what was pushed to
 * the registry, and tells how it is.
 *
 * Non-guarantee: pods share the machine's network, so the port of a pod's configuration is made 0 (any free one), and
 * requests for its container port go to the one that it got.
 */
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject } from '../../../src/core/wire/json.ts';
import { numberAt, objectsAt, textAt } from '../../../src/sandbox/kubernetes/json-tree.ts';
import { UnsharedContainer } from '../../support/unshared-container.ts';
import type { ImageEngine } from '../image-engine.ts';
import { PODS, SERVICE_ACCOUNTS } from './api-resource.ts';
import { nameOf, namespaceOf, type ObjectStore } from './object-store.ts';
import { makeVolumes, readEnvironment, writeFiles } from './pod-volumes.ts';

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
const POD_IDENTITY = '/var/run/secrets/pods.eks.amazonaws.com/serviceaccount';
const PROBE_EVERY_MS = 200;
const POD_PORT = /^(?<before>http:\n(?: {2}.*\n)*? {2}port: )8080$/m;

export interface KubeletOptions {
  readonly store: ObjectStore;
  readonly images: ImageEngine;
  readonly apiServer: { readonly port: number; readonly certificate: string };
  /** Where AWS is, and its region. */
  readonly aws: { readonly endpoint: string; readonly region: string };
}

interface RunningPod {
  readonly token: string;
  readonly identity: { readonly namespace: string; readonly serviceAccount: string };
  readonly stopping: AbortController;
  container: UnsharedContainer | undefined;
  done: Promise<void>;
  port: number | undefined;
}

export class Kubelet implements AsyncDisposable {
  readonly #options: KubeletOptions;
  readonly #pods = new Map<string, RunningPod>();
  readonly #stopWatching: () => void;

  constructor(options: KubeletOptions) {
    this.#options = options;
    this.#stopWatching = options.store.watch(({ type, resource, object }) => {
      if (resource !== PODS || type === 'DELETED') return;
      if (textAt(object, 'metadata', 'deletionTimestamp') !== '') void this.#stop(object);
      else if (!this.#pods.has(keyOf(object))) this.#start(object);
    });
  }

  /** Of the pod that an account's token was given to, for the API server and for AWS. */
  findIdentity(token: string): RunningPod['identity'] | undefined {
    return [...this.#pods.values()].find((pod) => pod.token === token)?.identity;
  }

  logOf(pod: JsonObject): string {
    const output = this.#pods.get(keyOf(pod))?.container?.output;
    return output === undefined ? '' : output.stdout + output.stderr;
  }

  /** The port of this machine that a container port is. */
  portOf(pod: JsonObject): number | undefined {
    return this.#pods.get(keyOf(pod))?.port;
  }

  containerOf(pod: JsonObject): UnsharedContainer | undefined {
    return this.#pods.get(keyOf(pod))?.container;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopWatching();
    const pods = [...this.#pods.values()];
    for (const { stopping } of pods) stopping.abort();
    await Promise.all(pods.map(({ done }) => done));
  }

  #start(object: JsonObject): void {
    const serviceAccount = textAt(object, 'spec', 'serviceAccountName') || 'default';
    const pod: RunningPod = {
      token: randomUUID(),
      identity: { namespace: namespaceOf(object), serviceAccount },
      stopping: new AbortController(),
      container: undefined,
      done: Promise.resolve(),
      port: undefined,
    };
    this.#pods.set(keyOf(object), pod);
    pod.done = this.#run(object, pod);
  }

  async #run(object: JsonObject, pod: RunningPod): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), 'token-refresher-pod-'));
    await chmod(folder, 0o755);
    try {
      await using container = await this.#startContainer(object, pod, folder);
      pod.container = container;
      void container
        .untilExit()
        .then(() => this.#tell(object, { phase: 'Running', reason: 'CrashLoopBackOff' }));
      this.#tell(object, { phase: 'Running' });
      const started = await container.output.untilLine((line) => line['event'] === 'program-started');
      pod.port = Number(new URL(textAt(started, 'http')).port);
      await this.#watchReadiness(object, pod);
    } catch (error) {
      // As `kubectl get pods` shows it; the container's own words are in its log.
      if (!pod.stopping.signal.aborted)
        this.#tell(object, { phase: 'Pending', reason: error instanceof Error ? error.message : 'Error' });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async #startContainer(object: JsonObject, pod: RunningPod, folder: string): Promise<UnsharedContainer> {
    const { store, images, apiServer, aws } = this.#options;
    const [container = {}, ...others] = objectsAt(object, 'spec', 'containers');
    if (others.length > 0 || 'command' in container || 'args' in container)
      throw new Error('other containers, commands and arguments are not known here');
    const { namespace, serviceAccount } = pod.identity;
    if (store.get(SERVICE_ACCOUNTS, namespace, serviceAccount) === undefined)
      throw new Error(`service account ${serviceAccount} does not exist`);
    const image = images.pull(textAt(container, 'image'));
    const volumes = await makeVolumes(store, object, folder);
    const mounts = objectsAt(container, 'volumeMounts').flatMap((mount) => {
      const volume = volumes.find(({ name }) => name === textAt(mount, 'name'));
      if (volume === undefined) throw new Error(`no volume for ${textAt(mount, 'mountPath')}`);
      return volume.folder === undefined ? [] : [{ from: volume.folder, to: textAt(mount, 'mountPath') }];
    });
    const config = mounts.find(({ to }) => to === '/etc/token-refresher')?.from ?? '';
    await usePort0(join(config, 'config.yaml'));
    const accounts = { api: join(folder, 'account'), aws: join(folder, 'pod-identity') };
    for (const each of Object.values(accounts)) await mkdir(each, { mode: 0o755 });
    const account = { namespace, token: pod.token, 'ca.crt': apiServer.certificate };
    await writeFiles(accounts.api, account, 0o644, 0);
    await writeFiles(accounts.aws, { 'eks-pod-identity-token': pod.token }, 0o644, 0);
    return UnsharedContainer.start({
      image: { ...image.settings, user: userOf(object) },
      appFolder: image.appFolder,
      configFolder: config,
      journalMount: '/journal',
      signal: pod.stopping.signal,
      env: {
        ...readEnvironment(store, object, container),
        KUBERNETES_SERVICE_HOST: '127.0.0.1',
        KUBERNETES_SERVICE_PORT: String(apiServer.port),
        // What EKS' webhook adds for an account with an association, and where the agent is.
        AWS_REGION: aws.region,
        AWS_CONTAINER_CREDENTIALS_FULL_URI: `${aws.endpoint}/v1/credentials`,
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: `${POD_IDENTITY}/eks-pod-identity-token`,
        // The one address that is not AWS' own.
        AWS_ENDPOINT_URL: aws.endpoint,
      },
      mounts: [
        ...mounts.filter(({ from }) => from !== config),
        { from: accounts.api, to: SERVICE_ACCOUNT },
        { from: accounts.aws, to: POD_IDENTITY },
      ],
    });
  }

  async #watchReadiness(object: JsonObject, pod: RunningPod): Promise<void> {
    const [container] = objectsAt(object, 'spec', 'containers');
    const path = textAt(container, 'readinessProbe', 'httpGet', 'path');
    while (pod.container?.output.hasEnded === false) {
      const isReady = await fetch(`http://127.0.0.1:${pod.port}${path}`).then(
        async (response) => (await response.arrayBuffer(), response.ok),
        () => false,
      );
      if (!pod.container.output.hasEnded) this.#tell(object, { phase: 'Running', isReady });
      await sleep(PROBE_EVERY_MS);
    }
  }

  async #stop(object: JsonObject): Promise<void> {
    const pod = this.#pods.get(keyOf(object));
    if (pod?.stopping.signal.aborted !== false) return;
    const graceMs = 1000 * numberAt(object, 'spec', 'terminationGracePeriodSeconds');
    const { container } = pod;
    if (container !== undefined && !container.output.hasEnded) {
      await container.send('SIGTERM').catch(() => undefined);
      await Promise.race([container.untilExit(), sleep(graceMs, undefined, { ref: false })]);
    }
    pod.stopping.abort();
    await pod.done;
    const present = this.#options.store.get(PODS, namespaceOf(object), nameOf(object));
    if (present !== undefined) this.#options.store.remove(PODS, present);
  }

  #tell(
    object: JsonObject,
    { phase, isReady = false, reason }: { phase: string; isReady?: boolean; reason?: string },
  ): void {
    const [container] = objectsAt(object, 'spec', 'containers');
    const state = reason === undefined ? { running: {} } : { waiting: { reason } };
    const name = textAt(container, 'name');
    this.#options.store.putStatus(PODS, object, {
      phase,
      podIP: '127.0.0.1',
      conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }],
      containerStatuses: [{ name, ready: isReady, restartCount: 0, state }],
    });
  }
}

function userOf(pod: JsonObject): { readonly uid: number; readonly gid: number } {
  const [uid, gid] = ['runAsUser', 'runAsGroup'].map((key) => numberAt(pod, 'spec', 'securityContext', key));
  if (uid === undefined || gid === undefined || uid === 0 || gid === 0)
    throw new Error('container has runAsNonRoot and image will run as root');
  return { uid, gid };
}

function keyOf(pod: JsonObject): string {
  return textAt(pod, 'metadata', 'uid');
}

async function usePort0(path: string): Promise<void> {
  const text = await readFile(path, 'utf8');
  if (!POD_PORT.test(text)) throw new Error('the configuration does not say http.port: 8080');
  await writeFile(path, text.replace(POD_PORT, '$<before>0'));
}
