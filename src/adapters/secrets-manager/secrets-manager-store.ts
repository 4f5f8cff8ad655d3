/**
 * The token store on AWS Secrets Manager.
 *
 * Guarantee: `publish` makes a version current only if `expectedVersion` was current at that moment, even for a process
 * that was paused in between. PutSecretValue alone has no precondition, so a version is put under a label of our own
 * and AWSCURRENT is then moved with `RemoveFromVersionId`, which Secrets Manager refuses when AWSCURRENT is elsewhere.
 * A replay with the same request token and bytes makes no second version. A secret that somebody else has created again
 * under the name of one that we wrote is not written until it is known to be ours.
 *
 * Non-guarantee: a write is not readable everywhere at once; Secrets Manager is eventually consistent. A secret that was
 * deleted under us has no version to compare with: it is created again (when that is allowed) or gets its first value.
 * A tag that is taken away while the program runs is noticed by `verifyWritable` and at the next start.
 */
import type { Failure } from '../../core/failure.ts';
import type { SecretTexts, SecretWrite, StoredText, TokenStore } from '../../core/ports.ts';
import { fail, type Result, succeed } from '../../core/result.ts';
import { incompleteAnswer, type StoreCall } from './failure-from-error.ts';
import { decideOwnership, type Ownership, ownerTags } from './ownership.ts';
import { SecretReader, type SecretReaderOptions } from './secret-reader.ts';
import type { SecretsManagerService } from './service.ts';
import { callService } from './store-call.ts';
import { readVersionAges } from './version-ages.ts';

/**
 * Holds a new version between the two calls. Not AWSPENDING: that would make RotateSecret believe that a rotation is
 * under way. A label sits on one version at a time, so it needs no clean-up.
 */
const NEXT_LABEL = 'TOKEN_REFRESHER_NEXT';
const CURRENT_LABEL = 'AWSCURRENT';

/** The service's limit for one value. */
const VALUE_LIMIT_BYTES = 65_536;

export interface StoreOptions extends SecretReaderOptions {
  readonly createSecrets: boolean;
  readonly kmsKeyId: string | undefined;
  /** Put on secrets that the daemon creates, beside its own tag. */
  readonly tags: Readonly<Record<string, string>>;
  /** Names of secrets that may be taken over although the daemon did not create them. */
  readonly adopt: ReadonlySet<string>;
}

/** A secret that may be written as far as its owner is concerned. */
type Writable = { readonly kind: Ownership; readonly arn: string } | { readonly kind: 'to-be-created' };

type Written = Result<{ readonly version: string }>;

export class SecretsManagerStore implements TokenStore {
  readonly maxSecretBytes = VALUE_LIMIT_BYTES;
  readonly #options: StoreOptions;
  readonly #reader: SecretReader;
  /**
   * Secrets whose ownership was checked in this process: name to ARN. Writes go to the ARN, because it ends in
   * characters that are drawn when a secret is created: a name may meanwhile belong to somebody else's secret.
   */
  readonly #ownArns = new Map<string, string>();

  constructor(options: StoreOptions) {
    this.#options = options;
    this.#reader = new SecretReader(options);
  }

  read(secretName: string, signal: AbortSignal): Promise<Result<StoredText | undefined>> {
    return this.#reader.read(secretName, signal);
  }

  readMany(secretNames: readonly string[], signal: AbortSignal): Promise<SecretTexts> {
    return this.#reader.readMany(secretNames, signal);
  }

  async verifyWritable(secretName: string, signal: AbortSignal): Promise<Result<void>> {
    const checked = await this.#inspect(secretName, signal);
    return checked.ok ? succeed(undefined) : checked;
  }

