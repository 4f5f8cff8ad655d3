import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { inspect } from 'node:util';
import { createSystemRandom } from '../../src/adapters/system/random.ts';
import type { Credentials } from '../../src/core/credential/credential-reading.ts';
import type { Failure } from '../../src/core/failure.ts';
import type { FetchReport } from '../../src/core/ports.ts';
import { succeed } from '../../src/core/result.ts';
import { SecretText } from '../../src/core/secret-text.ts';
import { type ChainState, chooseRefreshToken, SEED_CREDENTIAL } from '../../src/core/token/chain-state.ts';
import { type FetchedToken, lifetimeMs } from '../../src/core/token/token.ts';
import type { ConfiguredKind, ProviderKind } from '../../src/providers/provider.ts';
import { createTokenSource } from '../../src/providers/token-source.ts';
import type { UpstreamName } from '../../src/sandbox/upstreams/upstream-list.ts';
import { findPreset, KINDS } from '../../src/wiring/connections.ts';
import { exampleOptionsOf } from './preset-example.ts';
import { credentialNamesOf } from './sandbox-entries.ts';
import type { TestUpstreamsOptions } from './sandbox-upstreams.ts';
import { consentAgain, signLogin, signSnapHeaders } from './token-requests.ts';
import { createDirectTransport } from './transport.ts';
import { createUpstreamsBench, type UpstreamsBench } from './upstreams-bench.ts';

/** How often its tokens look for changed credentials. */
const LOOK_MS = 5000;
export const TIMEOUT_MS = 10_000;

/** A part of a secret that is as long as this must not show either. */
const PIECE_LENGTH = 16;

export interface ProviderBench extends UpstreamsBench {
  /** The credentials that the source reads; change them as a human would. */
  readonly held: Map<string, SecretText>;
  readonly configured: ConfiguredKind;
  /** Without a chain: with the newest refresh token where there has to be one, else with none. */
  fetch(chain?: ChainState, signal?: AbortSignal): Promise<FetchReport>;
  /** What a human does about a broken chain: puts a new consent in place where it begins with one. */
  bindAgain(): void;
  /** Fetches and expects a token that works at the provider right now. */
  fetchToken(chain?: ChainState): Promise<FetchedToken>;
  /** Expects a failure in which no secret shows. */
  expectFailure(report: FetchReport, code: Failure['code'], retry?: Failure['retry']): Failure;
}

/**
 * A kind as an entry configures it that gives all of its credentials.
 * @param named the credentials of a kind that has none of its own
 * @throws for settings that do not fit
 */
export function configureKind(
  kind: ProviderKind,
  options: object = {},
  named: readonly string[] = [],
): ConfiguredKind {
  const example = exampleOptionsOf(findPreset(kind.kind));
  const result = kind.configure(
    { ...example, ...options },
    {
      credentials: kind.credentials === 'any' ? named : Object.keys(kind.credentials),
      customerCredentials:
        kind.customerCredentials === undefined ? undefined : Object.keys(kind.customerCredentials),
      baseUrl: 'https://api.example.com',
    },
  );
  assert.ok(result.ok, inspect(result, { depth: 5 }));
  return result.configured;
}

/** The same for what an upstream stands for: a preset, or a form as the sandbox configures it. */
export function configureVariant(name: UpstreamName, options: object): ConfiguredKind {
  const kind = KINDS.find(name);
  assert.ok(kind !== undefined);
  return configureKind(kind, options, kind.credentials === 'any' ? credentialNamesOf(name, options) : []);
}

/** Starts benches: a kind of the registry, as the daemon uses it, in front of its simulated upstream. */
export async function createProviderBench(): Promise<
  (
    t: TestContext,
    kind: UpstreamName,
    options?: object,
    upstreams?: TestUpstreamsOptions,
  ) => Promise<ProviderBench>
