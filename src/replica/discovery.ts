/**
 * Keeps the tokens of one provider in step with the bindings of its customers.
 *
 * Guarantee: a token is removed only when its binding is known to be gone, or cannot be used any more; see
 * `known-bindings.ts`. A binding that cannot be used is reported once, and again when the reason changes; the others go on.
 * All replicas decide alike.
 *
 * Non-guarantee: a new binding is found within about one interval, plus the time that the list takes (0.2 s for 100
 * secrets). Two bindings of one customer: the older secret counts.
 */
import type {
  DiscoveryConfiguration,
  ProviderConfiguration,
  TokenConfiguration,
} from '../config/configuration.ts';
import { configureDiscovered, placedSecretsOf } from '../config/token-configuration.ts';
import type { Failure } from '../core/failure.ts';
import { portionsOf } from '../core/for-each-concurrent.ts';
import type { Result } from '../core/result.ts';
import { type Claim, decideClaims } from '../core/token/binding-claims.ts';
import type { OutsideSystems, RefreshPorts } from './assembly.ts';
import { KnownBindings } from './known-bindings.ts';
import type { SecretUsage } from './secret-usage.ts';

/** Where tokens are kept, or only collected. */
export interface DiscoveredTokens {
  /** Resolves when their secrets have been read. */
  add(tokens: readonly TokenConfiguration[], signal: AbortSignal): Promise<void>;
  /** What is in flight ends by itself; then `token-removed` is reported. */
  remove(token: TokenConfiguration, why: string): void;
  /** True while something of a removed token is still in flight: it cannot come back yet. */
  isLeaving(token: TokenConfiguration): boolean;
}

export interface DiscoveryDeps extends RefreshPorts {
  readonly provider: ProviderConfiguration;
  readonly discovery: DiscoveryConfiguration;
  /** Where bindings are listed and read. */
  readonly connections: Pick<OutsideSystems, 'bindings' | 'credentials'>;
  readonly tokens: DiscoveredTokens;
  /** Of all providers, so that no two things are written to one secret. */
  readonly usage: SecretUsage;
}

interface BoundClaim extends Claim {
  readonly token: TokenConfiguration;
}

/** What is kept of a claim that was granted. */
type GrantedClaim = Pick<BoundClaim, 'secretName' | 'customer' | 'token'>;

/** Why a binding cannot be used, by its secret. */
type Rejections = ReadonlyMap<string, string>;

/** Tokens that are taken in at one time, so that the first need not wait for the last. */
const ADDED_AT_ONCE = 400;
/** Share of the interval: replicas that were started together do not go on asking together. */
const JITTER = 0.1;

export class Discovery {
  readonly #deps: DiscoveryDeps;
  readonly #bindings: KnownBindings;
  /** The claim of each token that is kept. */
  readonly #managed = new Map<string, GrantedClaim>();
  /** As reported last. */
  readonly #rejected = new Map<string, string>();
  /** Something was left open, so that it has to be decided again although nothing has changed. */
  #isOpen = false;
  #failing: { readonly code: Failure['code']; readonly sinceMs: number } | undefined;

  constructor(deps: DiscoveryDeps) {
    this.#deps = deps;
    const { discovery, provider, connections, clock } = deps;
    const { bindings: catalog, credentials: store } = connections;
    const fields = provider.configured.customerCredentials;
    this.#bindings = new KnownBindings({ tag: discovery.tag, fields, catalog, store, clock });
  }

  /**
   * Looks again and again, one time after the other, until aborted.
   * @param onFault receives what must never happen: a look that threw
   */
  async run(signal: AbortSignal, onFault: (error: unknown) => void): Promise<void> {
    const { clock, random, discovery } = this.#deps;
    while (!signal.aborted) {
      const waitMs = discovery.everyMs * (1 + JITTER * (2 * random.next() - 1));
      await clock.sleep(waitMs, signal).catch(() => undefined);
      if (!signal.aborted) await this.look(signal).catch(onFault);
    }
  }

