import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { FileLanes } from '../../src/adapters/files/file-lanes.ts';
import type { LeaseChange } from '../../src/adapters/kubernetes/lease.ts';
import {
  createLeaseClient,
  type LeaseClient,
  type LeaseClientOptions,
} from '../../src/adapters/kubernetes/lease-client.ts';
import { FakeClock } from './fake-clock.ts';
import { LEASE_NAME, LEASE_NAMESPACE, SERVICE_ACCOUNT_TOKEN } from './lease-api.ts';
import { type LeaseApiServer, type LeaseApiServerOptions, startLeaseApiServer } from './lease-api-server.ts';

export const CALL_LIMIT_MS = 5_000;

export interface LeaseClientBench {
  readonly server: LeaseApiServer;
  readonly clock: FakeClock;
  readonly client: LeaseClient;
  /** Holds the token, like the folder that is mounted into a pod. */
  readonly tokenFile: string;
  readonly call: { readonly timeoutMs: number; readonly signal: AbortSignal };
  createClient(changes?: Partial<LeaseClientOptions>): LeaseClient;
  /** Writes a file beside the token. @returns its path */
  writeFile(name: string, text: string): Promise<string>;
}

/** The client that the daemon uses against the API server of the tests, over real HTTP; closed when the test ends. */
export async function startLeaseClientBench(
  t: TestContext,
  options: LeaseApiServerOptions = {},
): Promise<LeaseClientBench> {
  const server = await startLeaseApiServer(t, options);
  const folder = await mkdtemp(join(tmpdir(), 'service-account-'));
  t.after(() => rm(folder, { recursive: true }));
  const write = async (name: string, text: string): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, text);
    return path;
  };
  const tokenFile = await write('token', `${SERVICE_ACCOUNT_TOKEN}\n`);
  const clock = new FakeClock();
  const createClient = (changes: Partial<LeaseClientOptions> = {}): LeaseClient => {
    const client = createLeaseClient({
      apiServer: { url: server.url, caFile: undefined, tokenFile },
      leaseName: LEASE_NAME,
      namespace: { name: LEASE_NAMESPACE },
      clock,
      files: new FileLanes(clock),
      ...changes,
    });
    t.after(() => client.close());
    return client;
  };
  return {
    server,
    clock,
    client: createClient(),
    tokenFile,
    call: { timeoutMs: CALL_LIMIT_MS, signal: new AbortController().signal },
    createClient,
    writeFile: write,
  };
}

/** What a new leader writes. */
export function buildChange(changes: Partial<LeaseChange> = {}): LeaseChange {
  return {
    holder: 'pod-a_1',
    durationMs: 15_000,
    acquiredAtMs: Date.UTC(2026, 10, 21, 12),
    renewedAtMs: Date.UTC(2026, 10, 21, 12),
    transitions: 0,
    microseconds: 1,
    installation: 'blue',
    ...changes,
  };
}
