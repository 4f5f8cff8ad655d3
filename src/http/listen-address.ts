import { once } from 'node:events';
import { createServer } from 'node:net';
import { errnoOf } from '../core/file-error.ts';

/** Every address of IPv6 and, where both exist, of IPv4. */
const ALL_ADDRESSES = '::';
const ALL_IPV4_ADDRESSES = '0.0.0.0';

/**
 * The host to listen on: as configured, but {@link ALL_ADDRESSES} where this machine has no IPv6 is every address that it
 * has. A pod of an IPv6 cluster has no other family, and a node that was started with `ipv6.disable=1` has not that one.
 */
export async function chooseHost(host: string): Promise<string> {
  if (host !== ALL_ADDRESSES) return host;
  const probe = createServer().listen(0, host);
  try {
    await once(probe, 'listening');
    return host;
  } catch (error) {
    const code = errnoOf(error);
    return code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL' ? ALL_IPV4_ADDRESSES : host;
  } finally {
    probe.close();
  }
}

/**
 * The host to put into a URL. An address that stands for all addresses cannot be called everywhere; loopback is always
 * among them, that of IPv4 even in a pod with an IPv6 address alone.
 */
export function reachableHost(host: string): string {
  if (host === ALL_ADDRESSES || host === ALL_IPV4_ADDRESSES) return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}

/** Why listening failed and what to do, from the error code alone. */
export function describeListenError(error: unknown, host: string, port: number, section = 'http'): string {
  const code = errnoOf(error);
  const what = `cannot listen on ${host} port ${port}`;
  switch (code) {
    case 'EADDRINUSE':
      return `${what}: another program does; stop it or set ${section}.port to a free port (0 picks one)`;
    case 'EACCES':
      return `${what}: not allowed to; set ${section}.port to 1024 or above`;
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
      return `${what}: this machine does not have that address; set ${section}.host to one of its own, 127.0.0.1 or ::`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `${what}: the host name does not resolve; set ${section}.host to an address, 127.0.0.1 or ::`;
    default:
      return `${what} (${code}); check ${section}.host and ${section}.port`;
  }
}
