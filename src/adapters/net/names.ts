/**
 * Addresses of names, by DNS and the hosts file.
 *
 * Guarantee: a look-up ends by {@link NAME_LIMIT_MS}, and then nothing of it is left; a name that is not answered delays
 * no other name. There is one look-up at a time for a name, shared by all who ask, and none is remembered: each new
 * connection asks again, so that a name that moves is followed.
 * Non-guarantee: of nsswitch.conf nothing is read; mDNS, NIS and the like are not asked.
 *
 * The system's own resolver (`getaddrinfo`) runs on libuv's pool of four threads, where three hung names stop all
 * others, files included. This one is c-ares, which knows neither search list nor hosts file: both are here.
 */

import { Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { withDeadline } from '../../core/deadline.ts';
import { codeOf } from '../../core/error-code.ts';
import type { Clock } from '../../core/ports.ts';
import { HttpFault } from '../../core/wire/http-call.ts';
import { UNSENT } from './connection-faults.ts';
import { findInHosts, type ResolverSettings, readResolverSettings } from './resolver-files.ts';

export const NAME_LIMIT_MS = 5_000;
/** For one question to one server; the next server is asked then. It doubles when all have been asked. */
const SERVER_LIMIT_MS = 1_000;
const ROUNDS = 2;
/** How long addresses of one family wait for those of the other (RFC 8305, section 3). */
const OTHER_FAMILY_MS = 50;

export interface NamesOptions {
  readonly clock: Clock;
  readonly resolvConf?: string;
  readonly hosts?: string;
}

export class Names {
  readonly #clock: Clock;
  readonly #resolvConf: string;
  readonly #hosts: string;
  readonly #running = new Map<string, Promise<readonly string[]>>();
  /** The suffix that a name was found with: to ask for ten names at each connection is dear with `ndots:5`. */
  readonly #foundAs = new Map<string, string>();

  constructor({ clock, resolvConf = '/etc/resolv.conf', hosts = '/etc/hosts' }: NamesOptions) {
    this.#clock = clock;
    this.#resolvConf = resolvConf;
    this.#hosts = hosts;
  }

  /**
   * @param hostname as `URL` writes it: lower case, IPv6 in brackets
   * @returns at least one address, in the order in which to try them
   * @throws {HttpFault} when there is none
   */
  resolve(hostname: string): Promise<readonly string[]> {
    const literal = hostname.replace(/^\[|\]$/g, '');
    if (isIP(literal) !== 0) return Promise.resolve([literal]);
    const name = hostname.toLowerCase().replace(/\.$/, '');
    // RFC 6761, section 6.3: never by DNS, since credentials may go there unencrypted.
    if (name === 'localhost' || name.endsWith('.localhost')) return Promise.resolve(['127.0.0.1', '::1']);
    const running = this.#running.get(hostname);
    if (running !== undefined) return running;
    const lookUp = this.#lookUp(name, hostname.endsWith('.')).finally(() => this.#running.delete(hostname));
    this.#running.set(hostname, lookUp);
    return lookUp;
  }

  async #lookUp(name: string, isAbsolute: boolean): Promise<readonly string[]> {
    const known = findInHosts(this.#hosts, name);
    if (known.length > 0) return known;
    const settings = readResolverSettings(this.#resolvConf);
    const candidates = isAbsolute ? [name] : this.#listCandidates(name, settings);
    // A resolver of its own: its sockets and questions end with it, and each look-up comes from another port.
    const resolver = new Resolver({ timeout: SERVER_LIMIT_MS, tries: ROUNDS });
    if (settings.servers.length > 0) resolver.setServers(settings.servers);
    try {
      return await withDeadline(this.#clock, NAME_LIMIT_MS, new AbortController().signal, (signal) =>
        this.#askForEach(resolver, candidates, name, signal),
      );
    } catch (error) {
      throw describe(error, settings);
    } finally {
      resolver.cancel();
    }
  }

  /** As resolv.conf(5) says; what has been right before comes first. */
  #listCandidates(name: string, { search, ndots }: ResolverSettings): readonly string[] {
    const dots = name.split('.').length - 1;
    const longer = search.map((domain) => `${name}.${domain}`);
    const listed = (dots >= ndots ? [name, ...longer] : [...longer, name]).filter(
      ({ length }) => length < 254,
    );
    const former = this.#foundAs.get(name);
    return former !== undefined && listed.includes(former) ? [former, ...listed] : listed;
  }

  async #askForEach(
    resolver: Resolver,
    candidates: readonly string[],
    name: string,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    let worst: unknown;
    for (const candidate of new Set(candidates)) {
      try {
        const addresses = await this.#ask(resolver, candidate, signal);
        this.#foundAs.set(name, candidate);
        return addresses;
      } catch (error) {
        signal.throwIfAborted();
        // That one server failed says more than that another name does not exist.
        if (worst === undefined || !isAbsent(error)) worst = error;
      }
    }
    throw worst;
  }

  /** Both families at once: one of them may never be answered. */
  async #ask(resolver: Resolver, name: string, signal: AbortSignal): Promise<readonly string[]> {
    const four = resolver.resolve4(name);
    const six = resolver.resolve6(name);
    const either = Promise.any([four, six]);
    const both = Promise.allSettled([four, six]);
    const found = await either.catch(async (error: unknown) => {
      throw await pickError(error);
    });
    const waiting = new AbortController();
    const patience = this.#clock.sleep(OTHER_FAMILY_MS, AbortSignal.any([signal, waiting.signal]));
    const settled = await Promise.race([both, patience.catch(() => undefined)]);
    waiting.abort();
    if (settled === undefined || settled === null) return found;
    const [fours, sixes] = settled.map((result) => (result.status === 'fulfilled' ? result.value : []));
    return orderAddresses(fours ?? [], sixes ?? []);
  }
}

