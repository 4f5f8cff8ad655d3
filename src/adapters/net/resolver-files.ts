/**
 * /etc/resolv.conf and /etc/hosts, as far as names need them (resolv.conf(5), hosts(5)).
 *
 * Both are read for each look-up: Kubernetes and VPNs change them under a running process. They are read in one go and
 * without libuv's pool, which a hung file somewhere else may hold; a pipe in their place blocks nobody.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { isIP } from 'node:net';

/** More is cut off: /etc/hosts as a list of blocked hosts has megabytes. */
const MAX_BYTES = 65_536;
const MAX_SEARCH = 32;

export interface ResolverSettings {
  /** `10.0.0.10`, `[fd00::a]:53`; empty: none is named. */
  readonly servers: readonly string[];
  /** Domains to try a short name with. */
  readonly search: readonly string[];
  /** A name with so many dots is tried as it is first. */
  readonly ndots: number;
}

export function readResolverSettings(path: string): ResolverSettings {
  const servers: string[] = [];
  let search: readonly string[] = [];
  let ndots = 1;
  for (const [keyword, ...values] of readLines(path, /^\s*[;#]/)) {
    const [value = ''] = values;
    if (keyword === 'nameserver' && isServer(value)) servers.push(value);
    // The last one of the two counts.
    if (keyword === 'search') search = values.slice(0, MAX_SEARCH);
    if (keyword === 'domain') search = values.slice(0, 1);
    if (keyword === 'options')
      for (const option of values) {
        const stated = /^ndots:(\d{1,2})$/.exec(option)?.[1];
        if (stated !== undefined) ndots = Math.min(Number(stated), 15);
      }
  }
  return { servers, search: search.map((domain) => domain.replace(/\.$/, '')).filter(Boolean), ndots };
}

/** Addresses of a name in the hosts file; empty when it is not in there. @param name in lower case, without a last dot */
export function findInHosts(path: string, name: string): readonly string[] {
  const found: string[] = [];
  for (const [address = '', ...names] of readLines(path, /#/)) {
    if (isIP(address) !== 0 && names.some((known) => known.toLowerCase() === name)) found.push(address);
  }
  return found;
}

function isServer(text: string): boolean {
  const address = /^\[(?<v6>[^\]]+)\](?::\d{1,5})?$/.exec(text)?.groups?.['v6'] ?? text;
  return isIP(address) !== 0 || isIP(text.replace(/:\d{1,5}$/, '')) === 4;
}

/** Words of each line, without comments; none when there is no such file. */
function* readLines(path: string, comment: RegExp): Generator<readonly string[]> {
  for (const line of readBounded(path).split('\n')) {
    const start = line.search(comment);
    const words = (start < 0 ? line : line.slice(0, start)).trim().split(/\s+/);
    if (words[0] !== '') yield words;
  }
}

function readBounded(path: string): string {
  let file: number | undefined;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!fstatSync(file).isFile()) return '';
    const bytes = Buffer.alloc(MAX_BYTES);
    return bytes.toString('utf8', 0, readSync(file, bytes, 0, MAX_BYTES, 0));
  } catch {
    // As every resolver does without them.
    return '';
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
