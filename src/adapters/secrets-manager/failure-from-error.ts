import { DeadlineExceeded } from '../../core/deadline.ts';
import type { Failure } from '../../core/failure.ts';
import { HttpFault } from '../../core/wire/http-call.ts';
import { recogniseCode } from '../../core/wire/recognised-text.ts';
import { causeCodeOf, LOCAL_TROUBLE, statusOf } from '../aws-credentials/aws-error.ts';
import { AwsCredentialsError } from '../aws-credentials/aws-identity.ts';

/** What was being done, for the message. */
export interface StoreCall {
  /** The IAM action's last part. */
  readonly operation: string;
  readonly secretName: string;
  /** What the configuration calls the store's section: `store`, `stores.aws`. */
  readonly section: string;
}

type Describe = (call: StoreCall) => Failure;
/** @param on the call: `GetSecretValue on payments/pik` */
type Say = (on: string, call: StoreCall) => string;

const describeAs =
  (retry: Failure['retry']) =>
  (code: Failure['code'], say: Say): Describe =>
  (call) => ({ code, retry, message: say(`${call.operation} on ${call.secretName}`, call) });

const needsHuman = describeAs('needs-human');
const transient = describeAs('backoff');
const soon = describeAs('soon');

const CREDENTIAL_SOURCES =
  "check the service account's role (IRSA or Pod Identity), the profile (AWS_PROFILE), or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";

/** Transient: a key that a person replaces in the profile, or that AWS has just made, counts at the next attempt. */
const badAwsCredentials = transient(
  'store-denied',
  (on) => `AWS did not accept the daemon's own credentials for ${on}: ${CREDENTIAL_SOURCES}`,
);

/** A wrong key, or an endpoint in another region than the one that was signed for; the answer's text alone tells which. */
const badSignature = transient(
  'store-denied',
  (on, { section }) =>
    `AWS did not accept the signature of ${on}: ${CREDENTIAL_SOURCES}; with ${section}.endpoint, ` +
    `that ${section}.region is its region`,
);

/** Transient, because a moment without the Pod Identity agent or its token file looks the same as no credentials. */
const noAwsCredentials = transient(
  'store-denied',
  (on) => `the AWS SDK found no credentials for ${on}: ${CREDENTIAL_SOURCES}`,
);

const expiredSession = transient(
  'store-denied',
  (on) =>
    `the daemon's AWS session had expired at ${on}: IRSA and Pod Identity renew it by ` +
    'themselves, an AWS_SESSION_TOKEN from the environment has to be replaced',
);

const accessDenied = needsHuman(
  'store-denied',
  (on, { operation, secretName }) =>
    `AWS denied secretsmanager:${on}: grant it to the daemon's role ` +
    `(resource ${operation === 'ListSecrets' ? '*' : patternOf(secretName)})`,
);

function patternOf(secretName: string): string {
  return `pattern ${secretName.startsWith('arn:') ? secretName : `${secretName}-??????`}`;
}

const missing = needsHuman(
  'store-missing',
  (_, { secretName, section }) =>
    `secret ${secretName} does not exist in this account and region: create it (tagged managed-by=token-refresher), ` +
    `or set ${section}.createSecrets: true`,
);

const throttledOf = transient(
  'store-unavailable',
  (on) =>
    `Secrets Manager throttled ${on}: if this repeats, find out what else calls it in this account and region`,
);
const throttled: Describe = (call) => ({ ...throttledOf(call), isThrottled: true });

const kms = needsHuman(
  'store-denied',
  (_, { operation, secretName }) =>
    `the KMS key of ${secretName} cannot be used for ${operation}: check that the key is enabled and that the daemon's ` +
    'role has kms:GenerateDataKey and kms:Decrypt on it',
);

const versionQuota = transient(
  'store-quota',
  (_, { secretName }) =>
    `secret ${secretName} has used up its version quota: the token is kept and written when versions of the last ` +
    '24 hours age out; find out what else writes to this secret, or lengthen refreshAfter',
);

const otherQuota = needsHuman(
  'store-quota',
  (on) => `${on} is over a quota of the account: ask AWS for a higher one, or delete unused secrets`,
);

