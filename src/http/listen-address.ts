/**
 * The host to put into a URL. An address that stands for all addresses cannot be called everywhere; loopback is always
 * among them.
 */
export function reachableHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

/** Why listening failed and what to do, from the error code alone. */
export function describeListenError(error: unknown, host: string, port: number): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const what = `cannot listen on ${host} port ${port}`;
  switch (code) {
    case 'EADDRINUSE':
      return `${what}: another program does; stop it or set http.port to a free port (0 picks one)`;
    case 'EACCES':
      return `${what}: not allowed to; set http.port to 1024 or above`;
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
      return `${what}: this machine does not have that address; set http.host to one of its own, 127.0.0.1 or 0.0.0.0`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `${what}: the host name does not resolve; set http.host to an address, 127.0.0.1 or 0.0.0.0`;
    default:
      return `${what} (${typeof code === 'string' ? code : 'unknown error'}); check http.host and http.port`;
  }
}
