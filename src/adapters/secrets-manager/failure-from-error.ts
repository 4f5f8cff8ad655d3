import { DeadlineExceeded } from '../../core/deadline.ts';
import type { Failure } from '../../core/failure.ts';
import { HttpFault } from '../../core/wire/http-call.ts';
import { isJsonObject } from '../../core/wire/json.ts';
import { recogniseCode } from '../../core/wire/recognised-text.ts';
import { AwsCredentialsError, LOCAL_TROUBLE } from '../aws-credentials/aws-identity.ts';

/** What was being done, for the message: the IAM action's last part, and on which secret. */
export interface StoreCall {
  readonly operation: string;
  readonly secretName: string;
}

type Describe = (call: StoreCall) => Failure;

const needsHuman =
  (code: Failure['code'], say: (call: StoreCall) => string): Describe =>
  (call) => ({ code, retry: 'needs-human', message: say(call) });

const transient =
  (code: Failure['code'], say: (call: StoreCall) => string): Describe =>
  (call) => ({ code, retry: 'backoff', message: say(call) });

const CREDENTIAL_SOURCES =
  "check the service account's role (IRSA or Pod Identity), or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";

const badAwsCredentials = needsHuman(
  'store-denied',
  ({ operation, secretName }) =>
    `AWS did not accept the daemon's own credentials for ${operation} on ${secretName}: ${CREDENTIAL_SOURCES}`,
);

/** Transient, because a moment without the Pod Identity agent or its token file looks the same as no credentials. */
const noAwsCredentials = transient(
  'store-denied',
  ({ operation, secretName }) =>
    `the AWS SDK found no credentials for ${operation} on ${secretName}: ${CREDENTIAL_SOURCES}`,
);

const expiredSession = transient(
  'store-denied',
  ({ operation, secretName }) =>
    `the daemon's AWS session had expired at ${operation} on ${secretName}: IRSA and Pod Identity renew it by ` +
    'themselves, an AWS_SESSION_TOKEN from the environment has to be replaced',
);

const accessDenied = needsHuman(
  'store-denied',
  ({ operation, secretName }) =>
    `AWS denied secretsmanager:${operation} on ${secretName}: grant it to the daemon's role ` +
    `(resource ${operation === 'ListSecrets' ? '*' : patternOf(secretName)})`,
);

function patternOf(secretName: string): string {
  return `pattern ${secretName.startsWith('arn:') ? secretName : `${secretName}-??????`}`;
}

const missing = needsHuman(
  'store-missing',
  ({ secretName }) =>
    `secret ${secretName} does not exist in this account and region: create it (tagged managed-by=token-refresher), ` +
    'or set store.createSecrets: true',
);

const throttled: Describe = ({ operation, secretName }) => ({
  code: 'store-unavailable',
  retry: 'backoff',
  isThrottled: true,
  message:
    `Secrets Manager throttled ${operation} on ${secretName}: if this repeats, find out what else calls it in this ` +
    'account and region',
});

const kms = needsHuman(
  'store-denied',
  ({ operation, secretName }) =>
    `the KMS key of ${secretName} cannot be used for ${operation}: check that the key is enabled and that the daemon's ` +
    'role has kms:GenerateDataKey and kms:Decrypt on it',
);

const versionQuota = transient(
  'store-quota',
  ({ secretName }) =>
    `secret ${secretName} has used up its version quota: the token is kept and written when versions of the last ` +
    '24 hours age out; find out what else writes to this secret, or lengthen refreshAfter',
);

const otherQuota = needsHuman(
  'store-quota',
  ({ operation, secretName }) =>
    `${operation} on ${secretName} is over a quota of the account: ask AWS for a higher one, or delete unused secrets`,
);

const refusedAsInvalid = needsHuman(
  'store-denied',
  ({ operation, secretName }) =>
    `Secrets Manager refused ${operation} on ${secretName} as invalid: check the secret's name, store.kmsKeyId and store.tags`,
);

const noRegion = needsHuman(
  'store-denied',
  ({ operation, secretName }) =>
    `the AWS SDK has no usable region for ${operation} on ${secretName}: set store.region, or AWS_REGION`,
);

/** `store.endpoint` together with AWS_USE_FIPS_ENDPOINT or AWS_USE_DUALSTACK_ENDPOINT (or the same in a profile). */
const noEndpoint = needsHuman(
  'store-denied',
  ({ operation, secretName }) =>
    `the AWS SDK finds no endpoint for ${operation} on ${secretName}: store.endpoint does not go together with ` +
    'AWS_USE_FIPS_ENDPOINT or AWS_USE_DUALSTACK_ENDPOINT, take one of them away; otherwise check store.region',
);

/** The SDK has learnt the right time from that very answer. */
const wrongClock = transient(
  'clock-skewed',
  ({ operation, secretName }) =>
    `AWS refused the signature of ${operation} on ${secretName} because our clock is wrong: the next attempt allows for ` +
    'it, check time synchronisation on this machine',
);

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
  ['InvalidSignatureException', badAwsCredentials],
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
  if (signal.aborted) {
    return {
      code: 'aborted',
      retry: 'soon',
      message: `${call.operation} on ${call.secretName} was abandoned`,
    };
  }
  if (!(error instanceof Error)) return unreachable(call, 'unknown error');
  if (error instanceof AwsCredentialsError) return withoutCredentials(error, call);
  const describe = byCircumstance(error, call.operation) ?? BY_NAME.get(error.name);
  return describe?.(call) ?? unavailable(error, call);
}