const refusedAsInvalid = needsHuman(
  'store-denied',
  (on, { section }) =>
    `Secrets Manager refused ${on} as invalid: check the secret's name, ${section}.kmsKeyId and ${section}.tags`,
);

const noRegion = needsHuman(
  'store-denied',
  (on, { section }) => `the AWS SDK has no usable region for ${on}: set ${section}.region, or AWS_REGION`,
);

/** `endpoint` together with AWS_USE_FIPS_ENDPOINT or AWS_USE_DUALSTACK_ENDPOINT (or the same in a profile). */
const noEndpoint = needsHuman(
  'store-denied',
  (on, { section }) =>
    `the AWS SDK finds no endpoint for ${on}: ${section}.endpoint does not go together with ` +
    `AWS_USE_FIPS_ENDPOINT or AWS_USE_DUALSTACK_ENDPOINT, take one of them away; otherwise check ${section}.region`,
);

/** The SDK has learnt the right time from that very answer. */
const wrongClock = transient(
  'clock-skewed',
  (on) =>
    `AWS refused the signature of ${on} because our clock is wrong: the next attempt allows for ` +
    'it, check time synchronisation on this machine',
);

const managedElsewhere = needsHuman(
  'store-not-ours',
  (on) => `Secrets Manager does not allow ${on} in its present state: another AWS service may own it`,
);

/** A secret that is being deleted is never restored by us. */
export const deletingFailure = needsHuman(
  'store-deleting',
  (_, { secretName }) =>
    `secret ${secretName} is scheduled for deletion: restore it (aws secretsmanager restore-secret --secret-id ${secretName}), ` +
    'or take its token out of the configuration',
);

/** An answer that lacks what the service always says. */
export const incompleteAnswer = transient(
  'store-unavailable',
  (on, { section }) => `${on} was not answered as Secrets Manager does: check ${section}.endpoint`,
);

/** How the service says that a label is not where the caller saw it, or that a name is taken. */
const fenced = soon(
  'store-conflict',
  (_, { secretName }) => `somebody else wrote ${secretName} at the same moment`,
);

const abandoned = soon('aborted', (on) => `${on} was abandoned`);

/** Of the credentials themselves, also from STS when it is asked for the role's session. */
const ABOUT_CREDENTIALS: ReadonlyMap<string, Describe> = new Map<string, Describe>([
  ['AccessDenied', badAwsCredentials],
  ['InvalidClientTokenId', badAwsCredentials],
  ['InvalidIdentityTokenException', badAwsCredentials],
  ['CredentialsProviderError', noAwsCredentials],
  ['TokenProviderError', noAwsCredentials],
  ['ExpiredTokenException', expiredSession],
]);

/**
 * By `error.name`, not `instanceof`: `ThrottlingException` and `AccessDeniedException` are no modelled classes of the
 * SDK. The SDK takes `LimitExceededException` for throttling; it is the version quota.
 */
const BY_NAME: ReadonlyMap<string, Describe> = new Map<string, Describe>([
  ['AccessDeniedException', accessDenied],
  ['UnrecognizedClientException', badAwsCredentials],
  ['InvalidSignatureException', badSignature],
  ['MissingAuthenticationTokenException', badAwsCredentials],
  ['IncompleteSignatureException', badAwsCredentials],
  ...ABOUT_CREDENTIALS,
  ['ResourceNotFoundException', missing],
  ['EndpointError', noEndpoint],
  ['EncryptionFailure', kms],
  ['DecryptionFailure', kms],
  ['ResourceExistsException', fenced],
  ['ThrottlingException', throttled],
  ['Throttling', throttled],
  ['TooManyRequestsException', throttled],
  ['RequestLimitExceeded', throttled],
  ['SlowDown', throttled],
  ['ValidationException', refusedAsInvalid],
  ['MalformedPolicyDocumentException', refusedAsInvalid],
  ['PreconditionNotMetException', refusedAsInvalid],
  ['PublicPolicyException', refusedAsInvalid],
]);

/**
 * Turns whatever a call of the SDK threw into a failure that says what to do. Quotes nothing that came over the wire
 * but the HTTP status and an error's name that looks like one.
 */
