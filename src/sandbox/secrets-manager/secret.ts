import { type SecretVersion, VersionHistory } from './version-history.ts';

/** One secret with everything that the service knows about it. All times are wall time in milliseconds. */
export class Secret {
  readonly name: string;
  /** The six characters that end its ARN. */
  readonly arnSuffix: string;
  readonly createdAtMs: number;
  readonly tags = new Map<string, string>();
  readonly versions = new VersionHistory();
  description: string | undefined;
  kmsKeyId: string | undefined;
  lastChangedAtMs: number;
  /** Start of the day of the last read. */
  lastReadDayMs: number | undefined;
  /** When the secret will be gone, once DeleteSecret has scheduled it. */
  goneAtMs: number | undefined;
  /** The same as answers state it: with whole days, whatever time-lapse makes of them. */
  statedGoneAtMs: number | undefined;

  constructor(name: string, arnSuffix: string, nowMs: number) {
    this.name = name;
    this.arnSuffix = arnSuffix;
    this.createdAtMs = nowMs;
    this.lastChangedAtMs = nowMs;
  }
}

const AWS_MANAGED_KEYS: ReadonlySet<string> = new Set(['', 'alias/aws/secretsmanager', 'aws/secretsmanager']);

/** The key as it is shown: `undefined` for the AWS managed one, which the service never names. */
function shownKmsKeyId(kmsKeyId: string | undefined): string | undefined {
  return kmsKeyId === undefined || AWS_MANAGED_KEYS.has(kmsKeyId) ? undefined : kmsKeyId;
}

/** Dates travel as epoch seconds with a fraction. */
export function epochSeconds(timeMs: number): number;
export function epochSeconds(timeMs: number | undefined): number | undefined;
export function epochSeconds(timeMs: number | undefined): number | undefined {
  return timeMs === undefined ? undefined : timeMs / 1000;
}

/** What DescribeSecret and ListSecrets say alike; members that are `undefined` do not reach the wire. */
export function describeMetadata(secret: Secret, arn: string) {
  return {
    ARN: arn,
    Name: secret.name,
    Description: secret.description,
    KmsKeyId: shownKmsKeyId(secret.kmsKeyId),
    CreatedDate: epochSeconds(secret.createdAtMs),
    LastChangedDate: epochSeconds(secret.lastChangedAtMs),
    LastAccessedDate: epochSeconds(secret.lastReadDayMs),
    DeletedDate: epochSeconds(secret.statedGoneAtMs),
    Tags: secret.tags.size === 0 ? undefined : [...secret.tags].map(([Key, Value]) => ({ Key, Value })),
  };
}

export function describeVersion(secret: Secret, version: SecretVersion) {
  const labels = secret.versions.labelsOf(version.versionId);
  return {
    VersionId: version.versionId,
    VersionStages: labels.length === 0 ? undefined : labels,
    CreatedDate: epochSeconds(version.createdAtMs),
    LastAccessedDate: epochSeconds(version.lastReadDayMs),
    KmsKeyIds: [shownKmsKeyId(version.kmsKeyId) ?? 'DefaultEncryptionKey'],
  };
}
