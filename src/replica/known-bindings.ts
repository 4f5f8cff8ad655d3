/**
 * What is known of the secrets that carry a tag.
 *
 * Guarantee: a secret is read when it is new or has changed, and nothing of it is kept but the customer's name. One that
 * is missing from a list is forgotten only when the store says that it was deleted, is about to be, or has lost its tag;
 * a list that fails or breaks off changes nothing.
 */

import { DeadlineExceeded, withDeadline } from '../core/deadline.ts';
import type { Failure } from '../core/failure.ts';
import { forEachConcurrent } from '../core/for-each-concurrent.ts';
import type { BindingCatalog, BindingSecret, Clock, TokenStore } from '../core/ports.ts';
import { fail, type Result, succeed } from '../core/result.ts';
import { readInBatches, type SecretBatch } from '../core/secret-batches.ts';
import { type BindingFields, type ParsedBinding, parseBinding } from '../core/token/binding.ts';
import type { SecretTag } from '../core/token/secret-tag.ts';

export interface KnownBindingsDeps {
  readonly tag: SecretTag;
  /** The credentials that the provider's kind needs of a customer. */
  readonly fields: BindingFields;
  readonly catalog: BindingCatalog;
  readonly store: Pick<TokenStore, 'readMany'>;
  readonly clock: Clock;
}

export interface KnownBinding {
  readonly secret: BindingSecret;
  /** What was read last; `undefined` when it could not be read so far. */
  readonly binding: ParsedBinding | undefined;
  /** Why it has to be read again; `undefined` when that is not necessary before it changes. */
  readonly unsettled: string | undefined;
}

/** 40 calls a second of the account's 100. */
const BATCH_EVERY_MS = 100;
/** When thousands are missing at once, that is more likely a mistake than the truth: it may take its time. */
const MAX_LOSSES_AT_ONCE = 500;
const QUESTIONS_AT_ONCE = 4;
const LIST_DEADLINE_MS = 600_000;

const ABANDONED: Failure = {
  code: 'aborted',
  retry: 'soon',
  message: 'the search for bindings was abandoned',
};

export class KnownBindings {
  readonly #deps: KnownBindingsDeps;
  readonly #known = new Map<string, KnownBinding>();
  readonly #losses = new Map<string, string>();
  #hasNews = false;

  constructor(deps: KnownBindingsDeps) {
    this.#deps = deps;
  }

  /** By the secret's name. */
  get all(): ReadonlyMap<string, KnownBinding> {
    return this.#known;
  }

  /** Since {@link KnownBindings.forgetLosses} was called. */
  get hasNews(): boolean {
    return this.#hasNews;
  }

  /** Why a secret is known no more, by its name; continues "secret …". */
  get losses(): ReadonlyMap<string, string> {
    return this.#losses;
  }

  /** What was lost has been seen to. */
  forgetLosses(): void {
    this.#losses.clear();
    this.#hasNews = false;
  }

  /** Lists, reads and asks once. What was learnt before a failure counts. */
  async learn(signal: AbortSignal): Promise<Result<void>> {
    const listed = await this.#list(signal);
    if (!listed.ok) return listed;
    const read = await this.#readChanged(listed.value, signal);
    const asked = await this.#askForMissing(listed.value, signal);
    if (signal.aborted) return fail(ABANDONED);
    return read.ok ? asked : read;
  }

  async #list(signal: AbortSignal): Promise<Result<readonly BindingSecret[]>> {
    const { catalog, tag, clock } = this.#deps;
    try {
      return await withDeadline(clock, LIST_DEADLINE_MS, signal, (limited) => catalog.list(tag, limited));
    } catch (error) {
      if (signal.aborted) return fail(ABANDONED);
      if (!(error instanceof DeadlineExceeded)) throw error;
      const message = 'the list of bindings did not come to an end in ten minutes; nothing to do but wait';
      return fail({ code: 'store-unavailable', retry: 'backoff', message });
    }
  }

  /** Ends when the store does not answer. */
  async #readChanged(listed: readonly BindingSecret[], signal: AbortSignal): Promise<Result<void>> {
    const { store, clock } = this.#deps;
    const changed = listed.filter((secret) => {
      const known = this.#known.get(secret.secretName);
      return known?.unsettled !== undefined || known?.secret.revision !== secret.revision;
    });
    const namesOf = ({ secretName }: BindingSecret): readonly string[] => [secretName];
    const options = { namesOf, everyMs: BATCH_EVERY_MS, store, clock, signal };
    for await (const batch of readInBatches(changed, options)) {
      const learnt = this.#learnBatch(batch);
      if (!learnt.ok) return learnt;
    }
    return succeed(undefined);
  }

  #learnBatch({ items, texts }: SecretBatch<BindingSecret>): Result<void> {
    const { fields } = this.#deps;
    let outcome: Result<void> = succeed(undefined);
    for (const secret of items) {
      const { secretName } = secret;
      const read = texts.get(secretName);
      if (read === undefined) continue;
      if (!read.ok) {
        const { code, message } = read.failure;
        if (code === 'store-unavailable' || code === 'aborted') outcome = read;
        else this.#note(secret, this.#known.get(secretName)?.binding, message);
      } else if (read.value === undefined) {
        this.#note(secret, undefined, 'it holds no value yet');
      } else {
        const { text, version } = read.value;
        // List and value come from different places: the older of the two has to catch up.
        const isStale = secret.version !== undefined && secret.version !== version;
        const binding = parseBinding(secretName, text, fields);
        this.#note(secret, binding, isStale ? 'its value is older or newer than the list' : undefined);
      }
    }
    return outcome;
  }

  #note(secret: BindingSecret, binding: ParsedBinding | undefined, unsettled: string | undefined): void {
    this.#known.set(secret.secretName, { secret, binding, unsettled });
    this.#hasNews = true;
  }

  async #askForMissing(listed: readonly BindingSecret[], signal: AbortSignal): Promise<Result<void>> {
    const { catalog, tag } = this.#deps;
    const present = new Set(listed.map(({ secretName }) => secretName));
    const missing = [...this.#known.keys()].filter((secretName) => !present.has(secretName));
    let outcome: Result<void> = succeed(undefined);
    await forEachConcurrent(missing.slice(0, MAX_LOSSES_AT_ONCE), QUESTIONS_AT_ONCE, async (secretName) => {
      const loss = await catalog.findLoss(secretName, tag, signal);
      if (!loss.ok) outcome = loss;
      else if (loss.value !== undefined) {
        this.#known.delete(secretName);
        this.#losses.set(secretName, loss.value);
        this.#hasNews = true;
      }
    });
    return outcome;
  }
}
