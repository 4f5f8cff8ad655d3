/**
 * A client for one Lease: get, create, update.
 *
 * Guarantee: a call ends by its deadline, reads at most 1 MiB, follows no redirect, and turns everything that a network
 * or the server can do into a {@link LeaseAnswer}. Token and CA are read for every call, because Kubernetes replaces
 * both under a running pod.
 * Non-guarantee: after a failure it is unknown whether the server has carried a write out.
 */
import { readFile } from 'node:fs/promises';
import { Agent, type Dispatcher, request as sendRequest } from 'undici';
import { DeadlineExceeded, withDeadline } from '../../core/deadline.ts';
import type { JsonObject } from '../../core/json.ts';
import type { Clock } from '../../core/ports.ts';
import { SecretText } from '../../core/secret-text.ts';
import { VERSION } from '../../core/version.ts';
import type { ApiServer } from './api-server.ts';
import { buildLeaseUpdate, buildNewLease, buildUnheldLease, type Lease, type LeaseChange } from './lease.ts';
import {
  describeUnreachable,
  failed,
  type LeaseAnswer,
  type LeaseOperation,
  parseAnswer,
} from './lease-answer.ts';

export interface LeaseCall {
  /** Limit for files, connection, headers and body together, in milliseconds. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Calls about one lease. None of them throws for what a network, a server or a file can do. */
export interface LeaseClient {
  get(call: LeaseCall): Promise<LeaseAnswer>;
  create(change: LeaseChange, call: LeaseCall): Promise<LeaseAnswer>;
  /** Replaces `lease` if nobody has changed it since it was read. */
  update(lease: Lease, change: LeaseChange, call: LeaseCall): Promise<LeaseAnswer>;
  /**
   * Asks whether a write would be taken, by one that the server carries out in part and does not keep (`dryRun=All`): of
   * `lease` as it is, or of a new one that names nobody. A server that knows no dry run finds nothing to change.
   */
  rehearse(lease: Lease | undefined, call: LeaseCall): Promise<LeaseAnswer>;
  /** Closes all connections. */
  close(): Promise<void>;
}

export interface LeaseClientOptions {
  readonly apiServer: ApiServer;
  readonly leaseName: string;
  /** Its name, or the file that holds it: a pod is told its own namespace that way. */
  readonly namespace: { readonly name: string } | { readonly file: string };
  readonly clock: Clock;
}

const MAX_BODY_BYTES = 1_048_576;
/** Longer than the longest retry period that makes sense; the server closes earlier if it likes. */
const KEEP_ALIVE_MS = 120_000;
/** RFC 1123, what Kubernetes allows for a namespace. */
const NAMESPACE = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** A header must not hold anything else; a file with two lines is no token. */
const TOKEN = /^[\x21-\x7e]+$/;

export function createLeaseClient(options: LeaseClientOptions): LeaseClient {
  return new HttpLeaseClient(options);
}

class HttpLeaseClient implements LeaseClient {
  readonly #options: LeaseClientOptions;
  #namespace: string | undefined;
  #pool: { readonly ca: string | undefined; readonly agent: Agent } | undefined;

  constructor(options: LeaseClientOptions) {
    this.#options = options;
    if ('name' in options.namespace) this.#namespace = options.namespace.name;
  }

  get(call: LeaseCall): Promise<LeaseAnswer> {
    return this.#send('get', () => undefined, call);
  }

  create(change: LeaseChange, call: LeaseCall): Promise<LeaseAnswer> {
    const { leaseName } = this.#options;
    return this.#send('create', (namespace) => buildNewLease(leaseName, namespace, change), call);
  }

  update(lease: Lease, change: LeaseChange, call: LeaseCall): Promise<LeaseAnswer> {
    return this.#send('update', () => buildLeaseUpdate(lease, change), call);
  }

  rehearse(lease: Lease | undefined, call: LeaseCall): Promise<LeaseAnswer> {
    const { leaseName } = this.#options;
    return lease === undefined
      ? this.#send('create', (namespace) => buildUnheldLease(leaseName, namespace), call, DRY_RUN)
      : this.#send('update', () => lease.raw, call, DRY_RUN);
  }

  async close(): Promise<void> {
    await this.#pool?.agent.destroy();
    this.#pool = undefined;
  }

  async #send(
    operation: LeaseOperation,
    buildBody: (namespace: string) => JsonObject | undefined,
    { timeoutMs, signal }: LeaseCall,
    query = '',
  ): Promise<LeaseAnswer> {
    try {
      return await withDeadline(this.#options.clock, timeoutMs, signal, (limited) =>
        this.#exchange(operation, buildBody, query, limited),
      );
    } catch (error) {
      if (error instanceof UnusableFile) return failed(error.message);
      const { url } = this.#options.apiServer;
      return failed(describeUnreachable(url, error instanceof DeadlineExceeded ? undefined : codeOf(error)));
    }
  }

