/** overlays/example as it is rendered: what the configuration refers to is there. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { VERSION } from '../../src/core/version.ts';
import { KINDS } from '../../src/wiring/connections.ts';
import { KUBECTL_SKIP, render } from '../support/kubectl.ts';
import { oneOf, only, readManifestText, toDeployment } from '../support/manifest.ts';
import { listReferences, readShippedConfiguration } from '../support/shipped-configuration.ts';

describe('overlays/example', { skip: KUBECTL_SKIP }, () => {
  const configuration = readShippedConfiguration('overlays/example/config/config.yaml');
  const references = listReferences(configuration);

  it('gives the program every environment variable and file that its configuration refers to, and no other', () => {
    const { spec } = toDeployment(oneOf(render('k8s/overlays/example').manifests, 'Deployment')).template;
    const container = only(spec.containers);
    const wanted = references.flatMap((reference) => (reference.kind === 'env' ? [reference.name] : []));
    const fromSecret = container.env.filter(({ valueFrom }) => valueFrom?.['secretKeyRef'] !== undefined);
    assert.deepEqual(fromSecret.map(({ name }) => name).toSorted(), [...new Set(wanted)].toSorted());
    const files = spec.volumes.flatMap(({ name, secret }) => {
      const mount = container.volumeMounts.find((each) => each.name === name);
      return (secret?.items ?? []).map(({ path }) => join(mount?.mountPath ?? '', path));
    });
    const wantedFiles = references.flatMap((reference) =>
      reference.kind === 'file' ? [reference.path] : [],
    );
    assert.deepEqual(files.toSorted(), [...new Set(wantedFiles)].toSorted());
  });

  it('names kinds that ship, in a region that its readers name as well', () => {
    for (const { kind } of configuration.providers) assert.ok(KINDS.names.includes(kind.kind));
    for (const name of ['external-secrets', 'secrets-store-csi', 'sdk'])
      assert.match(
        readManifestText(`consumers/${name}.yaml`),
        new RegExp([...configuration.places.values()][0]?.region ?? '-'),
      );
  });

  it('carries the version of the program in its labels and its image', () => {
    const { manifests } = render('k8s/overlays/example');
    const deployment = oneOf(manifests, 'Deployment');
    const { metadata, spec } = toDeployment(deployment).template;
    for (const labels of [deployment.metadata.labels, metadata.labels]) {
      assert.equal(labels['app.kubernetes.io/version'], VERSION);
      for (const label of ['name', 'instance', 'component'])
        assert.ok(labels[`app.kubernetes.io/${label}`] !== undefined, label);
    }
    assert.match(only(spec.containers).image, new RegExp(`/token-refresher:${VERSION}$`));
  });

  it('binds the Role to the account in its own namespace, which the API server insists on', () => {
    const { manifests } = render('k8s/overlays/example');
    const { subjects } = z
      .looseObject({ subjects: z.array(z.looseObject({ namespace: z.string() })) })
      .parse(oneOf(manifests, 'RoleBinding'));
    assert.equal(only(subjects).namespace, oneOf(manifests, 'Namespace').metadata.name);
  });

  it('does not let a version into a selector, which may never change', () => {
    const { manifests } = render('k8s/overlays/example');
    assert.deepEqual(Object.keys(toDeployment(oneOf(manifests, 'Deployment')).selector.matchLabels), [
      'app.kubernetes.io/component',
      'app.kubernetes.io/name',
    ]);
  });
});
