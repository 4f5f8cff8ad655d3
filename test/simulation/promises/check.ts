/** What a check needs of the simulation. */
import { isJsonObject, parseJson } from '../../../src/core/wire/json.ts';
import type { Bindings } from '../bindings.ts';
import type { Leaders } from '../leaders.ts';
import type { Grant } from '../observation.ts';
import type { Pod } from '../pod.ts';
import type { SimulatedToken } from '../scenario.ts';
import type { SimulatedLease } from '../simulated-lease.ts';
import type { SimulatedMirror } from '../simulated-mirror.ts';
import type { SimulatedProviders } from '../simulated-provider.ts';
import type { SimulatedReceiver } from '../simulated-receiver.ts';
import type { SimulatedStore } from '../simulated-store.ts';
import type { VirtualProcess } from '../virtual-process.ts';
import type { World } from '../world.ts';
import type { Looks } from './looks.ts';
import type { Refused } from './refused.ts';

export interface CheckParts {
  readonly world: World;
  readonly store: SimulatedStore;
  /** `undefined`: tokens are published to one place. */
  readonly mirror: SimulatedMirror | undefined;
  readonly providers: SimulatedProviders;
  readonly leaders: Leaders;
  readonly lease: SimulatedLease;
  readonly pods: readonly Pod[];
  readonly receiver: SimulatedReceiver;
  readonly bindings: Bindings;
  readonly looks: Looks;
  readonly refused: Refused;
}

/** A token document as a reader takes it apart, without the program's own parser. */
export interface SeenDocument {
  readonly accessToken: string;
  readonly generation: number;
  /** Wall time of whoever wrote it, as the next two. */
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  readonly refreshAtMs: number;
}

/** `undefined` for anything that a reader could not use. */
export function readDocument(text: string | undefined): SeenDocument | undefined {
  const json = text === undefined ? undefined : parseJson(text);
  if (!isJsonObject(json)) return undefined;
  const { access_token: accessToken, generation, issued_at, expires_at, refresh_at } = json;
  if (typeof accessToken !== 'string' || typeof generation !== 'number') return undefined;
  return {
    accessToken,
    generation,
    issuedAtMs: Date.parse(String(issued_at)),
    expiresAtMs: Date.parse(String(expires_at)),
    refreshAtMs: Date.parse(String(refresh_at)),
  };
}

/** The refresh token that a state secret holds. */
export function readRefreshToken(text: string | undefined): string | undefined {
  const json = text === undefined ? undefined : parseJson(text);
  const refreshToken = isJsonObject(json) ? json['refresh_token'] : undefined;
  return typeof refreshToken === 'string' ? refreshToken : undefined;
}

export function findToken({ world }: Pick<CheckParts, 'world'>, name: string): SimulatedToken {
  const found = world.scenario.tokens.find((token) => token.name === name);
  if (found === undefined) throw new Error(`no token ${name}`);
  return found;
}

export function tokenOfSecret(
  { world }: Pick<CheckParts, 'world'>,
  secret: string,
): SimulatedToken | undefined {
  return world.scenario.tokens.find((token) => token.secret === secret);
}

/** What a token that readers see really is; `undefined` when no provider has issued it. */
export function grantOf({ providers }: CheckParts, document: SeenDocument | undefined): Grant | undefined {
  return document === undefined ? undefined : providers.grants.get(document.accessToken);
}

/** A process that somebody has started to refresh one token, beside the daemons. */
export function isCommand(process: VirtualProcess): boolean {
  return process.name.includes('-command');
}

export function podOf(process: VirtualProcess): string {
  return (process.name.split('.')[0] ?? '').replace('-command', '');
}

/**
 * Whether a daemon acts although its term is over by its own clock. One that was paused since its last renewal may be
 * caught between looking and acting, which no lease can prevent.
 */
export function actsWithoutLeadership({ world, lease }: CheckParts, process: VirtualProcess): boolean {
  if (isCommand(process) || world.scenario.pods.length === 1) return false;
  const renewedAtMs = lease.renewals.get(process);
  if (renewedAtMs === undefined) return true;
  if (process.resumedAtMs >= renewedAtMs) return false;
  return world.time.nowMs > renewedAtMs + world.scenario.leaseTiming.renewDeadlineMs;
}