/** What a look-up of our own credentials has ended with: nothing was sent to the store. */
function withoutCredentials({ cause, message }: AwsCredentialsError, call: StoreCall): Failure {
  const describe = cause instanceof Error ? ABOUT_CREDENTIALS.get(cause.name) : undefined;
  if (describe !== undefined) return describe(call);
  const { operation, secretName } = call;
  return {
    code: 'store-unavailable',
    retry: 'backoff',
    message: `no AWS credentials for ${operation} on ${secretName}, so nothing was sent: ${message}`,
  };
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
      return /delet/i.test(error.message)
        ? ({ secretName }) => deletingFailure(secretName)
        : managedElsewhere;
    default:
      return /^Region (is missing|not accepted)/.test(error.message) ? noRegion : undefined;
  }
}

function managedElsewhere({ secretName, operation }: StoreCall): Failure {
  return {
    code: 'store-not-ours',
    retry: 'needs-human',
    message: `Secrets Manager does not allow ${operation} on ${secretName} in its present state: another AWS service may own it`,
  };
}

/** A secret that is being deleted is never restored by us. */
export function deletingFailure(secretName: string): Failure {
  return {
    code: 'store-deleting',
    retry: 'needs-human',
    message:
      `secret ${secretName} is scheduled for deletion: restore it (aws secretsmanager restore-secret --secret-id ${secretName}), ` +
      'or take its token out of the configuration',
  };
}

/** An answer that lacks what the service always says. */
export function incompleteAnswer({ operation, secretName }: StoreCall): Failure {
  return {
    code: 'store-unavailable',
    retry: 'backoff',
    message: `${operation} on ${secretName} was not answered as Secrets Manager does: check store.endpoint`,
  };
}

/** How the service says that a label is not where the caller saw it, or that a name is taken. */
function fenced({ secretName }: StoreCall): Failure {
  return {
    code: 'store-conflict',
    retry: 'soon',
    message: `somebody else wrote ${secretName} at the same moment`,
  };
}

function unavailable(error: Error, call: StoreCall): Failure {
  const status = httpStatus(error);
  const code = errorCode(error);
  if (error instanceof HttpFault) {
    const where = HOST_NOT_FOUND.has(error.code) ? 'check store.region and store.endpoint; ' : '';
    return failed(call, error.reason, `${where}${error.advice}`);
  }
  // A status of success: the answer broke off.
  if (status === undefined || (status < 300 && code !== undefined)) {
    if (code !== undefined && UNREADABLE_FILE.has(code)) return noAwsCredentials(call);
    const trouble = code === undefined ? undefined : LOCAL_TROUBLE.get(code);
    if (code !== undefined && trouble !== undefined) return failed(call, code, trouble);
    if (code !== undefined && HOST_NOT_FOUND.has(code)) {
      return failed(call, `host not found (${code})`, 'check store.region, store.endpoint and DNS');
    }
    return unreachable(call, code ?? errorName(error));
  }
  const said = error instanceof SyntaxError ? 'no JSON' : errorName(error);
  const answer = `answered with status ${status} (${said})`;
  return status < 500
    ? failed(call, answer, 'check that store.endpoint is a Secrets Manager')
    : failed(call, answer, 'if this repeats, look at the AWS Health Dashboard');
}

/** The web identity token of IRSA is the one file that is read during a call. */
const UNREADABLE_FILE: ReadonlySet<string> = new Set(['ENOENT', 'EACCES', 'EPERM', 'EISDIR']);

const HOST_NOT_FOUND: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA', 'EAI_AGAIN']);

function unreachable(call: StoreCall, why: string): Failure {
  return failed(call, why, 'if this repeats, check the network path to Secrets Manager');
}

function failed({ operation, secretName }: StoreCall, why: string, remedy: string): Failure {
  return {
    code: 'store-unavailable',
    retry: 'backoff',
    message: `${operation} on ${secretName} failed: ${why}; ${remedy}`,
  };
}

/** The SDK takes `name` from the answer's body, so it may be any text: only one of plain words is shown. */
function errorName(error: Error): string {
  return recogniseCode(error.name, []) ?? 'unknown error';
}

/** `ECONNREFUSED`: of the error or of its cause. */
function errorCode(error: Error): string | undefined {
  if ('code' in error && typeof error.code === 'string' && /^[A-Z][A-Z0-9_]{1,60}$/.test(error.code))
    return error.code;
  return error.cause instanceof Error ? errorCode(error.cause) : undefined;
}

/** HTTP status of an answer; `undefined` when there was none. */
function httpStatus(error: Error): number | undefined {
  const metadata = '$metadata' in error && isJsonObject(error.$metadata) ? error.$metadata : {};
  const status = metadata['httpStatusCode'];
  return typeof status === 'number' ? status : undefined;
}
