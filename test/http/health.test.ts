import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createHealth, type HealthPhases } from '../../src/http/health.ts';

describe('createHealth', () => {
  for (const { name, phases, reasons } of [
    {
      name: 'nothing has happened yet',
      phases: [],
      reasons: ['configuration is not loaded yet', 'the start-up read of the store has not ended yet'],
    },
    {
      name: 'the store is not read yet',
      phases: ['configurationLoaded'],
      reasons: ['the start-up read of the store has not ended yet'],
    },
    { name: 'it has started', phases: ['configurationLoaded', 'storeRead'], reasons: [] },
    { name: 'it stops', phases: ['configurationLoaded', 'storeRead', 'stopping'], reasons: ['stopping'] },
    {
      name: 'it stops while it starts',
      phases: ['stopping', 'configurationLoaded', 'storeRead'],
      reasons: ['stopping'],
    },
  ] satisfies readonly { name: string; phases: (keyof HealthPhases)[]; reasons: string[] }[]) {
    it(`is ${reasons.length === 0 ? 'ready' : 'not ready'} when ${name}`, () => {
      const health = createHealth(() => []);
      for (const phase of phases) health[phase]();
      assert.deepEqual(health.readiness(), { ok: reasons.length === 0, reasons });
      assert.deepEqual(health.liveness(), { ok: true, reasons: [] });
    });
  }

  it('is not alive for as long as the program is stuck, and as ready as before', () => {
    const stuck: string[] = [];
    const health = createHealth(() => [...stuck]);
    stuck.push('no tick for 90 s');
    assert.deepEqual(health.liveness(), { ok: false, reasons: ['no tick for 90 s'] });
    health.configurationLoaded();
    health.storeRead();
    assert.equal(health.readiness().ok, true);
    stuck.pop();
    assert.equal(health.liveness().ok, true);
  });
});
