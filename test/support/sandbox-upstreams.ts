import {
  createSandboxCredentials,
  generateSandboxKeyPair,
  type SandboxCredentials,
} from '../../src/sandbox/upstreams/sandbox-credentials.ts';
import {
  createUpstreams,
  type Upstreams,
  type UpstreamsOptions,
} from '../../src/sandbox/upstreams/upstreams.ts';
import { FakeClock } from './fake-clock.ts';
import { createSeededRandom } from './seeded-random.ts';
import { type UpstreamVariants, withVariants } from './upstream-variants.ts';

export type TestUpstreamsOptions = Partial<UpstreamsOptions> & UpstreamVariants;

export interface TestUpstreams {
  readonly clock: FakeClock;
  readonly credentials: SandboxCredentials;
  readonly upstreams: Upstreams;
  /** Every token issued so far. */
  readonly issued: readonly string[];
}

/** A builder of simulated upstreams with a clock that stands still; all of them share one RSA key. */
export async function createUpstreamsBuilder(): Promise<(options?: TestUpstreamsOptions) => TestUpstreams> {
  const keyPair = await generateSandboxKeyPair();
  return (options = {}) => {
    const clock = new FakeClock();
    const random = createSeededRandom(1);
    const credentials = createSandboxCredentials(random, keyPair);
    const issued: string[] = [];
    const onSecretIssued = (text: string): void => void issued.push(text);
    const documented = createUpstreams({ clock, random, credentials, onSecretIssued, ...options });
    const upstreams = withVariants(documented, options, () => clock.now());
    return { clock, credentials, upstreams, issued };
  };
}
