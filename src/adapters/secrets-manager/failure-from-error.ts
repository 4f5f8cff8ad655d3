import { DeadlineExceeded } from '../../core/deadline.ts';
import type { Failure } from '../../core/failure.ts';

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

const badAwsCredentials = needsHuman(
  'store-denied',
  ({ operation, secretName }) =>
    `AWS did not accept the daemon's own credentials for ${operation} on ${secretName}: check the service account's role ` +
    '(IRSA or Pod Identity), or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
);

const throttled = transient(
  'store-unavailable',
  ({ operation, secretName }) => `Secrets Manager throttled ${operation} on ${secretName}`,
);

const kms = needsHuman(
  'store-denied',
  ({ operation, secretName }) =>
    `the KMS key of ${secretName} cannot be used for ${operation}: check that the key is enabled and that the daemon's ` +
    'role has kms:GenerateDataKey and kms:Decrypt on it',
);

/**
 * By `error.name`, not `instanceof`: `ThrottlingException` and `AccessDeniedException` are no modelled classes of the
 * SDK. The SDK takes `LimitExceededException` for throttling; it is the version quota.
 */
const BY_NAME: ReadonlyMap<string, Describe> = new Map<string, Describe>([
  [
    'AccessDeniedException',
    needsHuman(
      'store-denied',
      ({ operation, secretName }) =>
        `AWS denied secretsmanager:${operation} on ${secretName}: grant it to the daemon's role ` +
        `(resource pattern ${secretName}-??????)`,
    ),
  ],
  ['CredentialsProviderError', badAwsCredentials],
  ['UnrecognizedClientException', badAwsCredentials],
  ['InvalidSignatureException', badAwsCredentials],
  ['MissingAuthenticationTokenException', badAwsCredentials],
  ['IncompleteSignatureException', badAwsCredentials],
  [
    'ExpiredTokenException',
    transient(
      'store-denied',
      ({ operation, secretName }) => `the daemon's AWS session had expired at ${operation} on ${secretName}`,
    ),
  ],
  [
    'ResourceNotFoundException',
    needsHuman(
      'store-missing',
      ({ secretName }) =>
        `secret ${secretName} does not exist: create it (tagged managed-by=token-refresher), or set store.createSecrets: true`,
    ),
  ],
  ['EncryptionFailure', kms],
  ['DecryptionFailure', kms],
  [
    'LimitExceededException',
    transient(
      'store-quota',
      ({ secretName }) =>
        `secret ${secretName} has used up its version quota: the token is kept and written when versions of the last ` +
        '24 hours age out; find out what else writes to this secret, or lengthen refreshAfter',
    ),
  ],
  ['ResourceExistsException', fenced],
  ['ThrottlingException', throttled],
  ['Throttling', throttled],
  ['TooManyRequestsException', throttled],
  ['RequestLimitExceeded', throttled],
  ['SlowDown', throttled],
]);

const REFUSED_AS_INVALID: ReadonlySet<string> = new Set([
  'InvalidParameterException',
  'ValidationException',
  'MalformedPolicyDocumentException',
  'PreconditionNotMetException',
  'PublicPolicyException',
]);

/**
 * Turns whatever a call of the SDK threw into a failure that says what to do. Quotes names of errors, never their
 * messages.
 */
export function failureFromError(error: unknown, call: StoreCall, signal: AbortSignal): Failure {
  if (signal.aborted && !(error instanceof DeadlineExceeded)) {
    return {
      code: 'aborted',
      retry: 'soon',
      message: `${call.operation} on ${call.secretName} was abandoned`,
    };
  }
  if (error instanceof DeadlineExceeded) {
    return unavailable(call, error.message);
  }
  const name = error instanceof Error ? error.name : 'unknown error';
  const known = BY_NAME.get(name);
  if (known !== undefined) return known(call);
  if (name === 'InvalidRequestException') return invalidRequest(error, call);
  if (name === 'InvalidParameterException' && call.operation === 'UpdateSecretVersionStage')
    return fenced(call);
  if (REFUSED_AS_INVALID.has(name)) {
    return {
      code: 'store-denied',
      retry: 'needs-human',
      message: `Secrets Manager refused ${call.operation} on ${call.secretName} as invalid (${name})`,
    };
  }
  return unavailable(call, networkCode(error) ?? name);
}

/**
 * `InvalidRequestException` is AWS's "not in this state": scheduled for deletion, or managed by another service. Only
 * the message tells which; a secret that is being deleted is never restored by us.
 */
function invalidRequest(error: unknown, { secretName, operation }: StoreCall): Failure {
  const text = error instanceof Error ? error.message : '';
  if (/delet/i.test(text)) return deletingFailure(secretName);
  return {
    code: 'store-not-ours',
    retry: 'needs-human',
    message: `Secrets Manager does not allow ${operation} on ${secretName} in its present state: another AWS service may own it`,
  };
}

export function deletingFailure(secretName: string): Failure {
  return {
    code: 'store-deleting',
    retry: 'needs-human',
    message:
      `secret ${secretName} is scheduled for deletion: restore it (aws secretsmanager restore-secret --secret-id ${secretName}), ` +
      'or take its token out of the configuration',
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

function unavailable({ operation, secretName }: StoreCall, why: string): Failure {
  return {
    code: 'store-unavailable',
    retry: 'backoff',
    message: `${operation} on ${secretName} failed: ${why}`,
  };
}

/** `ECONNREFUSED`, `UND_ERR_SOCKET`: of the error or of its cause. */
function networkCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('code' in error && typeof error.code === 'string') return error.code;
  return networkCode(error.cause);
}
