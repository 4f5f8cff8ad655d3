/**
 * A connection that is ready for one request: name, proxy, TCP and TLS.
 *
 * Guarantee: certificates are always verified, whatever `NODE_TLS_REJECT_UNAUTHORIZED` says: credentials go over every
 * connection of the program. Whoever gives up leaves no socket behind.
 */
import { once } from 'node:events';
import { isIP, type Socket } from 'node:net';
import { type SecureContext, connect as startTls } from 'node:tls';
import { untilAborted } from '../../core/deadline.ts';
import { codedError } from '../../core/error-code.ts';
import type { Clock } from '../../core/ports.ts';
import type { CallTls } from '../../core/wire/call-tls.ts';
import { HttpFault } from '../../core/wire/http-call.ts';
import { connectToFirst } from './address-race.ts';
import { describeConnectFault, UNSENT } from './connection-faults.ts';
import { Names } from './names.ts';
import { request as sendRequest } from './node-http.ts';
import { findProxy, type Proxy, portOf, type ReadEnv } from './proxy-settings.ts';
import { SecureContexts } from './secure-contexts.ts';

export interface ConnectorOptions {
  readonly clock: Clock;
  /** Where the proxy variables are read; `undefined`: nothing is proxied. */
  readonly readEnv: ReadEnv | undefined;
  readonly names?: Names;
}

export interface Connection {
  readonly socket: Socket;
  /** What has gone wrong with the socket so far. */
  readonly findFault: () => Error | undefined;
  /** Rejects when the socket fails or closes: a request that is given a socket just then is not told by `node:http`. */
  readonly untilBroken: Promise<never>;
  /** The proxy that the request has to be written for, with the whole URL in its first line; TLS goes through a tunnel. */
  readonly proxy: Proxy | undefined;
}

/** What continues "there was no connection in time". */
export interface Progress {
  step: string;
}

/**
 * Opens a connection.
 * @param tls for the target; a proxy is shown no client certificate, and trusted only by the system's CAs
 * @param progress how far it has come, for a caller that gives up
 * @throws {HttpFault}, an error of the system, or the signal's reason
 */
export type OpenConnection = (
  target: URL,
  tls: CallTls,
  progress: Progress,
  signal: AbortSignal,
) => Promise<Connection>;

export function createConnector({
  clock,
  readEnv,
  names = new Names({ clock }),
}: ConnectorOptions): OpenConnection {
  const contexts = new SecureContexts(clock);

  async function connect(target: URL, progress: Progress, signal: AbortSignal): Promise<Socket> {
    progress.step = ' (its name was not resolved)';
    const addresses = await untilAborted(names.resolve(target.hostname), signal);
    progress.step = ` (no answer from ${addresses.length === 1 ? 'its address' : 'any of its addresses'})`;
    return connectToFirst(addresses, portOf(target), clock, signal);
  }

  async function connectToProxy(proxy: Proxy, progress: Progress, signal: AbortSignal): Promise<Socket> {
    const { url, origin, variable } = proxy;
    try {
      const socket = await connect(url, progress, signal);
      return url.protocol === 'https:'
        ? await secure(socket, url.hostname, contexts.find({}), signal)
        : socket;
    } catch (error) {
      if (signal.aborted) throw error;
      const fault = error instanceof HttpFault ? error : describeConnectFault(error);
      const reason = `the proxy ${origin} of ${variable} cannot be reached, ${fault.reason}`;
      throw new HttpFault(fault.code, reason, fault.advice, UNSENT);
    }
  }

  return async (target, tls, progress, signal) => {
    const proxy = readEnv === undefined ? undefined : findProxy(target, readEnv);
    const isTls = target.protocol === 'https:';
    // What cannot be used is said at once, whatever the network is like.
    const secureContext = isTls ? contexts.find(tls) : undefined;
    let socket: Socket;
    if (proxy === undefined) socket = await connect(target, progress, signal);
    else {
      socket = await connectToProxy(proxy, progress, signal);
      progress.step = ` (the proxy ${proxy.origin} of ${proxy.variable} did not answer)`;
      if (isTls) socket = await openTunnel(socket, proxy, target, signal);
    }
    if (secureContext !== undefined) {
      progress.step = ' (the TLS handshake did not end)';
      socket = await secure(socket, target.hostname, secureContext, signal);
    }
    if (!signal.aborted) return { socket, proxy: isTls ? undefined : proxy, ...watch(socket) };
    socket.on('error', () => {}).destroy();
    throw signal.reason;
  };
}

