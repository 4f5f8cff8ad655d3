import { createSystemClock } from '../../src/adapters/system/clock.ts';
import { createSystemRandom } from '../../src/adapters/system/random.ts';
import { parseFault } from '../../src/sandbox/fault-syntax.ts';
import { SANDBOX_PROVIDERS, type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { useStoreEnvironment } from './program-process.ts';
import { type CountedUpstreams, RequestCount } from './request-count.ts';
import { type ConfigChanges, copySandboxConfig } from './sandbox-process-config.ts';

export interface ProgramWorld extends AsyncDisposable {
  readonly sandbox: Sandbox & { readonly upstreams: CountedUpstreams };
  /** Every token and refresh token issued so far. */
  readonly issued: readonly string[];
  /** Writes a changed copy of the configuration. @returns its path */
  copyConfig(name: string, changes: ConfigChanges): Promise<string>;
  addFault(text: string): void;
}

/**
 * Simulated providers and store inside the test's process, where it can count requests and look into secrets, for
 * programs that run in this process or as children. In real time unless `speed` says otherwise.
 */
export async function startProgramWorld({
  speed = 1,
}: {
  readonly speed?: number;
} = {}): Promise<ProgramWorld> {
  useStoreEnvironment();
  const issued: string[] = [];
  const requests = new RequestCount();
  const started = await startSandbox({
    clock: createSystemClock(),
    random: createSystemRandom(),
    speed,
    faults: [],
    onSecretIssued: (text) => void issued.push(text),
    observer: requests,
  });
  const sandbox = { ...started, upstreams: { ...started.upstreams, requests } };
  return {
    sandbox,
    issued,
    copyConfig: (name, changes) => copySandboxConfig(sandbox.configPath, name, changes),
    addFault: (text) => {
      const parsed = parseFault(text, SANDBOX_PROVIDERS);
      if (!parsed.ok) throw new Error(parsed.message);
      sandbox.faults.add(parsed.fault);
    },
    [Symbol.asyncDispose]: () => sandbox.stop(),
  };
}
