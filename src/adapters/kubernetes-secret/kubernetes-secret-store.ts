/**
 * The token store on Secrets of Kubernetes.
 *
 * Guarantee: `publish` replaces a Secret only if the content that `expectedVersion` names was there at that moment, even
 * for a process that was paused in between: it reads the Secret, compares, and replaces exactly what it has read (uid and
 * resourceVersion, which the API server compares). A change of something else (a label, say) in between is read again, and
 * not taken for another version. A replay of a write that succeeded changes nothing. A Secret without our label is not
 * written, and none is listed or watched.
 *
 * Non-guarantee: pods that mount a Secret see a change up to two minutes later (kubelet). A Secret that was deleted under
 * us has no version to compare with: it is created again, when that is allowed.
 */
import type { Failure } from '../../core/failure.ts';
import { forEachConcurrent } from '../../core/for-each-concurrent.ts';
import type { Clock, SecretTexts, SecretWrite, StoredText, TokenStore } from '../../core/ports.ts';
import { fail, type Result, succeed } from '../../core/result.ts';
import type { JsonObject } from '../../core/wire/json.ts';
import type { ApiClient, ApiReply, ApiRequest } from '../kubernetes/api-client.ts';
import { conflictFailure, decideOwnership, decideWrite, type WriteRules } from './decide-write.ts';
import {
  abandoned,
  changedOnTheWay,
  failureFromReply,
  incompleteAnswer,
  type SecretCall,
} from './failure-from-reply.ts';
import { formatPlace, parseSecretName, type SecretName } from './secret-names.ts';
import {
  buildNewSecret,
  buildReplacement,
  digestIn,
  type Marks,
  parseSecret,
  type SecretObject,
} from './secret-object.ts';

/**
 * A Secret holds 1 MiB. A document is in it up to three times, and an answer of the API server has base64: of this size it
 * stays below the 1 MiB that we read of an answer.
 */
const MAX_TEXT_BYTES = 131_072;
const READS_AT_ONCE = 16;
/** Whoever edits labels does so now and then: more conflicts in a row are another trouble. */
const MAX_ATTEMPTS = 5;

export interface StoreOptions extends Marks {
  readonly api: Pick<ApiClient, 'send'>;
  readonly clock: Clock;
  /** Deadline of one call, in milliseconds. */
  readonly timeoutMs: number;
  readonly createSecrets: boolean;
  /** Names of Secrets that may be taken over although the daemon did not create them. */
  readonly adopt: ReadonlySet<string>;
  /** See {@link WriteRules.section}. */
  readonly section: string;
}

export class KubernetesSecretStore implements TokenStore {
  readonly maxSecretBytes = MAX_TEXT_BYTES;
  readonly #options: StoreOptions;

  constructor(options: StoreOptions) {
    this.#options = options;
  }

  async read(secretName: string, signal: AbortSignal): Promise<Result<StoredText | undefined>> {
    const found = await this.#find(secretName, signal);
    return found.secret.ok ? succeed(found.secret.value?.stored) : found.secret;
  }

  async readMany(secretNames: readonly string[], signal: AbortSignal): Promise<SecretTexts> {
    const texts = new Map<string, Result<StoredText | undefined>>();
    await forEachConcurrent([...new Set(secretNames)], READS_AT_ONCE, async (secretName) => {
      texts.set(secretName, await this.read(secretName, signal));
    });
    return texts;
  }

