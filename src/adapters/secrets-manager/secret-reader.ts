/**
 * Reads the current texts of secrets, one by one or 20 in a call.
 *
 * Guarantee: `readMany` says of each secret what `read` would say. What BatchGetSecretValue leaves open (an error that
 * may pass, a secret that its answer does not mention) is read by a call of its own, and so is everything once the role
 * turns out not to be allowed BatchGetSecretValue: that permission cannot be limited to certain secrets, so some will
 * not grant it.
 *
 * Source: API reference of BatchGetSecretValue (20 secrets in `SecretIdList`; what cannot be read is in `Errors`, with
 * HTTP status 200).
 */
import type { APIErrorType, SecretValueEntry } from '@aws-sdk/client-secrets-manager';
import { withDeadline } from '../../core/deadline.ts';
import { forEachConcurrent, portionsOf } from '../../core/for-each-concurrent.ts';
import type { SecretTexts, StoredText } from '../../core/ports.ts';
import { fail, type Result, succeed } from '../../core/result.ts';
import { SecretText } from '../../core/secret-text.ts';
import { failureFromError, incompleteAnswer, isThrottling, type StoreCall } from './failure-from-error.ts';
import { type CallOptions, callService } from './store-call.ts';

export interface SecretReaderOptions extends CallOptions {
  /** Told once that secrets are read one by one from now on, and why. */
  readonly onBatchDenied: (problem: string) => void;
}

/** By name: emulators exist that take another version for the default. BatchGetSecretValue has no such parameter. */
const CURRENT_LABEL = 'AWSCURRENT';

const GET = { operation: 'GetSecretValue' };

type Reading = Result<StoredText | undefined>;

/** The service's limit for one BatchGetSecretValue. */
const SECRETS_PER_CALL = 20;
const BATCHES_AT_ONCE = 4;
const READS_AT_ONCE = 16;

/** Of a call as a whole: the role may not make it, or the endpoint (an emulator) does not know it. */
const NO_BATCHES: ReadonlySet<string> = new Set(['AccessDeniedException', 'UnknownOperationException']);

export class SecretReader {
  readonly #options: SecretReaderOptions;
  #isBatchDenied = false;

  constructor(options: SecretReaderOptions) {
    this.#options = options;
  }

  /** As {@link TokenStore.read}. */
  async read(secretName: string, signal: AbortSignal): Promise<Reading> {
    const call = { ...GET, secretName, section: this.#options.section };
    const read = await callService(this.#options, call, signal, (service, limited) =>
      service.getSecretValue({ SecretId: secretName, VersionStage: CURRENT_LABEL }, limited),
    );
    if (read.ok) return toText(read.value, call);
    return read.failure.code === 'store-missing' ? succeed(undefined) : read;
  }

  /** As {@link TokenStore.readMany}. */
  async readMany(secretNames: readonly string[], signal: AbortSignal): Promise<SecretTexts> {
    const readings = new Map<string, Reading>();
    const portions = portionsOf([...new Set(secretNames)], SECRETS_PER_CALL);
    await forEachConcurrent(portions, BATCHES_AT_ONCE, (portion) =>
      this.#readPortion(portion, readings, signal),
    );
    const open = secretNames.filter((secretName) => !readings.has(secretName));
    await forEachConcurrent(open, READS_AT_ONCE, async (secretName) => {
      readings.set(secretName, await this.read(secretName, signal));
    });
    return readings;
  }

  /** Adds what one call tells; what it leaves open stays out. */
  async #readPortion(
    secretNames: readonly string[],
    readings: Map<string, Reading>,
    signal: AbortSignal,
  ): Promise<void> {
    const [first, ...others] = secretNames;
    // For a single secret the call that every role may make does as well.
    if (first === undefined || others.length === 0 || this.#isBatchDenied) return;
    const { service, clock, timeoutMs, section } = this.#options;
    try {
      const { SecretValues: values = [], Errors: errors = [] } = await withDeadline(
        clock,
        timeoutMs,
        signal,
        (limited) => service.batchGetSecretValue({ SecretIdList: [...secretNames] }, limited),
      );
      for (const secretName of secretNames) {
        const reading = findReading({ ...GET, secretName, section }, values, errors, signal);
        if (reading !== undefined) readings.set(secretName, reading);
      }
    } catch (error) {
      if (error instanceof Error && NO_BATCHES.has(error.name)) return this.#denyBatches();
      const secretName = `${first} and ${others.length} more`;
      const call = { operation: 'BatchGetSecretValue', secretName, section };
      const failure = failureFromError(error, call, signal);
      // Single reads have a quota of their own, a hundred times as large; and of what is wrong with some secret only a
      // call of its own tells with which.
      if (isThrottling(error) || (failure.code !== 'store-unavailable' && failure.code !== 'aborted')) return;
      for (const each of secretNames) readings.set(each, fail(failure));
    }
  }

  #denyBatches(): void {
    if (this.#isBatchDenied) return;
    this.#isBatchDenied = true;
    this.#options.onBatchDenied(
      'AWS denied secretsmanager:BatchGetSecretValue, which has to be granted on resource *: secrets are read one by one ' +
        'instead, 20 calls for one',
    );
  }
}

/** @param call a single read of the secret. @returns `undefined`: the answer leaves it open */
function findReading(
  call: StoreCall,
  values: readonly SecretValueEntry[],
  errors: readonly APIErrorType[],
  signal: AbortSignal,
): Reading | undefined {
  const { secretName } = call;
  const value = values.find(({ Name, ARN }) => isMeant(secretName, Name) || isMeant(secretName, ARN));
  // Another version than the current one: a call of its own names the label.
  if (value?.VersionStages?.includes(CURRENT_LABEL) === false) return undefined;
  if (value !== undefined) return toText(value, call);
  const error = errors.find(({ SecretId }) => isMeant(secretName, SecretId));
  if (error === undefined) return undefined;
  // The table of errors is the same as for a call of its own: what is denied is GetSecretValue on that secret.
  const thrown = Object.assign(new Error(error.Message ?? ''), { name: error.ErrorCode ?? '' });
  const failure = failureFromError(thrown, call, signal);
  if (failure.code === 'store-missing') return succeed(undefined);
  return failure.retry === 'needs-human' ? fail(failure) : undefined;
}

/** Whether a secret that was asked for by name or ARN is the one that the answer names by either. */
function isMeant(secretName: string, answered: string | undefined): boolean {
  if (answered === undefined) return false;
  if (answered === secretName) return true;
  const [, name] = /^arn:[^:]+:secretsmanager:[^:]*:[^:]*:secret:(.+)-[A-Za-z0-9]{6}$/.exec(answered) ?? [];
  return name === secretName;
}

function toText(
  { SecretString, SecretBinary, VersionId }: Omit<SecretValueEntry, 'Name'>,
  call: StoreCall,
): Reading {
  if (VersionId === undefined) return fail(incompleteAnswer(call));
  // A binary value is no document of ours, but its version is needed to replace it once the secret is adopted.
  const text =
    SecretString ?? (SecretBinary === undefined ? '' : Buffer.from(SecretBinary).toString('base64'));
  return succeed({ text: new SecretText(text), version: VersionId });
}
