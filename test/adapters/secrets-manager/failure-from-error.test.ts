import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { AwsCredentialsError } from '../../../src/adapters/aws-credentials/aws-identity.ts';
import { failureFromError } from '../../../src/adapters/secrets-manager/failure-from-error.ts';
import { DeadlineExceeded } from '../../../src/core/deadline.ts';
import type { Failure } from '../../../src/core/failure.ts';
import { never, SECRET } from '../../support/store-write.ts';

/** Stands for a secret in whatever the service, a proxy or the SDK may have put into an error. */
const CANARY = 'canary-7f3a';

function errorNamed(name: string, more: object = {}): Error {
  return Object.assign(new Error(CANARY), { name, ...more });
}

function answered(name: string, httpStatusCode: number, more: object = {}): Error {
  return errorNamed(name, { $fault: 'client', $metadata: { httpStatusCode }, ...more });
}

function fail(error: unknown, operation: string = 'PutSecretValue', secretName: string = SECRET): Failure {
  return failureFromError(error, { operation, secretName, section: 'store' }, never);
}

const SOURCES =
  "check the service account's role (IRSA or Pod Identity), the profile (AWS_PROFILE), or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
const BAD_SIGNATURE = `AWS did not accept the signature of PutSecretValue on ${SECRET}: ${SOURCES}; with store.endpoint, that store.region is its region`;
const BAD_CREDENTIALS = `AWS did not accept the daemon's own credentials for PutSecretValue on ${SECRET}: ${SOURCES}`;
const NO_CREDENTIALS = `the AWS SDK found no credentials for PutSecretValue on ${SECRET}: ${SOURCES}`;
const THROTTLED = `Secrets Manager throttled PutSecretValue on ${SECRET}: if this repeats, find out what else calls it in this account and region`;
const KMS = `the KMS key of ${SECRET} cannot be used for PutSecretValue: check that the key is enabled and that the daemon's role has kms:GenerateDataKey and kms:Decrypt on it`;
const INVALID = `Secrets Manager refused PutSecretValue on ${SECRET} as invalid: check the secret's name, store.kmsKeyId and store.tags`;
const CONFLICT = `somebody else wrote ${SECRET} at the same moment`;

type Row = readonly [name: string, code: Failure['code'], retry: Failure['retry'], message: string];

const BY_NAME: readonly Row[] = [
  [
    'AccessDeniedException',
    'store-denied',
    'needs-human',
    `AWS denied secretsmanager:PutSecretValue on ${SECRET}: grant it to the daemon's role (resource pattern ${SECRET}-??????)`,
  ],
  ['UnrecognizedClientException', 'store-denied', 'backoff', BAD_CREDENTIALS],
  ['InvalidSignatureException', 'store-denied', 'backoff', BAD_SIGNATURE],
  ['MissingAuthenticationTokenException', 'store-denied', 'backoff', BAD_CREDENTIALS],
  ['IncompleteSignatureException', 'store-denied', 'backoff', BAD_CREDENTIALS],
  ['AccessDenied', 'store-denied', 'backoff', BAD_CREDENTIALS],
  ['InvalidClientTokenId', 'store-denied', 'backoff', BAD_CREDENTIALS],
  ['InvalidIdentityTokenException', 'store-denied', 'backoff', BAD_CREDENTIALS],
  ['CredentialsProviderError', 'store-denied', 'backoff', NO_CREDENTIALS],
  ['TokenProviderError', 'store-denied', 'backoff', NO_CREDENTIALS],
  [
    'ExpiredTokenException',
    'store-denied',
    'backoff',
    `the daemon's AWS session had expired at PutSecretValue on ${SECRET}: IRSA and Pod Identity renew it by themselves, ` +
      'an AWS_SESSION_TOKEN from the environment has to be replaced',
  ],
  [
    'ResourceNotFoundException',
    'store-missing',
    'needs-human',
    `secret ${SECRET} does not exist in this account and region: create it (tagged managed-by=token-refresher), or set store.createSecrets: true`,
  ],
  ['EncryptionFailure', 'store-denied', 'needs-human', KMS],
  ['DecryptionFailure', 'store-denied', 'needs-human', KMS],
  [
    'LimitExceededException',
    'store-quota',
    'backoff',
    `secret ${SECRET} has used up its version quota: the token is kept and written when versions of the last 24 hours age out; ` +
      'find out what else writes to this secret, or lengthen refreshAfter',
  ],
  ['ResourceExistsException', 'store-conflict', 'soon', CONFLICT],
  ['ThrottlingException', 'store-unavailable', 'backoff', THROTTLED],
  ['Throttling', 'store-unavailable', 'backoff', THROTTLED],
  ['TooManyRequestsException', 'store-unavailable', 'backoff', THROTTLED],
  ['RequestLimitExceeded', 'store-unavailable', 'backoff', THROTTLED],
  ['SlowDown', 'store-unavailable', 'backoff', THROTTLED],
  ['InvalidParameterException', 'store-denied', 'needs-human', INVALID],
  ['ValidationException', 'store-denied', 'needs-human', INVALID],
  ['MalformedPolicyDocumentException', 'store-denied', 'needs-human', INVALID],
  ['PreconditionNotMetException', 'store-denied', 'needs-human', INVALID],
  ['PublicPolicyException', 'store-denied', 'needs-human', INVALID],
  [
    'InvalidRequestException',
    'store-not-ours',
    'needs-human',
    `Secrets Manager does not allow PutSecretValue on ${SECRET} in its present state: another AWS service may own it`,
  ],
  [
    'InternalServiceError',
    'store-unavailable',
    'backoff',
    `PutSecretValue on ${SECRET} failed: answered with status 400 (InternalServiceError); check that store.endpoint is a Secrets Manager`,
  ],
];