async function secure(
  socket: Socket,
  hostname: string,
  secureContext: SecureContext,
  signal: AbortSignal,
): Promise<Socket> {
  const host = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  const secured = startTls({
    socket,
    host,
    // RFC 6066, section 3: no addresses.
    ...(isIP(host) === 0 ? { servername: host } : {}),
    secureContext,
    ALPNProtocols: ['http/1.1'],
    rejectUnauthorized: true,
  });
  const closing = new AbortController();
  secured.once('close', () => closing.abort(CLOSED));
  const ending = AbortSignal.any([signal, closing.signal]);
  try {
    await once(secured, 'secureConnect', { signal: ending });
    return secured;
  } catch (error) {
    // What comes after the first error is of no interest, and must not end the process.
    secured.on('error', () => {}).destroy();
    throw error instanceof Error && error.name === 'AbortError' ? ending.reason : error;
  }
}

function watch(socket: Socket): Pick<Connection, 'findFault' | 'untilBroken'> {
  let fault: Error | undefined;
  const broken = Promise.withResolvers<never>();
  broken.promise.catch(() => undefined);
  socket.on('error', (error) => {
    fault ??= error;
    broken.reject(error);
  });
  socket.once('close', () => broken.reject(CLOSED));
  return { findFault: () => fault, untilBroken: broken.promise };
}

/** Made once: a stack trace at each connection's end is dear. */
export const CLOSED = codedError('ECONNRESET', 'the socket was closed');

/** Asks an HTTP proxy for a way to the target (RFC 9110, 9.3.6). */
async function openTunnel(socket: Socket, proxy: Proxy, target: URL, signal: AbortSignal): Promise<Socket> {
  const authority = `${target.hostname}:${portOf(target)}`;
  const headers = {
    host: authority,
    ...(proxy.authorization === undefined ? {} : { 'proxy-authorization': proxy.authorization.reveal() }),
  };
  const opened = Promise.withResolvers<Socket>();
  const request = sendRequest({
    method: 'CONNECT',
    path: authority,
    headers,
    createConnection: () => socket,
  });
  request.on('error', (error) => {
    const { code } = describeConnectFault(error);
    const reason = `the proxy ${proxy.origin} of ${proxy.variable} gave no usable answer (${code})`;
    opened.reject(new HttpFault(code, reason, `check that it is a proxy, and ${proxy.variable}`, UNSENT));
  });
  request.once('connect', ({ statusCode = 0 }, tunnel: Socket, head: Buffer) => {
    if (statusCode < 200 || statusCode > 299) opened.reject(describeRefusal(proxy, statusCode));
    else if (head.byteLength > 0) opened.reject(describeNoTunnel(proxy));
    else opened.resolve(tunnel);
  });
  request.end();
  try {
    return await untilAborted(opened.promise, signal);
  } catch (error) {
    socket.on('error', () => {}).destroy();
    throw error;
  }
}

/** A web server, which answers by a page. */
function describeNoTunnel({ origin, variable }: Proxy): HttpFault {
  const reason = `the proxy ${origin} of ${variable} answered with a body instead of a way to the host`;
  return new HttpFault('EPROXY', reason, `check that it is a proxy, and ${variable}`, UNSENT);
}

function describeRefusal({ origin, variable }: Proxy, status: number): HttpFault {
  const reason = `the proxy ${origin} of ${variable} answered ${status}`;
  const advice =
    // tinyproxy answers 401 where RFC 9110, 15.5.8 says 407.
    status === 407 || status === 401
      ? `check the user and password in ${variable}`
      : status >= 500
        ? 'it could not reach the host: check its DNS and its way out, or put the host into NO_PROXY'
        : 'check that it allows this host and port, or put the host into NO_PROXY';
  return new HttpFault('EPROXY', reason, advice, UNSENT);
}

export function describeEarlyBytes(): HttpFault {
  const reason = 'it sent something before it was asked';
  return new HttpFault('EEARLY', reason, 'check the port: this does not look like HTTP', UNSENT);
}
