/**
 * The proxy of the environment: `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, in either case, the lower one first, as curl
 * and Node.js read them. Loopback is never proxied.
 */
import { BlockList, isIP } from 'node:net';
import { SecretText } from '../../core/secret-text.ts';
import { HttpFault } from '../../core/wire/http-call.ts';
import { isLoopback } from '../../core/wire/loopback.ts';
import { UNSENT } from './connection-faults.ts';

export type ReadEnv = (name: string) => string | undefined;

export interface Proxy {
  /** Without user and password. */
  readonly url: URL;
  /** `http://proxy.example.com:3128`, for messages. */
  readonly origin: string;
  /** The variable that names it. */
  readonly variable: string;
  /** Value of `proxy-authorization`. */
  readonly authorization: SecretText | undefined;
}

/**
 * @returns `undefined`: straight
 * @throws {HttpFault} for a variable that cannot be used; quotes nothing: a password may stand in it
 */
export function findProxy(target: URL, readEnv: ReadEnv): Proxy | undefined {
  if (isLoopback(target.hostname)) return undefined;
  const names = target.protocol === 'https:' ? ['https_proxy', 'HTTPS_PROXY'] : ['http_proxy', 'HTTP_PROXY'];
  const variable = names.find((name) => isSet(readEnv(name)));
  if (variable === undefined) return undefined;
  const exceptions = [readEnv('no_proxy'), readEnv('NO_PROXY')].find(isSet) ?? '';
  if (isExcepted(target, exceptions)) return undefined;
  return parseProxy(readEnv(variable) ?? '', variable);
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value.trim() !== '';
}

function parseProxy(value: string, variable: string): Proxy {
  const text = value.trim();
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.hostname === '')
    throw new HttpFault(
      'EPROXY',
      `${variable} is no http or https URL of a proxy`,
      'give it as http://HOST:PORT, or unset it',
      UNSENT,
    );
  const { username, password } = url;
  const authorization =
    username === '' && password === ''
      ? undefined
      : new SecretText(`Basic ${Buffer.from(`${decode(username)}:${decode(password)}`).toString('base64')}`);
  url.username = '';
  url.password = '';
  return { url, origin: url.origin, variable, authorization };
}

/** A percent sign that stands for itself is no fault. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * Entries between commas or blanks: `*`, a domain (with all below it, with or without a dot in front), an address, a range
 * of addresses (`10.0.0.0/8`), each but the last with a port if need be.
 */
function isExcepted(target: URL, exceptions: string): boolean {
  const host = target.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  const port = portOf(target);
  return exceptions
    .split(/[\s,]+/)
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== '')
    .some((entry) => {
      if (entry === '*') return true;
      if (entry.includes('/')) return isInRange(host, entry);
      const { name, port: only } = splitPort(entry);
      if (only !== undefined && only !== port) return false;
      if (isIP(host) !== 0)
        return isIP(name) !== 0 && isInRange(host, `${name}/${isIP(name) === 6 ? 128 : 32}`);
      const domain = name.replace(/^\*?\./, '').replace(/\.$/, '');
      return host === domain || host.endsWith(`.${domain}`);
    });
}

function splitPort(entry: string): { readonly name: string; readonly port: number | undefined } {
  if (isIP(entry) !== 0) return { name: entry, port: undefined };
  const parts = /^(?:\[(?<v6>[^\]]*)\]|(?<name>[^:]*))(?::(?<port>\d{1,5}))?$/.exec(entry)?.groups;
  const port = parts?.['port'];
  return {
    name: parts?.['v6'] ?? parts?.['name'] ?? '',
    port: port === undefined ? undefined : Number(port),
  };
}

function isInRange(host: string, range: string): boolean {
  const [base = '', bits = ''] = range.replace(/[[\]]/g, '').split('/');
  const family = isIP(base);
  if (family === 0 || isIP(host) !== family || !/^\d{1,3}$/.test(bits)) return false;
  if (Number(bits) > (family === 4 ? 32 : 128)) return false;
  const type = family === 4 ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  list.addSubnet(base, Number(bits), type);
  return list.check(host, type);
}

export function portOf(url: URL): number {
  if (url.port !== '') return Number(url.port);
  return url.protocol === 'https:' ? 443 : 80;
}