  /** Looks once, and tells when that fails or works again. */
  async look(signal: AbortSignal): Promise<Result<void>> {
    const { events, provider } = this.#deps;
    const learnt = await this.#bindings.learn(signal);
    if (signal.aborted) return learnt;
    if (this.#bindings.hasNews || this.#isOpen) await this.#apply(signal);
    this.#report(learnt);
    if (learnt.ok) {
      const counts = { customers: this.#managed.size, rejected: this.#rejected.size };
      events({ event: 'bindings-counted', provider: provider.name, ...counts });
    }
    return learnt;
  }

  /** Gives up what is gone, takes in what is new, and tells what cannot be used. */
  async #apply(signal: AbortSignal): Promise<void> {
    const { granted, rejected } = this.#decide();
    this.#removeGone(granted, rejected);
    this.#reportRejected(rejected);
    this.#bindings.forgetLosses();
    const missing = granted.filter(({ token }) => !this.#managed.has(token.identity.token));
    const added = missing.filter(({ token }) => !this.#deps.tokens.isLeaving(token));
    // A secret that another provider's token is written to may become free.
    this.#isOpen = rejected.size > 0 || added.length < missing.length;
    await this.#addNew(added, signal);
  }

  #decide(): { readonly granted: readonly BoundClaim[]; readonly rejected: Rejections } {
    const { provider, discovery, usage } = this.#deps;
    const { places } = usage;
    const rejected = new Map<string, string>();
    const claims: BoundClaim[] = [];
    for (const [secretName, { secret, binding, unsettled }] of this.#bindings.all) {
      if (binding === undefined) {
        rejected.set(secretName, unsettled ?? 'it could not be read yet');
      } else if (!binding.ok) {
        rejected.set(secretName, binding.problem);
      } else {
        const { customer, credentials } = binding;
        const token = configureDiscovered(provider, discovery, { customer, secretName, credentials });
        const unusable = placedSecretsOf(token, provider.publish, places).find(
          ({ place, secret: name }) => !place.rules.names.pattern.test(name),
        );
        if (unusable === undefined) {
          const { createdAtMs } = secret;
          const targets = usage.targetsOf(token, provider);
          claims.push({ secretName, createdAtMs, customer, targets, token });
        } else {
          const slip = unusable.place.rules.names.findSlip(unusable.secret);
          const where = places.size === 1 ? '' : ` in ${unusable.place.name}`;
          const why = slip === undefined ? '' : `, ${slip.text}`;
          const reason = `no secret can have the name ${unusable.secret}${where}${why}: its customer's token would get it`;
          rejected.set(secretName, reason);
        }
      }
    }
    const bindings = new Set([...this.#bindings.all.keys()].flatMap((name) => usage.credentialTargets(name)));
    const { granted, refused } = decideClaims(claims, (target) =>
      bindings.has(target) ? 'that one holds a binding' : usage.describeOwner(target, provider.name),
    );
    return { granted, rejected: new Map([...rejected, ...refused]) };
  }

  #removeGone(granted: readonly BoundClaim[], rejected: Rejections): void {
    const { tokens, usage, provider } = this.#deps;
    const wanted = new Map(granted.map((claim) => [claim.token.identity.token, claim]));
    for (const [name, claim] of this.#managed) {
      const successor = wanted.get(name);
      if (successor !== undefined && isSame(claim, successor)) continue;
      this.#managed.delete(name);
      usage.release(claim.token, provider);
      tokens.remove(claim.token, this.#describeLoss(claim, rejected));
    }
  }

  async #addNew(added: readonly BoundClaim[], signal: AbortSignal): Promise<void> {
    const { tokens, usage, events, provider } = this.#deps;
    for (const portion of portionsOf(added, ADDED_AT_ONCE)) {
      if (signal.aborted) return;
      for (const { secretName, customer, token } of portion) {
        const { identity } = token;
        this.#managed.set(identity.token, { secretName, customer, token });
        usage.claim(token, provider);
        events({ event: 'token-added', identity, bindingSecret: secretName });
      }
      await tokens.add(
        portion.map(({ token }) => token),
        signal,
      );
    }
  }

  #describeLoss({ secretName, customer }: GrantedClaim, rejected: Rejections): string {
    const loss = this.#bindings.losses.get(secretName);
    if (loss !== undefined) return `its binding, secret ${secretName}, ${loss}`;
    const reason = rejected.get(secretName);
    return reason === undefined
      ? `its binding, secret ${secretName}, no longer is the one of customer ${customer}`
      : `its binding, secret ${secretName}, cannot be used any more: ${reason}`;
  }

  #reportRejected(rejected: Rejections): void {
    const { events, provider } = this.#deps;
    for (const secretName of this.#rejected.keys()) {
      if (!rejected.has(secretName)) this.#rejected.delete(secretName);
    }
    for (const [bindingSecret, reason] of rejected) {
      if (this.#rejected.get(bindingSecret) === reason) continue;
      this.#rejected.set(bindingSecret, reason);
      events({ event: 'binding-rejected', provider: provider.name, bindingSecret, reason });
    }
  }

  #report(learnt: Result<void>): void {
    const { events, provider, clock } = this.#deps;
    const nowMs = clock.monotonicMs();
    const failing = this.#failing;
    if (learnt.ok) {
      this.#failing = undefined;
      if (failing === undefined) return;
      events({ event: 'discovery-recovered', provider: provider.name, failedForMs: nowMs - failing.sinceMs });
      return;
    }
    const { failure } = learnt;
    this.#failing = { code: failure.code, sinceMs: failing?.sinceMs ?? nowMs };
    if (failing?.code !== failure.code)
      events({ event: 'discovery-failed', provider: provider.name, failure });
  }
}

/** A token whose credentials are elsewhere now has to be built again. */
function isSame(a: GrantedClaim, b: GrantedClaim): boolean {
  const credentialsOf = ({ token }: GrantedClaim): string => Object.keys(token.customerCredentials).join(' ');
  return a.secretName === b.secretName && credentialsOf(a) === credentialsOf(b);
}
