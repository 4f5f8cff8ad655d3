/** docs/install-helm.md, pasted block by block: real `helm` and `kubectl` against the stand-in for an API server. */
import assert from 'node:assert/strict';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { describe, it } from 'node:test';
import { HELM_SKIP } from '../support/helm.ts';
import { KUBECTL_SKIP } from '../support/kubectl.ts';
import { findTool } from '../support/monitoring-tool.ts';
import { createPrivateFolder } from '../support/private-folder.ts';
import { PROJECT } from '../support/program-process.ts';
import { BashSession } from './bash-session.ts';
import { API_RESOURCES, NAMESPACES } from './cluster/api-resource.ts';
import { makeCertificate } from './cluster/certificate.ts';
import { ClusterServer } from './cluster/cluster-server.ts';
import { nameOf, ObjectStore } from './cluster/object-store.ts';
import { readGuide } from './guide-document.ts';
import { findKubectl } from './guide-tools.ts';

const SKIP = HELM_SKIP === false ? KUBECTL_SKIP : HELM_SKIP;
const TOKEN = 'a-token-of-the-person';
const BLOCKS = readGuide(join(PROJECT, 'docs/install-helm.md'));

/** Kind and name of all objects but namespaces. */
function namesIn(store: ObjectStore): readonly string[] {
  return API_RESOURCES.filter((resource) => resource !== NAMESPACES).flatMap((resource) =>
    store.list(resource, 'token-refresher').map((object) => `${resource.kind} ${nameOf(object)}`),
  );
}

describe('the guide to install with Helm', { skip: SKIP, timeout: 600_000 }, () => {
  it('does what it says: check, install, change, go back, a second release, uninstall', async (t) => {
    const folder = await createPrivateFolder(t);
    const store = new ObjectStore();
    const certificate = makeCertificate(folder);
    await using server = await ClusterServer.start({
      store,
      certificate,
      isAdmin: (token) => token === TOKEN,
    });
    const [checkout, bin] = [join(folder, 'checkout'), join(folder, 'bin')];
    await mkdir(checkout);
    await mkdir(bin);
    await symlink(join(PROJECT, 'k8s'), join(checkout, 'k8s'));
    await symlink(findKubectl() ?? 'kubectl', join(bin, 'kubectl'));
    await symlink(process.env['HELM'] ?? findTool('helm') ?? 'helm', join(bin, 'helm'));
    const cluster = {
      server: `https://127.0.0.1:${server.port}`,
      'certificate-authority-data': Buffer.from(certificate.cert).toString('base64'),
    };
    const kubeconfig = join(folder, 'kubeconfig');
    await writeFile(
      kubeconfig,
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [{ name: 'stand-in', cluster }],
        users: [{ name: 'person', user: { token: TOKEN } }],
        contexts: [{ name: 'stand-in', context: { cluster: 'stand-in', user: 'person' } }],
        'current-context': 'stand-in',
      }),
      { mode: 0o600 },
    );
    const path = [bin, process.env['PATH'] ?? ''].join(delimiter);
    await using bash = new BashSession({
      cwd: checkout,
      env: { PATH: path, HOME: folder, KUBECONFIG: kubeconfig, LANG: 'C.UTF-8' },
    });
    const seen = new Map<string, readonly string[]>();
    for (const { title, script, promised } of BLOCKS) {
      const { exitCode, output } = await bash.run(script, () => undefined);
      assert.equal(exitCode, 0, `${title}: ${output}`);
      for (const text of promised)
        assert.ok(output.replace(/\s+/g, ' ').includes(text), `${title}: "${text}" is not in ${output}`);
      seen.set(title, namesIn(store));
    }
    const installed = seen.get('Install') ?? [];
    for (const name of ['Deployment token-refresher', 'PrometheusRule token-refresher'])
      assert.ok(installed.includes(name), name);
    assert.ok(installed.some((name) => name.startsWith('Secret sh.helm.release.v1.token-refresher')));
    assert.deepEqual(
      seen.get('Several installations')?.filter((name) => name.includes('blue')),
      [],
      'nothing is left of the second release',
    );
    assert.deepEqual(seen.get('Uninstall'), []);
  });

  it('has a block for each of these', () => {
    assert.deepEqual(
      BLOCKS.map(({ title }) => title),
      ['Values', 'Values', 'Install', 'Change, and go back', 'Several installations', 'Uninstall'],
    );
  });
});