function pickError(error: unknown): unknown {
  const errors: readonly unknown[] = error instanceof AggregateError ? error.errors : [error];
  return errors.find((one) => !isAbsent(one)) ?? errors[0];
}

function isAbsent(error: unknown): boolean {
  return ['ENOTFOUND', 'ENODATA'].includes(codeOf(error) ?? '');
}

/**
 * In turn, the preferred family first (RFC 8305, section 4): IPv6 when this machine has a global address of it, as
 * RFC 6724 would choose.
 */
function orderAddresses(fours: readonly string[], sixes: readonly string[]): readonly string[] {
  const [first, second] = sixes.length > 0 && hasGlobalSix() ? [sixes, fours] : [fours, sixes];
  const longest = Math.max(first.length, second.length);
  return Array.from({ length: longest }, (_, at) => [first[at], second[at]])
    .flat()
    .filter((address) => address !== undefined);
}

function hasGlobalSix(): boolean {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .some(({ address }) => /^[23]/.test(address) && address.includes(':'));
}

function describe(error: unknown, { servers }: ResolverSettings): HttpFault {
  const code = codeOf(error) ?? 'EAI_FAIL';
  const asked =
    servers.length === 0 ? 'no nameserver is named there' : `nameserver ${servers.slice(0, 3).join(', ')}`;
  const dns = `the DNS of /etc/resolv.conf (${asked})`;
  switch (code) {
    case 'ENOTFOUND':
    case 'ENODATA': {
      const what = code === 'ENOTFOUND' ? 'does not exist' : 'has no address';
      const reason = `its name was not resolved: DNS says that it ${what} (${code})`;
      return new HttpFault(code, reason, `check the spelling of the host, and ${dns}`, UNSENT);
    }
    case 'ETIMEDOUT':
    case 'ETIMEOUT':
    case 'ECONNREFUSED':
    case 'ECANCELLED': {
      const advice = `check ${dns}, and that the network policy allows port 53`;
      return new HttpFault(
        'EAI_AGAIN',
        'its name was not resolved: DNS did not answer (EAI_AGAIN)',
        advice,
        UNSENT,
      );
    }
    default:
      return new HttpFault(code, `its name was not resolved: DNS failed (${code})`, `check ${dns}`, UNSENT);
  }
}
