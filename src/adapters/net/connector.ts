/**
 * A connection that is ready for one request: name, proxy, TCP and TLS.
 *
 * Guarantee: certificates are always verified, whatever `NODE_TLS_REJECT_UNAUTHORIZED` says: credentials go over every
 * connection of the program. Whoever gives up leaves no socket behind.
 */
import { request as sendRequest } from 'node:http';
import { isIP, type Socket } from 'node:net';
import { type SecureContext, connect as startTls } from 'node:tls';
import type { Clock } from '../../core/ports.ts';
import type { CallTls } from '../../core/wire/call-tls.ts';
import { HttpFault } from '../../core/wire/http-call.ts';
import { connectToFirst } from './address-race.ts';
import { describeConnectFault, UNSENT } from './connection-faults.ts';
import { Names } from './names.ts';
import { findProxy, type Proxy, ProxySettingError, portOf, type ReadEnv } from './proxy-settings.ts';
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

export class Connector {
  readonly #clock: Clock;
  readonly #readEnv: ReadEnv | undefined;
  readonly #names: Names;
  readonly #contexts: SecureContexts;

  constructor({ clock, readEnv, names = new Names({ clock }) }: ConnectorOptions) {
    this.#clock = clock;
    this.#readEnv = readEnv;
    this.#names = names;
    this.#contexts = new SecureContexts(clock);
  }

  /**
   * @param tls for the target; a proxy is shown no client certificate, and trusted only by the system's CAs
   * @param progress how far it has come, for a caller that gives up
   * @throws {HttpFault}, an error of the system, or the signal's reason
   */
  async open(target: URL, tls: CallTls, progress: Progress, signal: AbortSignal): Promise<Connection> {
    const proxy = this.#findProxy(target);
    const isTls = target.protocol === 'https:';
    // What cannot be used is said at once, whatever the network is like.
    const secureContext = isTls ? this.#contexts.find(tls) : undefined;
    let socket: Socket;
    if (proxy === undefined) socket = await this.#connect(target, progress, signal);
    else {
      socket = await this.#connectToProxy(proxy, progress, signal);
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
  }

  #findProxy(target: URL): Proxy | undefined {
    try {
      return this.#readEnv === undefined ? undefined : findProxy(target, this.#readEnv);
    } catch (error) {
      if (!(error instanceof ProxySettingError)) throw error;
      throw new HttpFault('EPROXY', error.message, 'give it as http://HOST:PORT, or unset it', UNSENT);
    }
  }

  async #connect(target: URL, progress: Progress, signal: AbortSignal): Promise<Socket> {
    progress.step = ' (its name was not resolved)';
    const addresses = await untilAborted(this.#names.resolve(target.hostname), signal);
    progress.step = ` (no answer from ${addresses.length === 1 ? 'its address' : 'any of its addresses'})`;
    return connectToFirst(addresses, portOf(target), this.#clock, signal);
  }

  async #connectToProxy(proxy: Proxy, progress: Progress, signal: AbortSignal): Promise<Socket> {
    const { url, origin, variable } = proxy;
    try {
      const socket = await this.#connect(url, progress, signal);
      return url.protocol === 'https:'
        ? await secure(socket, url.hostname, this.#contexts.find({}), signal)
        : socket;
    } catch (error) {
      if (signal.aborted) throw error;
      const fault = error instanceof HttpFault ? error : describeConnectFault(error);
      const reason = `the proxy ${origin} of ${variable} cannot be reached, ${fault.reason}`;
      throw new HttpFault(fault.code, reason, fault.advice, UNSENT);
    }
  }
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
  await untilEvent(secured, 'secureConnect', signal);
  return secured;
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

/** Resolves with the event; the socket is destroyed when that does not come. */
function untilEvent(socket: Socket, event: 'secureConnect', signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      signal.removeEventListener('abort', giveUp);
      socket.off('error', fail).off('close', close);
    };
    const fail = (error: unknown): void => {
      settle();
      // What comes after the first error is of no interest, and must not end the process.
      socket.on('error', () => {}).destroy();
      reject(error);
    };
    const giveUp = (): void => fail(signal.reason);
    const close = (): void => fail(CLOSED);
    if (signal.aborted) return giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    socket.once('error', fail).once('close', close);
    socket.once(event, () => {
      settle();
      resolve();
    });
  });
}

class ClosedError extends Error {
  readonly code = 'ECONNRESET';
}

/** Made once: a stack trace at each connection's end is dear. */
export const CLOSED = new ClosedError();

/** Asks an HTTP proxy for a way to the target (RFC 9110, 9.3.6). */
function openTunnel(socket: Socket, proxy: Proxy, target: URL, signal: AbortSignal): Promise<Socket> {
  const authority = `${target.hostname}:${portOf(target)}`;
  const headers = {
    host: authority,
    ...(proxy.authorization === undefined ? {} : { 'proxy-authorization': proxy.authorization.reveal() }),
  };
  return new Promise((resolve, reject) => {
    const request = sendRequest({
      method: 'CONNECT',
      path: authority,
      headers,
      createConnection: () => socket,
    });
    const giveUp = (): void => fail(signal.reason);
    const fail = (error: unknown): void => {
      signal.removeEventListener('abort', giveUp);
      request.on('error', () => {});
      socket.on('error', () => {}).destroy();
      reject(error);
    };
    if (signal.aborted) return giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    request.once('error', (error) => {
      const { code } = describeConnectFault(error);
      const reason = `the proxy ${proxy.origin} of ${proxy.variable} gave no usable answer (${code})`;
      fail(new HttpFault(code, reason, `check that it is a proxy, and ${proxy.variable}`, UNSENT));
    });
    request.once('connect', ({ statusCode = 0 }, tunnel: Socket, head: Buffer) => {
      if (statusCode < 200 || statusCode > 299) return fail(describeRefusal(proxy, statusCode));
      if (head.byteLength > 0) return fail(describeEarlyBytes());
      signal.removeEventListener('abort', giveUp);
      resolve(tunnel);
    });
    request.end();
  });
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

/** The work goes on for others who wait for it. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(signal.reason);
    if (signal.aborted) giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}
