import type { TestContext } from 'node:test';
import type { ProviderFault } from '../../src/sandbox/fault.ts';
import { FaultSchedule } from '../../src/sandbox/fault-schedule.ts';
import { startUpstreamsServer } from '../../src/sandbox/upstreams/upstreams-server.ts';
import { type CountedUpstreams, RequestCount } from './request-count.ts';
import {
  createUpstreamsBuilder,
  type TestUpstreams,
  type TestUpstreamsOptions,
} from './sandbox-upstreams.ts';

export interface UpstreamsBench extends TestUpstreams {
  readonly faults: FaultSchedule;
  readonly server: CountedUpstreams;
  /** Makes something go wrong with one provider, from now on. */
  breakProvider(provider: string, effect: ProviderFault): void;
}

/** Starts benches: simulated upstreams on a real port with a fake clock, stopped when the test ends. */
export async function createUpstreamsBench(): Promise<
  (t: TestContext, options?: TestUpstreamsOptions) => Promise<UpstreamsBench>
> {
  const build = await createUpstreamsBuilder();
  return async (t, options) => {
    const built = build(options);
    const { clock, upstreams } = built;
    const faults = new FaultSchedule(clock);
    const requests = new RequestCount();
    const started = await startUpstreamsServer({ upstreams, clock, faults, observer: requests });
    const server = { ...started, requests };
    t.after(() => server.stop());
    const breakProvider = (provider: string, effect: ProviderFault): void => {
      const text = `${provider}:${effect.fault}`;
      faults.add({ target: 'provider', provider, effect, text, startMs: 0, durationMs: undefined });
    };
    return { ...built, faults, server, breakProvider };
  };
}