  async publish(write: SecretWrite, signal: AbortSignal): Promise<Result<{ readonly version: string }>> {
    const { secretName, text, requestToken } = write;
    const sizeBytes = Buffer.byteLength(text.reveal());
    if (sizeBytes > MAX_TEXT_BYTES) return fail(tooLarge(secretName, sizeBytes));
    let place: SecretName | undefined;
    for (let attempts = 0; attempts < MAX_ATTEMPTS; attempts += 1) {
      const found = await this.#find(secretName, signal);
      if (!found.secret.ok) return found.secret;
      place = found.place;
      const decision = decideWrite(found.secret.value, write, this.#rulesOf(secretName, place));
      if (decision.kind === 'refused') return fail(decision.failure);
      if (decision.kind === 'written') return succeed({ version: requestToken });
      const call = this.#call(decision.kind, place);
      const body =
        decision.kind === 'create'
          ? buildNewSecret(place, this.#options, write)
          : buildReplacement(decision.secret, write);
      const written = this.#readReply(await this.#send(requestOf(call, body), signal), call, signal);
      if (written.ok) {
        const { stored, digest } = written.value;
        // Without our annotations, which a webhook may take away, the version is another one.
        return stored !== undefined && digest === digestIn(body)
          ? succeed({ version: stored.version })
          : fail(changedOnTheWay(call));
      }
      const { code } = written.failure;
      const isGone = decision.kind === 'update' && code === 'store-missing';
      // What has changed meanwhile may be the content or anything else: the next look tells.
      if (code !== 'store-conflict' && !isGone) return written;
    }
    return fail(conflictFailure(place === undefined ? secretName : formatPlace(place)));
  }

  /** Rehearses the write, which the API server checks and does not keep: only that shows whether the Role allows it. */
  async verifyWritable(secretName: string, signal: AbortSignal): Promise<Result<void>> {
    const { place, secret } = await this.#find(secretName, signal);
    if (!secret.ok) return secret;
    const decision = decideOwnership(secret.value, this.#rulesOf(secretName, place));
    if (decision.kind === 'refused') return fail(decision.failure);
    const call = this.#call(decision.kind, place);
    const body =
      decision.kind === 'create' ? buildNewSecret(place, this.#options, undefined) : decision.secret.raw;
    const request = requestOf(call, body);
    const reply = await this.#send({ ...request, path: `${request.path}?dryRun=All` }, signal);
    // What is answered is not looked at: a Secret that is not kept has no resourceVersion.
    const failure = this.#findFailure(reply, call, signal);
    // Somebody else was faster, which says nothing about the rights.
    return failure === undefined || failure.code === 'store-conflict' ? succeed(undefined) : fail(failure);
  }

  /** Kubernetes keeps no former versions, and counts none. */
  async readVersionAges(): Promise<Result<readonly number[]>> {
    return succeed([]);
  }

  #rulesOf(secretName: string, place: SecretName): WriteRules {
    const { createSecrets, adopt, section } = this.#options;
    const isAdopted = adopt.has(secretName) || adopt.has(formatPlace(place));
    return { createSecrets, isAdopted, place: formatPlace(place), section };
  }

  #call(verb: SecretCall['verb'], place: SecretName): SecretCall {
    return { ...place, verb, section: this.#options.section };
  }

  async #find(
    secretName: string,
    signal: AbortSignal,
  ): Promise<{ readonly place: SecretName; readonly secret: Result<SecretObject | undefined> }> {
    let place = parseSecretName(secretName, '');
    const request = (home: string): ApiRequest => {
      place = parseSecretName(secretName, home);
      return { method: 'GET', path: `${pathOf(place)}/${place.name}` };
    };
    const reply = await this.#send(place.namespace === '' ? request : request(''), signal);
    const secret = this.#readReply(reply, this.#call('get', place), signal);
    const isAbsent = !secret.ok && secret.failure.code === 'store-missing';
    return { place, secret: isAbsent ? succeed(undefined) : secret };
  }

  #send(request: ApiRequest | ((home: string) => ApiRequest), signal: AbortSignal): Promise<ApiReply> {
    const { api, timeoutMs } = this.#options;
    return api.send(request, { timeoutMs, signal });
  }

  #readReply(reply: ApiReply, call: SecretCall, signal: AbortSignal): Result<SecretObject> {
    const failure = this.#findFailure(reply, call, signal);
    if (failure !== undefined) return fail(failure);
    const parsed = parseSecret(reply.kind === 'answer' ? reply.body : '');
    return parsed.ok ? succeed(parsed.secret) : fail(incompleteAnswer(call, parsed.problem));
  }

  #findFailure(reply: ApiReply, call: SecretCall, signal: AbortSignal): Failure | undefined {
    if (reply.kind === 'failed' && signal.aborted) return abandoned(call);
    return reply.kind === 'failed' || reply.status < 200 || reply.status > 299
      ? failureFromReply(reply, call, this.#options.clock.now())
      : undefined;
  }
}

function requestOf({ verb, ...place }: SecretCall, body: JsonObject): ApiRequest {
  return verb === 'create'
    ? { method: 'POST', path: pathOf(place), body }
    : { method: 'PUT', path: `${pathOf(place)}/${place.name}`, body };
}

function pathOf({ namespace }: SecretName): string {
  return `/api/v1/namespaces/${namespace}/secrets`;
}

function tooLarge(secretName: string, sizeBytes: number): Failure {
  return {
    code: 'store-denied',
    retry: 'needs-human',
    message: `the document for ${secretName} has ${sizeBytes} bytes; a Secret takes at most ${MAX_TEXT_BYTES} here`,
  };
}
