import type { Failure } from '../../src/core/failure.ts';
import type { SecretTexts, SecretWrite, StoredText, TokenStore } from '../../src/core/ports.ts';
import { fail, type Result, succeed } from '../../src/core/result.ts';
import { SecretText } from '../../src/core/secret-text.ts';
import { HeldStep } from './held-step.ts';
import { buildFailure } from './sample-events.ts';

export type StoreOperation = 'read' | 'publish' | 'verifyWritable' | 'readVersionAges';

/** One call, as the store saw it arrive. */
export interface StoreCall {
  readonly operation: StoreOperation;
  readonly secretName: string;
  /** Of a `publish`. */
  readonly requestToken?: string;
  readonly expectedVersion?: string | undefined;
  readonly text?: string;
}

interface StoredVersion {
  readonly text: string;
  /** A replay of a write that was current once succeeds without moving anything. */
  wasCurrent: boolean;
}

interface StoredSecret {
  readonly versions: Map<string, StoredVersion>;
  current: string | undefined;
  previous: string | undefined;
}

export const STORE_DOWN = buildFailure({
  code: 'store-unavailable',
  message: 'the store did not answer; nothing to do but wait',
});

const ABANDONED: Failure = { code: 'aborted', retry: 'soon', message: 'the call was abandoned' };

/** A {@link TokenStore} in memory with compare-and-swap, replay of request tokens, faults on demand and a call log. */
export class MemoryStore implements TokenStore {
  readonly maxSecretBytes = 65_536;
  readonly calls: StoreCall[] = [];
  /** What every call fails with, for as long as it is set. */
  outage: Failure | undefined;
  /** What it says of every secret's versions; this store has no clock, so that else all of them are new. */
  versionAgesMs: readonly number[] | undefined;
  readonly #secrets = new Map<string, StoredSecret>();
  readonly #failures: { readonly operation: StoreOperation; readonly failure: Failure }[] = [];
  readonly #holds: { readonly operation: StoreOperation; readonly hold: HeldStep }[] = [];
  #loseAnswers = 0;
  #staleReads = 0;
  #outsideWrites = 0;

  async read(secretName: string, signal: AbortSignal): Promise<Result<StoredText | undefined>> {
    const refusal = await this.#arrive({ operation: 'read', secretName }, signal);
    if (refusal !== undefined) return fail(refusal);
    if (this.#staleReads > 0) {
      this.#staleReads -= 1;
      return succeed(this.#version(secretName, 'previous'));
    }
    return succeed(this.current(secretName));
  }

  async readMany(secretNames: readonly string[], signal: AbortSignal): Promise<SecretTexts> {
    const texts = new Map<string, Result<StoredText | undefined>>();
    for (const secretName of new Set(secretNames)) texts.set(secretName, await this.read(secretName, signal));
    return texts;
  }

  async publish(write: SecretWrite, signal: AbortSignal): Promise<Result<{ readonly version: string }>> {
    const { secretName, requestToken, expectedVersion } = write;
    const text = write.text.reveal();
    const refusal = await this.#arrive(
      { operation: 'publish', secretName, requestToken, expectedVersion, text },
      signal,
    );
    if (refusal !== undefined) return fail(refusal);
    const secret = this.#secret(secretName);
    const known = secret.versions.get(requestToken);
    if (known !== undefined && known.text !== text)
      return fail(conflict('other bytes under a request token'));
    if (known?.wasCurrent !== true) {
      secret.versions.set(requestToken, { text, wasCurrent: false });
      if (secret.current !== expectedVersion) return fail(conflict('another version is current'));
      makeCurrent(secret, requestToken);
    }
    if (this.#loseAnswers > 0) {
      this.#loseAnswers -= 1;
      return fail(STORE_DOWN);
    }
    return succeed({ version: requestToken });
  }

  async verifyWritable(secretName: string, signal: AbortSignal): Promise<Result<void>> {
    const refusal = await this.#arrive({ operation: 'verifyWritable', secretName }, signal);
    return refusal === undefined ? succeed(undefined) : fail(refusal);
  }

  async readVersionAges(secretName: string, signal: AbortSignal): Promise<Result<readonly number[]>> {
    const refusal = await this.#arrive({ operation: 'readVersionAges', secretName }, signal);
    if (refusal !== undefined) return fail(refusal);
    return succeed(this.versionAgesMs ?? [...this.#secret(secretName).versions.values()].map(() => 0));
  }

  failNext(operation: StoreOperation, failure: Failure = STORE_DOWN, times: number = 1): void {
    for (let time = 0; time < times; time += 1) this.#failures.push({ operation, failure });
  }

  /** The next call of that operation stops on its way to the store until it is released. */
  holdNext(operation: StoreOperation): HeldStep {
    const hold = new HeldStep();
    this.#holds.push({ operation, hold });
    return hold;
  }

  /** The next write takes place and its answer does not arrive. */
  loseNextAnswer(): void {
    this.#loseAnswers += 1;
  }

  /** The next reads see the version before the current one. */
  makeReadsStale(times: number = 1): void {
    this.#staleReads += times;
  }

  /** Somebody else writes. */
  put(secretName: string, text: SecretText | string): string {
    this.#outsideWrites += 1;
    const version = `outside-${this.#outsideWrites}`;
    const secret = this.#secret(secretName);
    secret.versions.set(version, {
      text: typeof text === 'string' ? text : text.reveal(),
      wasCurrent: false,
    });
    makeCurrent(secret, version);
    return version;
  }

  current(secretName: string): StoredText | undefined {
    return this.#version(secretName, 'current');
  }

  callsOf(operation: StoreOperation, secretName?: string): readonly StoreCall[] {
    return this.calls.filter(
      (call) => call.operation === operation && (secretName === undefined || call.secretName === secretName),
    );
  }

  /** Versions that a secret has had as its current one. */
  writesTo(secretName: string): number {
    return [...this.#secret(secretName).versions.values()].filter(({ wasCurrent }) => wasCurrent).length;
  }

  async #arrive(call: StoreCall, signal: AbortSignal): Promise<Failure | undefined> {
    this.calls.push(call);
    const held = this.#holds.findIndex(({ operation }) => operation === call.operation);
    if (held !== -1) await this.#holds.splice(held, 1)[0]?.hold.pass();
    if (signal.aborted) return ABANDONED;
    if (this.outage !== undefined) return this.outage;
    const failing = this.#failures.findIndex(({ operation }) => operation === call.operation);
    return failing === -1 ? undefined : this.#failures.splice(failing, 1)[0]?.failure;
  }

  #version(secretName: string, label: 'current' | 'previous'): StoredText | undefined {
    const secret = this.#secret(secretName);
    const version = secret[label];
    const stored = version === undefined ? undefined : secret.versions.get(version);
    return version === undefined || stored === undefined
      ? undefined
      : { text: new SecretText(stored.text), version };
  }

  #secret(secretName: string): StoredSecret {
    const known = this.#secrets.get(secretName);
    if (known !== undefined) return known;
    const secret = { versions: new Map<string, StoredVersion>(), current: undefined, previous: undefined };
    this.#secrets.set(secretName, secret);
    return secret;
  }
}

function makeCurrent(secret: StoredSecret, version: string): void {
  const stored = secret.versions.get(version);
  if (stored !== undefined) stored.wasCurrent = true;
  secret.previous = secret.current;
  secret.current = version;
}

function conflict(why: string): Failure {
  return { code: 'store-conflict', retry: 'soon', message: `the write was refused: ${why}` };
}
