/**
 * True for hosts that are this very machine: credentials may travel unencrypted only there.
 * @param hostname as `URL` writes it: lower case, IPv6 in brackets, IPv4 in dotted decimals
 */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
