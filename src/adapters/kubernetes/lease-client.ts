/**
 * A client for one Lease: get, create, update.
 *
 * Guarantee: a call ends by its deadline, reads at most 1 MiB, follows no redirect, and turns everything that a network
 * or the server can do into a {@link LeaseAnswer}. Token and CA are read for every call, because Kubernetes replaces
 * both under a running pod.
 * Non-guarantee: after a failure it is unknown whether the server has carried a write out.
 */
import { DeadlineExceeded, withDeadline } from '../../core/deadline.ts';
import { describeFileError } from '../../core/file-error.ts';
import type { Clock } from '../../core/ports.ts';
import { SecretText } from '../../core/secret-text.ts';
import { VERSION } from '../../core/version.ts';
import { HttpFault, type HttpTransport } from '../../core/wire/http-call.ts';
import type { JsonObject } from '../../core/wire/json.ts';
import { FileLanes } from '../files/file-lanes.ts';
import { readTextFile } from '../files/text-file.ts';
import { createHttpTransport } from '../net/http-transport.ts';
import type { ApiServer } from './api-server.ts';
import {
  buildAnnotatedLease,
  buildLeaseUpdate,
  buildNewLease,
  buildUnheldLease,
  type Lease,
  type LeaseChange,
} from './lease.ts';
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
  /** Adds annotations to `lease`, and leaves the record alone, if nobody has changed it since it was read. */
  annotate(
    lease: Lease,
    annotations: Readonly<Record<string, string>>,
    call: LeaseCall,
  ): Promise<LeaseAnswer>;
  /**
   * Asks whether a write would be taken, by one that the server carries out in part and does not keep (`dryRun=All`): of
   * `lease` as it is, or of a new one that names nobody. A server that knows no dry run finds nothing to change.
   */
  rehearse(lease: Lease | undefined, call: LeaseCall): Promise<LeaseAnswer>;
  /** Gives up the calls that still run. */
  close(): Promise<void>;
}

export interface LeaseClientOptions {
  readonly apiServer: ApiServer;
  readonly leaseName: string;
  /** Its name, or the file that holds it: a pod finds its own namespace that way. */
  readonly namespace: { readonly name: string } | { readonly file: string };
  readonly clock: Clock;
  /** One for the whole process; of its own when left out. */
  readonly files?: FileLanes;
}

/** RFC 1123, what Kubernetes allows for a namespace. */
const NAMESPACE = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** A header must not hold anything else; a file with two lines is no token. */
const TOKEN = /^[\x21-\x7e]+$/;

export function createLeaseClient(options: LeaseClientOptions): LeaseClient {
  return new HttpLeaseClient(options);
}

class HttpLeaseClient implements LeaseClient {
  readonly #options: LeaseClientOptions;
  readonly #files: FileLanes;
  readonly #closing = new AbortController();
  #namespace: string | undefined;
  #trusting: { readonly ca: string | undefined; readonly transport: HttpTransport } | undefined;

  constructor(options: LeaseClientOptions) {
    this.#options = options;
    this.#files = options.files ?? new FileLanes(options.clock);
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

  annotate(
    lease: Lease,
    annotations: Readonly<Record<string, string>>,
    call: LeaseCall,
  ): Promise<LeaseAnswer> {
    return this.#send('update', () => buildAnnotatedLease(lease, annotations), call);
  }

  rehearse(lease: Lease | undefined, call: LeaseCall): Promise<LeaseAnswer> {
    const { leaseName } = this.#options;
    return lease === undefined
      ? this.#send('create', (namespace) => buildUnheldLease(leaseName, namespace), call, DRY_RUN)
      : this.#send('update', () => lease.raw, call, DRY_RUN);
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the client is closed'));
  }

  async #send(
    operation: LeaseOperation,
    buildBody: (namespace: string) => JsonObject | undefined,
    { timeoutMs, signal }: LeaseCall,
    query = '',
  ): Promise<LeaseAnswer> {
    const ending = AbortSignal.any([signal, this.#closing.signal]);
    try {
      return await withDeadline(this.#options.clock, timeoutMs, ending, (limited) =>
        this.#exchange(operation, buildBody, query, limited),
      );
    } catch (error) {
      if (error instanceof UnusableFile) return failed(error.message);
      const { url } = this.#options.apiServer;
      if (error instanceof HttpFault)
        return failed(
          `the API server ${url} ${error.isSent ? 'did not answer' : 'cannot be reached'}: ${error.message}`,
        );
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
    const token = await readToken(this.#files, apiServer.tokenFile, signal);
    const transport = await this.#findTransport(signal);
    const collection = `${apiServer.url}/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
    const body = buildBody(namespace);
    const resource = operation === 'create' ? collection : `${collection}/${leaseName}`;
    const answer = await transport.send(
      {
        method: METHODS[operation],
        url: new URL(`${resource}${query}`),
        headers: {
          accept: 'application/json',
          authorization: `Bearer ${token.reveal()}`,
          'user-agent': `token-refresher/${VERSION}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      },
      signal,
    );
    const name = `${namespace}/${leaseName}`;
    if ('problem' in answer.body)
      return failed(
        `the API server ${apiServer.url} answered with ${answer.body.problem} about lease ${name}`,
      );
    return parseAnswer({
      operation,
      status: answer.status,
      retryAfter: answer.headers.get('retry-after')?.[0],
      body: new TextDecoder().decode(answer.body.bytes),
      nowMs: clock.now(),
      leaseName: name,
    });
  }

  async #findNamespace(signal: AbortSignal): Promise<string> {
    const { namespace } = this.#options;
    if (this.#namespace !== undefined) return this.#namespace;
    if ('name' in namespace) return namespace.name;
    const text = (await readText(this.#files, namespace.file, 'the namespace', signal)).trim();
    if (!NAMESPACE.test(text)) throw new UnusableFile(`file ${namespace.file} holds no name of a namespace`);
    this.#namespace = text;
    return text;
  }

  /** A new one when the cluster's certificates have changed. Never through a proxy: the API server is next door. */
  async #findTransport(signal: AbortSignal): Promise<HttpTransport> {
    const { apiServer, clock } = this.#options;
    const { caFile } = apiServer;
    const ca =
      caFile === undefined ? undefined : await readText(this.#files, caFile, "the API server's CA", signal);
    if (this.#trusting === undefined || this.#trusting.ca !== ca)
      this.#trusting = { ca, transport: createHttpTransport({ clock, readEnv: undefined, ca }) };
    return this.#trusting.transport;
  }
}

const DRY_RUN = '?dryRun=All';

const METHODS = { get: 'GET', create: 'POST', update: 'PUT' } as const;

class UnusableFile extends Error {
  override readonly name = 'UnusableFile';
}

async function readToken(files: FileLanes, path: string, signal: AbortSignal): Promise<SecretText> {
  const text = (await readText(files, path, "the service account's token", signal)).trim();
  if (!TOKEN.test(text)) throw new UnusableFile(`file ${path} holds no token`);
  return new SecretText(text);
}

async function readText(files: FileLanes, path: string, what: string, signal: AbortSignal): Promise<string> {
  try {
    return await readTextFile(files, path, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    const why = describeFileError(error);
    throw new UnusableFile(`file ${path} with ${what} cannot be read (${why})`, { cause: error });
  }
}

/** `ECONNREFUSED`, `CERT_HAS_EXPIRED`, …; messages are not used, they may quote. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  const code = 'code' in error ? error.code : undefined;
  if (typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,63}$/.test(code)) return code;
  return /^[A-Z][A-Za-z]{1,63}$/.test(error.name) ? error.name : 'network error';
}