export function failureFromError(error: unknown, call: StoreCall, signal: AbortSignal): Failure {
  if (error instanceof DeadlineExceeded) return unreachable(call, error.message);
  if (signal.aborted) return abandoned(call);
  if (!(error instanceof Error)) return unreachable(call, 'unknown error');
  if (error instanceof AwsCredentialsError) return withoutCredentials(error, call);
  const describe = byCircumstance(error, call.operation) ?? BY_NAME.get(error.name);
  return describe?.(call) ?? unavailable(error, call);
}

/** What a look-up of our own credentials has ended with: nothing was sent to the store. */
function withoutCredentials({ cause, message }: AwsCredentialsError, call: StoreCall): Failure {
  const describe = cause instanceof Error ? ABOUT_CREDENTIALS.get(cause.name) : undefined;
  const unknown = transient(
    'store-unavailable',
    (on) => `no AWS credentials for ${on}, so nothing was sent: ${message}`,
  );
  return (describe ?? unknown)(call);
}

export function isThrottling(error: unknown): boolean {
  return error instanceof Error && BY_NAME.get(error.name) === throttled;
}

/** Names that mean different things: what else is known decides. */
function byCircumstance(error: Error, operation: string): Describe | undefined {
  switch (error.name) {
    case 'InvalidSignatureException':
      return /signature (expired|not yet current)/i.test(error.message) ? wrongClock : undefined;
    case 'AccessDeniedException':
      return /access to kms/i.test(error.message) ? kms : undefined;
    case 'LimitExceededException':
      return operation === 'PutSecretValue' ? versionQuota : otherQuota;
    case 'InvalidParameterException':
      return operation === 'UpdateSecretVersionStage' ? fenced : refusedAsInvalid;
    case 'InvalidRequestException':
      // "Not in this state": only the message tells which.
      return /delet/i.test(error.message) ? deletingFailure : managedElsewhere;
    default:
      return /^Region (is missing|not accepted)/.test(error.message) ? noRegion : undefined;
  }
}

function unavailable(error: Error, call: StoreCall): Failure {
  const { section } = call;
  const status = statusOf(error);
  const code = causeCodeOf(error);
  if (error instanceof HttpFault) {
    const where = HOST_NOT_FOUND.has(error.code) ? `check ${section}.region and ${section}.endpoint; ` : '';
    return failed(call, error.reason, `${where}${error.advice}`);
  }
  // A status of success: the answer broke off.
  if (status === undefined || (status < 300 && code !== undefined)) {
    if (code !== undefined && UNREADABLE_FILE.has(code)) return noAwsCredentials(call);
    const trouble = code === undefined ? undefined : LOCAL_TROUBLE.get(code);
    if (code !== undefined && trouble !== undefined) return failed(call, code, trouble);
    if (code !== undefined && HOST_NOT_FOUND.has(code)) {
      return failed(call, `host not found (${code})`, `check ${section}.region, ${section}.endpoint and DNS`);
    }
    return unreachable(call, code ?? errorName(error));
  }
  const said = error instanceof SyntaxError ? 'no JSON' : errorName(error);
  const answer = `answered with status ${status} (${said})`;
  return status < 500
    ? failed(call, answer, `check that ${section}.endpoint is a Secrets Manager`)
    : failed(call, answer, 'if this repeats, look at the AWS Health Dashboard');
}

/** The web identity token of IRSA is the one file that is read during a call. */
const UNREADABLE_FILE: ReadonlySet<string> = new Set(['ENOENT', 'EACCES', 'EPERM', 'EISDIR']);

const HOST_NOT_FOUND: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA', 'EAI_AGAIN']);

function unreachable(call: StoreCall, why: string): Failure {
  return failed(call, why, 'if this repeats, check the network path to Secrets Manager');
}

function failed(call: StoreCall, why: string, remedy: string): Failure {
  return transient('store-unavailable', (on) => `${on} failed: ${why}; ${remedy}`)(call);
}

/** The SDK takes `name` from the answer's body, so it may be any text: only one of plain words is shown. */
function errorName(error: Error): string {
  return recogniseCode(error.name, []) ?? 'unknown error';
}