  readVersionAges(secretName: string, signal: AbortSignal): Promise<Result<readonly number[]>> {
    return readVersionAges(this.#options, secretName, signal);
  }

  async publish(write: SecretWrite, signal: AbortSignal): Promise<Written> {
    const { secretName } = write;
    const sizeBytes = Buffer.byteLength(write.text.reveal());
    if (sizeBytes > VALUE_LIMIT_BYTES) return fail(tooLarge(secretName, sizeBytes));

    const knownArn = this.#ownArns.get(secretName);
    const replaced = knownArn === undefined ? undefined : await this.#replace(write, knownArn, signal);
    const isGone = replaced?.ok === false && replaced.failure.code === 'store-missing';
    const written = replaced === undefined || isGone ? await this.#claimAndWrite(write, signal) : replaced;
    // What a human changes may be the owner.
    if (!written.ok && written.failure.retry === 'needs-human') this.#ownArns.delete(secretName);
    return written;
  }

  /** A write to a secret of which this process does not know, or no longer knows, whose it is. */
  async #claimAndWrite(write: SecretWrite, signal: AbortSignal): Promise<Written> {
    const { secretName } = write;
    const inspected = await this.#inspect(secretName, signal);
    if (!inspected.ok) return inspected;
    const secret = inspected.value;
    if (secret.kind === 'to-be-created') return this.#create(write, signal);
    if (secret.kind === 'to-be-adopted') {
      const tagged = await this.#call('TagResource', secretName, signal, (service, limited) =>
        service.tagResource({ SecretId: secret.arn, Tags: ownerTags({}) }, limited),
      );
      if (!tagged.ok) return tagged;
      this.#ownArns.set(secretName, secret.arn);
    }
    return this.#replace(write, secret.arn, signal);
  }

  /** Looks whose the secret is, and remembers it when it is ours. */
  async #inspect(secretName: string, signal: AbortSignal): Promise<Result<Writable>> {
    const described = await this.#call('DescribeSecret', secretName, signal, (service, limited) =>
      service.describeSecret({ SecretId: secretName }, limited),
    );
    if (!described.ok) {
      const mayCreate = described.failure.code === 'store-missing' && this.#options.createSecrets;
      return mayCreate ? succeed({ kind: 'to-be-created' }) : described;
    }
    const { ARN: arn } = described.value;
    const call = this.#name('DescribeSecret', secretName);
    if (arn === undefined) return fail(incompleteAnswer(call));
    const owned = decideOwnership(described.value, call, this.#options.adopt);
    if (owned.ok && owned.value === 'ours') this.#ownArns.set(secretName, arn);
    if (!owned.ok) this.#ownArns.delete(secretName);
    return owned.ok ? succeed({ kind: owned.value, arn }) : owned;
  }

  async #create(write: SecretWrite, signal: AbortSignal): Promise<Written> {
    const { secretName, requestToken } = write;
    const { kmsKeyId, tags } = this.#options;
    const created = await this.#call('CreateSecret', secretName, signal, (service, limited) =>
      service.createSecret(
        {
          Name: secretName,
          ClientRequestToken: requestToken,
          SecretString: write.text.reveal(),
          Description: 'Access token, kept fresh by token-refresher',
          Tags: ownerTags(tags),
          ...(kmsKeyId === undefined ? {} : { KmsKeyId: kmsKeyId }),
        },
        limited,
      ),
    );
    if (!created.ok) return created;
    const { ARN: arn, VersionId: version } = created.value;
    if (arn === undefined || version !== requestToken)
      return fail(incompleteAnswer(this.#name('CreateSecret', secretName)));
    this.#ownArns.set(secretName, arn);
    return succeed({ version });
  }

  async #replace(write: SecretWrite, arn: string, signal: AbortSignal): Promise<Written> {
    const { secretName, requestToken, expectedVersion } = write;
    const put = await this.#call('PutSecretValue', secretName, signal, (service, limited) =>
      service.putSecretValue(
        {
          SecretId: arn,
          ClientRequestToken: requestToken,
          SecretString: write.text.reveal(),
          VersionStages: [NEXT_LABEL],
        },
        limited,
      ),
    );
    if (!put.ok) return put;
    if (put.value.VersionId !== requestToken)
      return fail(incompleteAnswer(this.#name('PutSecretValue', secretName)));
    // The first version of a secret gets AWSCURRENT whatever labels were asked for, so there is nothing to move.
    if (expectedVersion === undefined) return this.#confirmCurrent(write, signal);

    const moved = await this.#call('UpdateSecretVersionStage', secretName, signal, (service, limited) =>
      service.updateSecretVersionStage(
        {
          SecretId: arn,
          VersionStage: CURRENT_LABEL,
          MoveToVersionId: requestToken,
          RemoveFromVersionId: expectedVersion,
        },
        limited,
      ),
    );
    if (moved.ok) return succeed({ version: requestToken });
    // The fence: AWSCURRENT is not where we saw it, the version that we saw is long gone (then the service cannot find
    // it), or this is the replay of a move whose answer was lost.
    const isFenced = moved.failure.code === 'store-conflict' || moved.failure.code === 'store-missing';
    return isFenced ? this.#confirmCurrent(write, signal) : moved;
  }

  async #confirmCurrent({ secretName, requestToken }: SecretWrite, signal: AbortSignal): Promise<Written> {
    const current = await this.read(secretName, signal);
    if (!current.ok) return current;
    if (current.value?.version === requestToken) return succeed({ version: requestToken });
    const message = `secret ${secretName} holds another version than expected: somebody else has written it`;
    return fail({ code: 'store-conflict', retry: 'soon', message });
  }

  #name(operation: string, secretName: string): StoreCall {
    return { operation, secretName, section: this.#options.section };
  }

  #call<T>(
    operation: string,
    secretName: string,
    signal: AbortSignal,
    send: (service: SecretsManagerService, signal: AbortSignal) => Promise<T>,
  ): Promise<Result<T>> {
    return callService(this.#options, { operation, secretName }, signal, send);
  }
}

function tooLarge(secretName: string, sizeBytes: number): Failure {
  return {
    code: 'store-denied',
    retry: 'needs-human',
    message: `the document for ${secretName} has ${sizeBytes} bytes; Secrets Manager stores at most ${VALUE_LIMIT_BYTES}`,
  };
}
