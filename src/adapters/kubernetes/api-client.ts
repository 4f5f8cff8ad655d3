/**
 * Calls of the API server, as a pod makes them.
 *
 * Guarantee: a call ends by its deadline and frees its connection, reads at most 1 MiB, follows no redirect, uses no
 * proxy, and turns everything that a network or a file can do into an {@link ApiReply}. Token and CA are read for every
 * call, because Kubernetes replaces both under a running pod; what is refused with 401 is sent once more when the token
 * has changed meanwhile.
 * Non-guarantee: after a failure it is unknown whether the server has carried a write out.
 */

import { DeadlineExceeded, withDeadline } from '../../core/deadline.ts';
import { codeOf } from '../../core/error-code.ts';
import { describeFileError } from '../../core/file-error.ts';
import type { Clock } from '../../core/ports.ts';
import { SecretText } from '../../core/secret-text.ts';
import { VERSION } from '../../core/version.ts';
import type { ApiServer } from '../../core/wire/api-server-fields.ts';
import { LABEL_PATTERN } from '../../core/wire/field-schemas.ts';
import { type HttpAnswer, HttpFault, type HttpTransport } from '../../core/wire/http-call.ts';
import type { JsonObject } from '../../core/wire/json.ts';
import type { FileLanes } from '../files/file-lanes.ts';
import { readTextFile } from '../files/text-file.ts';
import { createHttpTransport } from '../net/http-transport.ts';

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** With its query. */
  readonly path: string;
  readonly body?: JsonObject | undefined;
}

export interface CallLimits {
  /** Limit for files, connection, headers and body together, in milliseconds. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export type ApiReply =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly retryAfter: string | undefined;
      readonly body: string;
    }
  /** Lower case, says what to do, quotes no body. */
  | { readonly kind: 'failed'; readonly message: string };

export interface ApiClientOptions {
  readonly apiServer: ApiServer;
  /** Its name, or the file that holds it: a pod finds its own namespace that way. */
  readonly namespace: { readonly name: string } | { readonly file: string };
  readonly clock: Clock;
  readonly files: Pick<FileLanes, 'run'>;
}

/** A header must not hold anything else; a file with two lines is no token. */
const TOKEN = /^[\x21-\x7e]+$/;

export class ApiClient {
  readonly #options: ApiClientOptions;
  readonly #closing = new AbortController();
  /** As the file has it, once it was read. */
  #ownNamespace: string | undefined;
  #trusting: { readonly ca: string | undefined; readonly transport: HttpTransport } | undefined;

  constructor(options: ApiClientOptions) {
    this.#options = options;
  }

  /**
   * Sends one request.
   * @param request may ask for the namespace, which is looked up then
   */
  async send(
    request: ApiRequest | ((namespace: string) => ApiRequest),
    { timeoutMs, signal }: CallLimits,
  ): Promise<ApiReply> {
    const ending = AbortSignal.any([signal, this.#closing.signal]);
    try {
      return await withDeadline(this.#options.clock, timeoutMs, ending, async (limited) =>
        this.#exchange(
          typeof request === 'function' ? request(await this.#findNamespace(limited)) : request,
          limited,
        ),
      );
    } catch (error) {
      return { kind: 'failed', message: describeError(error, this.#options.apiServer.url) };
    }
  }

  /** Gives up the calls that still run. */
  close(): void {
    this.#closing.abort(new Error('the client is closed'));
  }

  async #exchange(request: ApiRequest, signal: AbortSignal): Promise<ApiReply> {
    const { tokenFile, url } = this.#options.apiServer;
    const token = await this.#readToken(tokenFile, signal);
    let answer = await this.#sendAs(token, request, signal);
    if (answer.status === 401) {
      const newer = await this.#readToken(tokenFile, signal);
      if (!newer.equals(token)) answer = await this.#sendAs(newer, request, signal);
    }
    const { status, headers, body } = answer;
    if ('problem' in body)
      return { kind: 'failed', message: `the API server ${url} answered with ${body.problem}` };
    const retryAfter = headers.get('retry-after')?.[0];
    return { kind: 'answer', status, retryAfter, body: new TextDecoder().decode(body.bytes) };
  }

  async #sendAs(
    token: SecretText,
    { method, path, body }: ApiRequest,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    const transport = await this.#findTransport(signal);
    return transport.send(
      {
        method,
        url: new URL(`${this.#options.apiServer.url}${path}`),
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
  }

  async #findNamespace(signal: AbortSignal): Promise<string> {
    const { namespace } = this.#options;
    if ('name' in namespace) return namespace.name;
    if (this.#ownNamespace !== undefined) return this.#ownNamespace;
    const text = (await this.#readText(namespace.file, 'the namespace', signal)).trim();
    if (!LABEL_PATTERN.test(text))
      throw new UnusableFile(`file ${namespace.file} holds no name of a namespace`);
    this.#ownNamespace = text;
    return text;
  }

  /** A new one when the cluster's certificates have changed. Never through a proxy: the API server is next door. */
  async #findTransport(signal: AbortSignal): Promise<HttpTransport> {
    const { apiServer, clock } = this.#options;
    const { caFile } = apiServer;
    const ca = caFile === undefined ? undefined : await this.#readText(caFile, "the API server's CA", signal);
    if (this.#trusting === undefined || this.#trusting.ca !== ca)
      this.#trusting = { ca, transport: createHttpTransport({ clock, readEnv: undefined, ca }) };
    return this.#trusting.transport;
  }

  async #readToken(path: string, signal: AbortSignal): Promise<SecretText> {
    const text = (await this.#readText(path, "the service account's token", signal)).trim();
    if (!TOKEN.test(text)) throw new UnusableFile(`file ${path} holds no token`);
    return new SecretText(text);
  }

  async #readText(path: string, what: string, signal: AbortSignal): Promise<string> {
    try {
      return await readTextFile(this.#options.files, path, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      const why = describeFileError(error);
      throw new UnusableFile(`file ${path} with ${what} cannot be read (${why})`, { cause: error });
    }
  }
}

class UnusableFile extends Error {
  override readonly name = 'UnusableFile';
}

function describeError(error: unknown, url: string): string {
  if (error instanceof UnusableFile) return error.message;
  if (error instanceof HttpFault)
    return `the API server ${url} ${error.isSent ? 'did not answer' : 'cannot be reached'}: ${error.message}`;
  const reason =
    error instanceof DeadlineExceeded
      ? 'gave no answer in time'
      : `cannot be reached (${describeCode(error)})`;
  return `the API server ${url} ${reason}: check its address, network policy and certificate`;
}

/** `ECONNREFUSED`, `CERT_HAS_EXPIRED`, …; messages are not used, they may quote. */
function describeCode(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  const code = codeOf(error);
  if (code !== undefined && /^[A-Z][A-Z0-9_]{1,63}$/.test(code)) return code;
  return /^[A-Z][A-Za-z]{1,63}$/.test(error.name) ? error.name : 'network error';
}
