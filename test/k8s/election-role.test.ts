/** What the API server lets the daemon do, against what an election needs. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { z } from 'zod';
import type { LeaseRule } from '../support/lease-api.ts';
import { buildChange, startLeaseClientBench } from '../support/lease-client-bench.ts';
import { baseDeployment, only, readManifests } from '../support/manifest.ts';
import { readShippedConfiguration, SHIPPED_CONFIGURATIONS } from '../support/shipped-configuration.ts';

const roleSchema = z.looseObject({
  rules: z.array(
    z.object({
      apiGroups: z.tuple([z.literal('coordination.k8s.io')]),
      resources: z.tuple([z.literal('leases')]),
      verbs: z.array(z.enum(['get', 'create', 'update'])),
      resourceNames: z.array(z.string()).optional(),
    }),
  ),
});

describe('the Role', () => {
  const rules = roleSchema
    .parse(only(readManifests('base/role.yaml')))
    .rules.map(({ verbs, resourceNames }) => ({
      verbs,
      ...(resourceNames === undefined ? {} : { resourceNames }),
    }));

  /** The calls of an election with these rules, by verb: whether the API server carried each out. */
  async function callAll(
    t: TestContext,
    granted: readonly LeaseRule[],
  ): Promise<Readonly<Record<string, boolean>>> {
    const { server, client, call } = await startLeaseClientBench(t, { rules: granted });
    const created = await client.create(buildChange(), call);
    const read = await client.get(call);
    // Somebody else has made it, and it is known: whether it may be changed is all that is left to see.
    server.api.grant(...rules);
    if (created.kind !== 'lease') await client.create(buildChange(), call);
    const known = await client.get(call);
    server.api.grant(...granted);
    assert.ok(known.kind === 'lease');
    const updated = await client.update(known.lease, buildChange({ transitions: 1 }), call);
    return {
      create: created.kind === 'lease',
      get: read.kind === 'lease' || read.kind === 'absent',
      update: updated.kind === 'lease',
    };
  }

  it('allows the calls that an election makes, on the Lease that the configurations name', async (t) => {
    assert.deepEqual(await callAll(t, rules), { create: true, get: true, update: true });
    for (const path of SHIPPED_CONFIGURATIONS) {
      const { coordination } = readShippedConfiguration(path);
      assert.equal(coordination.kind, 'kubernetes');
      assert.deepEqual(
        rules.flatMap(({ resourceNames = [] }) => resourceNames),
        [coordination.leaseName],
      );
    }
  });

  for (const verb of rules.flatMap(({ verbs }) => verbs)) {
    it(`allows no more: without ${verb} an election could not be held`, async (t) => {
      const fewer = rules.map((rule) => ({ ...rule, verbs: rule.verbs.filter((each) => each !== verb) }));
      assert.equal((await callAll(t, fewer))[verb], false);
    });
  }

  it('is bound to the account of the pods', () => {
    const binding = z
      .looseObject({
        roleRef: z.object({ apiGroup: z.string(), kind: z.string(), name: z.string() }),
        subjects: z.array(z.object({ kind: z.string(), name: z.string() })),
      })
      .parse(only(readManifests('base/role-binding.yaml')));
    const { serviceAccountName } = baseDeployment().template.spec;
    assert.equal(binding.roleRef.name, only(readManifests('base/role.yaml')).metadata.name);
    assert.deepEqual(binding.subjects, [{ kind: 'ServiceAccount', name: serviceAccountName }]);
    assert.equal(only(readManifests('base/service-account.yaml')).metadata.name, serviceAccountName);
  });
});