describe('failureFromError', () => {
  for (const [name, code, retry, message] of BY_NAME) {
    it(`knows ${name}`, () => {
      const marked = message === THROTTLED ? { isThrottled: true } : {};
      assert.deepEqual(fail(answered(name, 400)), { code, retry, ...marked, message });
    });
  }

  const circumstances: readonly {
    readonly what: string;
    readonly error: unknown;
    readonly operation?: string;
    readonly secretName?: string;
    readonly expected: Failure;
  }[] = [
    {
      what: 'a denial by KMS from one by IAM',
      error: Object.assign(answered('AccessDeniedException', 400), {
        message: 'Access to KMS is not allowed',
      }),
      expected: { code: 'store-denied', retry: 'needs-human', message: KMS },
    },
    {
      what: 'a denied ARN, whose pattern is the ARN itself',
      error: answered('AccessDeniedException', 400),
      operation: 'GetSecretValue',
      secretName: 'arn:aws:secretsmanager:us-east-1:000000000000:secret:pik-AbCdEf',
      expected: {
        code: 'store-denied',
        retry: 'needs-human',
        message:
          'AWS denied secretsmanager:GetSecretValue on arn:aws:secretsmanager:us-east-1:000000000000:secret:pik-AbCdEf: ' +
          "grant it to the daemon's role (resource pattern arn:aws:secretsmanager:us-east-1:000000000000:secret:pik-AbCdEf)",
      },
    },
    ...[
      'Signature expired: 20261121T1200Z is now earlier than',
      'Signature not yet current: 20261121T1200Z',
    ].map((text) => ({
      what: `what AWS means by "${text.slice(0, text.indexOf(':'))}"`,
      error: Object.assign(answered('InvalidSignatureException', 400), { message: text }),
      expected: {
        code: 'clock-skewed',
        retry: 'backoff',
        message:
          `AWS refused the signature of PutSecretValue on ${SECRET} because our clock is wrong: the next attempt allows for it, ` +
          'check time synchronisation on this machine',
      } as const,
    })),
    {
      what: 'a label that is elsewhere',
      error: answered('InvalidParameterException', 400),
      operation: 'UpdateSecretVersionStage',
      expected: { code: 'store-conflict', retry: 'soon', message: CONFLICT },
    },
    {
      what: 'a quota of secrets from the one of versions',
      error: answered('LimitExceededException', 400),
      operation: 'CreateSecret',
      expected: {
        code: 'store-quota',
        retry: 'needs-human',
        message: `CreateSecret on ${SECRET} is over a quota of the account: ask AWS for a higher one, or delete unused secrets`,
      },
    },
    ...['marked for deletion.', 'already scheduled for deletion.', 'it was deleted.'].map((text) => ({
      what: `a secret of which AWS says "${text}"`,
      error: Object.assign(answered('InvalidRequestException', 400), {
        message: `You can't do that because ${text}`,
      }),
      expected: {
        code: 'store-deleting',
        retry: 'needs-human',
        message:
          `secret ${SECRET} is scheduled for deletion: restore it (aws secretsmanager restore-secret --secret-id ${SECRET}), ` +
          'or take its token out of the configuration',
      } as const,
    })),
    ...[
      'Region is missing',
      'Region not accepted: region="us east 1" is not a valid hostname component.',
    ].map((text) => ({
      what: `what the SDK means by "${text}"`,
      error: new Error(text),
      expected: {
        code: 'store-denied',
        retry: 'needs-human',
        message: `the AWS SDK has no usable region for PutSecretValue on ${SECRET}: set store.region, or AWS_REGION`,
      } as const,
    })),
    {
      what: 'an endpoint that does not go together with FIPS',
      error: errorNamed('EndpointError'),
      expected: {
        code: 'store-denied',
        retry: 'needs-human',
        message:
          `the AWS SDK finds no endpoint for PutSecretValue on ${SECRET}: store.endpoint does not go together with ` +
          'AWS_USE_FIPS_ENDPOINT or AWS_USE_DUALSTACK_ENDPOINT, take one of them away; otherwise check store.region',
      } as const,
    },
    {
      what: 'credentials that nobody answers for',
      error: new AwsCredentialsError('the agent gave no answer within 2s'),
      expected: {
        code: 'store-unavailable',
        retry: 'backoff',
        message: `no AWS credentials for PutSecretValue on ${SECRET}, so nothing was sent: the agent gave no answer within 2s`,
      } as const,
    },
    {
      what: 'a web identity token that cannot be read',
      error: errorNamed('Error', { code: 'ENOENT', path: CANARY }),
      expected: { code: 'store-denied', retry: 'backoff', message: NO_CREDENTIALS },
    },
  ];

  for (const { what, error, operation, secretName, expected } of circumstances) {
    it(`tells ${what}`, () => {
      assert.deepEqual(fail(error, operation, secretName), expected);
    });
  }

  const NETWORK = 'if this repeats, check the network path to Secrets Manager';
  const ENDPOINT = 'check that store.endpoint is a Secrets Manager';
  const HEALTH = 'if this repeats, look at the AWS Health Dashboard';
  const FINDING = 'check store.region, store.endpoint and DNS';
  const transient: readonly (readonly [what: string, error: unknown, why: string])[] = [
    ['a deadline', new DeadlineExceeded('no answer within 10s'), `no answer within 10s; ${NETWORK}`],
    ['a refused connection', errorNamed('Error', { code: 'ECONNREFUSED' }), `ECONNREFUSED; ${NETWORK}`],
    [
      'a code in the cause',
      Object.assign(errorNamed('TypeError'), { cause: errorNamed('Error', { code: 'ECONNRESET' }) }),
      `ECONNRESET; ${NETWORK}`,
    ],
    [
      'an answer that broke off',
      errorNamed('SocketError', { code: 'ECONNRESET', $metadata: { httpStatusCode: 200 } }),
      `ECONNRESET; ${NETWORK}`,
    ],
    ['an unknown host', errorNamed('Error', { code: 'ENOTFOUND' }), `host not found (ENOTFOUND); ${FINDING}`],
    [
      'a silent name server',
      errorNamed('Error', { code: 'EAI_AGAIN' }),
      `host not found (EAI_AGAIN); ${FINDING}`,
    ],
    [
      'a service that is down',
      answered('ServiceUnavailable', 503),
      `answered with status 503 (ServiceUnavailable); ${HEALTH}`,
    ],
    [
      'a gateway that answers in HTML',
      Object.assign(new SyntaxError(CANARY), { $metadata: { httpStatusCode: 502 } }),
      `answered with status 502 (no JSON); ${HEALTH}`,
    ],
    [
      'a page where a service was expected',
      Object.assign(new SyntaxError(CANARY), { $metadata: { httpStatusCode: 200 } }),
      `answered with status 200 (no JSON); ${ENDPOINT}`,
    ],
    ['a redirect', answered('Unknown', 302), `answered with status 302 (Unknown); ${ENDPOINT}`],
    [
      'a name that may be anything',
      answered(CANARY, 400),
      `answered with status 400 (unknown error); ${ENDPOINT}`,
    ],
    [
      'a code that came in the body',
      answered(CANARY, 404, { code: CANARY.toUpperCase().replaceAll('-', '_') }),
      `answered with status 404 (unknown error); ${ENDPOINT}`,
    ],
    ['a code that is no code', errorNamed('Error', { code: CANARY }), `Error; ${NETWORK}`],
    ['a plain error', errorNamed('TypeError'), `TypeError; ${NETWORK}`],
    ['metadata of another shape', errorNamed('TypeError', { $metadata: CANARY }), `TypeError; ${NETWORK}`],
    ['a text', CANARY, `unknown error; ${NETWORK}`],
    [
      'too many open files',
      errorNamed('Error', { code: 'EMFILE' }),
      'EMFILE; this process has too many files open: raise its limit (ulimit -n), and find out what holds them',
    ],
    [
      'a user without a home',
      errorNamed('SystemError', { code: 'ERR_SYSTEM_ERROR' }),
      'ERR_SYSTEM_ERROR; the AWS SDK finds no home folder of this user: set HOME, any folder will do',
    ],
    ['nothing', undefined, `unknown error; ${NETWORK}`],
    ['a name that every object has', errorNamed('constructor'), `unknown error; ${NETWORK}`],
  ];

  for (const [what, error, why] of transient) {
    it(`takes ${what} for a store that cannot be reached now`, () => {
      const message = `PutSecretValue on ${SECRET} failed: ${why}`;
      assert.deepEqual(fail(error), { code: 'store-unavailable', retry: 'backoff', message });
    });
  }

  it('names settings of the store as the configuration has them', () => {
    const call = { operation: 'PutSecretValue', secretName: SECRET, section: 'stores.main' };
    const errors = [
      ...BY_NAME.map(([name]) => answered(name, 400)),
      ...circumstances.map(({ error }) => error),
      ...transient.map(([, error]) => error),
    ];
    const messages = errors.map((error) => failureFromError(error, call, never).message);
    assert.deepEqual(
      messages.filter((message) => /\bstore\.\w/.test(message)),
      [],
    );
    assert.ok(
      messages.some((message) =>
        message.endsWith('with stores.main.endpoint, that stores.main.region is its region'),
      ),
    );
  });

  it('knows an abort whatever was thrown, and tells it from a deadline', () => {
    const call = { operation: 'GetSecretValue', secretName: SECRET, section: 'store' };
    const expected = { code: 'aborted', retry: 'soon', message: `GetSecretValue on ${SECRET} was abandoned` };
    for (const error of [new Error('x'), answered('AccessDeniedException', 400), 'x', undefined]) {
      assert.deepEqual(failureFromError(error, call, AbortSignal.abort()), expected);
    }
    const late = failureFromError(new DeadlineExceeded('no answer within 5ms'), call, AbortSignal.abort());
    assert.equal(late.code, 'store-unavailable');
  });

  it('quotes no message, body, path or header of any error', () => {
    const errors = [
      ...BY_NAME.map(([name]) => answered(name, 400, { code: CANARY, Message: CANARY, $response: CANARY })),
      ...circumstances.map(({ error }) =>
        Object.assign(errorNamed('x'), error, { message: `${CANARY} deletion` }),
      ),
      ...transient.map(([, error]) => error),
    ];
    for (const error of errors) {
      for (const operation of ['CreateSecret', 'PutSecretValue', 'UpdateSecretVersionStage']) {
        const failure = fail(error, operation);
        assert.doesNotMatch(`${JSON.stringify(failure)} ${inspect(failure)}`, /canary/i);
      }
    }
  });
});
