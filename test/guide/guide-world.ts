/** What stands in for AWS, the cluster, the providers and Slack in the dry run, all on loopback. */
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { createSystemClock } from '../../src/adapters/system/clock.ts';
import { createSystemRandom } from '../../src/adapters/system/random.ts';
import { FaultSchedule } from '../../src/sandbox/fault-schedule.ts';
import {
  createSecretsManager,
  type SecretsManager,
} from '../../src/sandbox/secrets-manager/secrets-manager.ts';
import {
  createSandboxCredentials,
  generateSandboxKeyPair,
  type SandboxCredentials,
} from '../../src/sandbox/upstreams/sandbox-credentials.ts';
import { createUpstreams } from '../../src/sandbox/upstreams/upstreams.ts';
import { startUpstreamsServer, type UpstreamsServer } from '../../src/sandbox/upstreams/upstreams-server.ts';
import { findFreePort } from '../support/free-port.ts';
import { type LoopbackServer, startLoopbackServer } from '../support/loopback-server.ts';
import { ADMIN, AwsAccount } from './aws/aws-account.ts';
import { startAwsServer } from './aws/aws-server.ts';
import { NAMESPACES } from './cluster/api-resource.ts';
import { makeCertificate } from './cluster/certificate.ts';
import { ClusterServer } from './cluster/cluster-server.ts';
import { Controller } from './cluster/controller.ts';
import { isTokenOf } from './cluster/eks-token.ts';
import { Kubelet } from './cluster/kubelet.ts';
import { ObjectStore } from './cluster/object-store.ts';
import { findAwsCli, findKubectl } from './guide-tools.ts';
import { ImageEngine } from './image-engine.ts';
import { startImageServer } from './image-server.ts';
import { startPivotGate } from './pivot-gate.ts';

const REGION = 'ap-southeast-1';
const CLUSTER = 'guide-cluster';

export interface GuideWorld extends AsyncDisposable {
  readonly account: AwsAccount;
  readonly secretsManager: SecretsManager;
  readonly objects: ObjectStore;
  readonly upstreams: UpstreamsServer;
  readonly credentials: SandboxCredentials;
  /** Every token that a provider has issued. */
  readonly issued: readonly string[];
  /** Bodies that Slack got. */
  readonly messages: readonly string[];
  /** All of its services on one port. */
  readonly aws: LoopbackServer;
  /** What a person puts into the guide's first block. */
  readonly values: Readonly<Record<string, string>>;
  /** Of the person's shell. */
  readonly env: Readonly<Record<string, string>>;
  readonly slackUrl: string;
}

export async function startGuideWorld(): Promise<GuideWorld> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'token-refresher-guide-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const clock = createSystemClock();
  const random = createSystemRandom();

  const credentials = createSandboxCredentials(random, await generateSandboxKeyPair());
  const issued: string[] = [];
  const onSecretIssued = (token: string): void => void issued.push(token);
  const faults = new FaultSchedule(clock);
  const upstreams = await startUpstreamsServer({
    upstreams: createUpstreams({ clock, random, credentials, onSecretIssued }),
    clock,
    faults,
  });
  stack.defer(() => upstreams.stop());
  const pivot = stack.use(await startPivotGate(upstreams));
  const messages: string[] = [];
  const slack = stack.use(
    await startLoopbackServer((request, response) => {
      void text(request).then((body) => {
        messages.push(body);
        response.end('ok');
      });
    }),
  );

  const secretsManager = createSecretsManager({ clock, random, region: REGION });
  const certificate = makeCertificate(folder);
  const objects = new ObjectStore();
  for (const name of ['default', 'kube-system', 'monitoring'])
    objects.put(NAMESPACES, { metadata: { name, labels: { 'kubernetes.io/metadata.name': name } } });
  const server = stack.use(
    await ClusterServer.start({
      store: objects,
      certificate,
      isAdmin: (token) => isTokenOf(token, ADMIN.accessKeyId, REGION),
    }),
  );
  const endpoint = `https://127.0.0.1:${server.port}`;
  const account = new AwsAccount(REGION, { name: CLUSTER, endpoint, certificate: certificate.cert });
  const aws = stack.use(
    await startAwsServer({
      account,
      engine: secretsManager,
      findPod: (token) => server.kubelet?.findIdentity(token),
    }),
  );
  const images = stack.use(new ImageEngine(account));
  const imageServer = stack.use(await startImageServer(images));
  const kubelet = stack.use(
    new Kubelet({
      store: objects,
      images,
      apiServer: { port: server.port, certificate: certificate.cert },
      aws: { endpoint: aws.url, region: REGION },
    }),
  );
  server.kubelet = kubelet;
  stack.use(new Controller(objects));

  const bin = await makePrograms(folder, aws.url);
  const owned = stack.move();
  return {
    account,
    secretsManager,
    objects,
    upstreams,
    credentials,
    issued,
    messages,
    aws,
    slackUrl: `${slack.url}/services/guide`,
    values: {
      AWS_REGION: REGION,
      CLUSTER,
      PIK_URL: upstreams.baseUrlOf('pik'),
      PIVOT_URL: pivot.url,
      APIMW_URL: upstreams.baseUrlOf('apimw'),
      PAYSECUREZ_URL: upstreams.baseUrlOf('paysecurez'),
      CREDENTIALS: join(folder, 'credentials'),
      LOCAL_PORT: String(await findFreePort()),
    },
    env: {
      PATH: [bin, process.env['PATH'] ?? ''].join(delimiter),
      HOME: folder,
      KUBECONFIG: join(folder, 'kubeconfig'),
      TMPDIR: folder,
      LANG: 'C.UTF-8',
      AWS_ACCESS_KEY_ID: ADMIN.accessKeyId,
      AWS_SECRET_ACCESS_KEY: ADMIN.secretAccessKey,
      AWS_EC2_METADATA_DISABLED: 'true',
      // Operations that are younger than Debian's AWS CLI, as botocore (Apache-2.0) describes them.
      AWS_DATA_PATH: join(import.meta.dirname, 'aws/models'),
      GUIDE_DOCKER: imageServer.url,
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** A folder with `aws`, which finds the stand-in, `docker` and `kubectl`. */
async function makePrograms(folder: string, awsUrl: string): Promise<string> {
  const bin = join(folder, 'bin');
  await mkdir(bin);
  const aws = `${findAwsCli()} --endpoint-url ${awsUrl} "$@"`;
  const token = join(folder, 'token');
  const client = join(import.meta.dirname, 'docker-client.ts');
  const programs = {
    // kubectl asks for a token at each start, and the CLI takes a second of CPU: one is good for 14 minutes.
    aws: `case "$*" in *"eks get-token"*) [ -s ${token} ] || ${aws} > ${token}; cat ${token};; *) exec ${aws};; esac`,
    docker: `exec ${process.execPath} ${client} "$@"`,
  };
  for (const [name, script] of Object.entries(programs)) {
    await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(bin, name), 0o755);
  }
  await symlink(findKubectl() ?? 'kubectl', join(bin, 'kubectl'));
  return bin;
}