> {
  const openUpstreams = await createUpstreamsBench();
  return async (t, kindName, options = {}, upstreamsOptions = {}) => {
    const bench = await openUpstreams(t, upstreamsOptions);
    const { clock, credentials, upstreams, server, issued } = bench;
    const kind = KINDS.find(kindName);
    assert.ok(kind !== undefined);
    const customer = kind.customerCredentials === undefined ? undefined : credentials.customers[0];
    const held = new Map([...credentials.byKind[kindName], ...(customer?.credentials ?? [])]);
    const everHeld = [...held.values()];
    const configured = configureVariant(kindName, options);
    let newest: ChainState | undefined;
    const source = createTokenSource({
      kind: configured,
      readCredentials: async () => {
        everHeld.push(...held.values());
        const read: Credentials = new Map(held);
        return { credentials: succeed(read), untilChanged: (signal) => clock.sleep(LOOK_MS, signal) };
      },
      baseUrl: server.baseUrlOf(kindName),
      timeoutMs: TIMEOUT_MS,
      transport: createDirectTransport(clock),
      clock,
      random: createSystemRandom(),
    });
    const fetch: ProviderBench['fetch'] = async (chain, signal = new AbortController().signal) => {
      // A chain that cannot start again without a refresh token goes on from its seed.
      const seed = configured.hasChain ? held.get(SEED_CREDENTIAL) : undefined;
      const report = await source.fetch(chain ?? chooseRefreshToken(newest, seed), signal);
      if (seed !== undefined && report.result.ok)
        newest = { ...chainOf(report.result.value), seed: seed.fingerprint() };
      return report;
    };

    const assertSilent = (subject: unknown): void => {
      const signatures = [
        signSnapHeaders(credentials, clock.now())['x-signature'] ?? '',
        signLogin(credentials, clock.now()).sign,
      ];
      const secrets = [...everHeld.map((text) => text.reveal()), ...issued, ...signatures];
      const shown = `${JSON.stringify(subject)}${inspect(subject, { depth: 9, showHidden: true })}`;
      for (const secret of secrets) assertHides(shown, secret);
    };

    return {
      ...bench,
      held,
      configured,
      fetch,
      bindAgain: () => {
        if (!held.has(SEED_CREDENTIAL)) return;
        held.set(SEED_CREDENTIAL, consentAgain(upstreams));
      },
      fetchToken: async (chain) => {
        const report = await fetch(chain);
        assertSilent(report);
        assert.ok(report.result.ok, inspect(report));
        const token = report.result.value;
        assert.equal(upstreams[kindName].isValid(token.accessToken.reveal(), clock.now()), true);
        return token;
      },
      expectFailure: (report, code, retry) => {
        assertSilent(report);
        const { result } = report;
        assert.ok(!result.ok, 'the fetch fails');
        const { failure } = result;
        assert.deepEqual([failure.code, retry && failure.retry], [code, retry], failure.message);
        assert.match(failure.message, /^[\x20-\x7e]{10,500}$/);
        return failure;
      },
    };
  };
}

/** @throws AssertionError when a piece of the secret is in the text; the message does not quote it */
export function assertHides(shown: string, secret: string): void {
  const last = Math.max(0, secret.length - PIECE_LENGTH);
  for (let at = 0; at <= last; at += 1) {
    const piece = secret.slice(at, at + PIECE_LENGTH);
    // PEM's own lines are no secret.
    if (/[-]{5}|(BEGIN|END) PRIVATE KEY/.test(piece)) continue;
    assert.ok(!shown.includes(piece), `${secret.length} characters of a secret show from ${at} on`);
  }
}

/** Times in tokens and in `Date` are whole seconds, so a second of life may be lost to caution, and none gained. */
export function assertLifetime(token: FetchedToken, expectedMs: number): void {
  const lostMs = expectedMs - lifetimeMs(token);
  assert.ok(lostMs >= 0 && lostMs <= 1000, `${lifetimeMs(token)} ms instead of ${expectedMs} ms`);
}

/** The chain as the store would keep it after a fetch. */
export function chainOf(token: FetchedToken): ChainState {
  assert.ok(token.refreshToken !== undefined, 'the answer holds a refresh token');
  const { refreshToken, refreshTokenExpiresAtMs, issuedAtMs } = token;
  return { refreshToken, refreshTokenExpiresAtMs, obtainedAtMs: issuedAtMs, generation: 1 };
}