  async #exchange(
    operation: LeaseOperation,
    buildBody: (namespace: string) => JsonObject | undefined,
    query: string,
    signal: AbortSignal,
  ): Promise<LeaseAnswer> {
    const { apiServer, leaseName, clock } = this.#options;
    const namespace = await this.#findNamespace(signal);
    const token = await readToken(apiServer.tokenFile, signal);
    const dispatcher = await this.#findAgent(signal);
    const collection = `${apiServer.url}/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
    const body = buildBody(namespace);
    const url = operation === 'create' ? collection : `${collection}/${leaseName}`;
    const answer = await sendRequest(`${url}${query}`, {
      method: METHODS[operation],
      headers: {
        accept: 'application/json',
        authorization: `Bearer ${token.reveal()}`,
        'user-agent': `token-refresher/${VERSION}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      dispatcher,
      signal,
      // The deadline covers both; undici's own limits run on a clock that tests cannot move.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    // A body that is destroyed before its end emits an error, which would otherwise end the process.
    answer.body.on('error', () => {});
    const text = await readBody(answer.body);
    const name = `${namespace}/${leaseName}`;
    if (text === undefined)
      return failed(`the API server ${apiServer.url} answered with more than 1 MiB about lease ${name}`);
    const retryAfter = answer.headers['retry-after'];
    return parseAnswer({
      operation,
      status: answer.statusCode,
      retryAfter: Array.isArray(retryAfter) ? retryAfter[0] : retryAfter,
      body: text,
      nowMs: clock.now(),
      leaseName: name,
    });
  }

  async #findNamespace(signal: AbortSignal): Promise<string> {
    const { namespace } = this.#options;
    if (this.#namespace !== undefined) return this.#namespace;
    if ('name' in namespace) return namespace.name;
    const text = (await readText(namespace.file, 'the namespace', signal)).trim();
    if (!NAMESPACE.test(text)) throw new UnusableFile(`file ${namespace.file} holds no name of a namespace`);
    this.#namespace = text;
    return text;
  }

  /** The connection pool; a new one when the cluster's certificates have changed. */
  async #findAgent(signal: AbortSignal): Promise<Agent> {
    const { caFile } = this.#options.apiServer;
    const ca = caFile === undefined ? undefined : await readText(caFile, "the API server's CA", signal);
    if (this.#pool?.ca === ca && this.#pool !== undefined) return this.#pool.agent;
    const outdated = this.#pool?.agent;
    const agent = new Agent({
      // One call at a time, and HTTP/2 costs more per call; client-go's HTTP/2 also outlived dead connections.
      allowH2: false,
      connections: 2,
      pipelining: 1,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: 2 * KEEP_ALIVE_MS,
      ...(ca === undefined ? {} : { connect: { ca } }),
    });
    this.#pool = { ca, agent };
    await outdated?.destroy();
    return agent;
  }
}

const DRY_RUN = '?dryRun=All';

const METHODS = { get: 'GET', create: 'POST', update: 'PUT' } as const;

class UnusableFile extends Error {
  override readonly name = 'UnusableFile';
}

async function readToken(path: string, signal: AbortSignal): Promise<SecretText> {
  const text = (await readText(path, "the service account's token", signal)).trim();
  if (!TOKEN.test(text)) throw new UnusableFile(`file ${path} holds no token`);
  return new SecretText(text);
}

async function readText(path: string, what: string, signal: AbortSignal): Promise<string> {
  try {
    return await readFile(path, { encoding: 'utf8', signal });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new UnusableFile(`file ${path} with ${what} cannot be read (${codeOf(error)})`, { cause: error });
  }
}

/** Reads a body of at most 1 MiB; `undefined` as soon as it is known to be larger. */
async function readBody(body: Dispatcher.ResponseData['body']): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    const part: unknown = chunk;
    if (!(part instanceof Uint8Array)) throw new Error('an HTTP body yields bytes');
    bytes += part.byteLength;
    // Leaving the loop destroys the body and with it the connection.
    if (bytes > MAX_BODY_BYTES) return undefined;
    chunks.push(part);
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}

/** `ECONNREFUSED`, `CERT_HAS_EXPIRED`, …; messages are not used, they may quote. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  const code = 'code' in error ? error.code : undefined;
  if (typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,63}$/.test(code)) return code;
  return /^[A-Z][A-Za-z]{1,63}$/.test(error.name) ? error.name : 'network error';
}
