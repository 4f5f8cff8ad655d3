/**
 * `snap`: a token request of Bank Indonesia's open API standard, as a description.
 *
 * Source: Bank Indonesia's SNAP technical standard. The signature covers exactly the bytes of the `X-TIMESTAMP` header;
 * `responseCode` is HTTP status (3), service (2: 73 = B2B, 74 = B2B2C) and case (2), and counts more than the HTTP status,
 * which gateways put at 200 or 500 for everything.
 */
import * as z from 'zod';
import { durationField, mapping, NAME_FORM, NAME_PATTERN, patternField } from '../core/wire/field-schemas.ts';
import type { Description, ErrorRule, ValueNode } from './description.ts';
import type { ShortForm } from './oauth2.ts';
import type { CredentialFields } from './provider.ts';

const PATH_FORM = 'a path that begins with / and holds no spaces';

/** Where SNAP services differ; everything may be overridden by an entry that names a preset. */
export const snapOpenFields = {
  timestampFormat: z
    .enum(['jakarta-seconds', 'jakarta-milliseconds', 'utc-seconds', 'utc-milliseconds'])
    .default('jakarta-seconds')
    .describe('form of the X-TIMESTAMP header: at +07:00 (jakarta) or Z (utc), with or without milliseconds'),
  grantTypeCase: z
    .enum(['lower', 'upper'])
    .default('lower')
    .describe('how the grant type is spelt; lower: client_credentials; upper: CLIENT_CREDENTIALS'),
  grantTypeKey: z
    .enum(['grantType', 'grant_type'])
    .default('grantType')
    .describe('name of the field in the body that holds the grant type'),
  path: patternField(/^\/[!-~]*$/, PATH_FORM)
    .optional()
    .describe("path of the token endpoint, appended to baseUrl; the standard's when left out"),
  allowWeakKey: z.boolean().default(false).describe('accept RSA keys from 1024 bits on, instead of 2048'),
  grant: z
    .enum(['both', 'authorization_code', 'refresh_token'])
    .default('both')
    .describe(
      'of b2b2c: what a request presents once a refresh token is held; both: authCode and refreshToken; authorization_code: ' +
        'authCode alone, so that no refresh token is spent; refresh_token: refreshToken alone',
    ),
};

export const snapFields = {
  flow: z
    .enum(['b2b', 'b2b2c'])
    .default('b2b')
    .describe('b2b: a token for the client; b2b2c: one for each customer'),
  ...snapOpenFields,
  authCodeFrom: patternField(NAME_PATTERN, NAME_FORM)
    .default('authCode')
    .describe('of b2b2c: name of the credential that is sent as authCode'),
  refreshTokenTtl: durationField({ leastMs: 60_000 })
    .optional()
    .describe('of b2b2c: life of a refresh token, when the answer does not say'),
};

export const snapSchema = mapping(snapFields);

type SnapSettings = z.output<typeof snapSchema>;

const CREDENTIALS: CredentialFields = {
  clientId: { description: 'client id, sent as X-CLIENT-KEY' },
  privateKey: { description: 'RSA private key that signs the requests, PKCS#8 or PKCS#1' },
  passphrase: { description: 'passphrase of an encrypted private key', optional: true },
};

/** SNAP has no case of its own for a refresh token that is turned down, so its words count. */
const REFRESH_TOKEN_WORDS = [
  'refresh token',
  'refreshtoken',
  'refresh_token',
  'refresh-token',
  'invalid grant',
  'invalid_grant',
];

const ERRORS: readonly ErrorRule[] = [
  { when: { path: 'responseCode', like: ['400??01'] }, code: 'clock-skewed', advice: 'timestampFormat' },
  {
    when: {
      all: [
        { path: 'responseCode', like: ['400????', '401????', '403????', '404????'] },
        { path: 'responseMessage', mentions: REFRESH_TOKEN_WORDS },
      ],
    },
    code: 'chain-broken',
  },
  {
    when: {
      all: [
        { status: [400, 401, 403, 404] },
        { path: 'responseCode', absent: true },
        { path: 'responseMessage', mentions: REFRESH_TOKEN_WORDS },
      ],
    },
    code: 'chain-broken',
  },
  { when: { path: 'responseCode', like: ['401??01'] }, code: 'chain-broken' },
  {
    when: { path: 'responseCode', like: ['401??00'] },
    code: 'credentials-rejected',
    advice:
      'clientId and privateKey, that the provider holds the public key and that it allows our IP address (one code covers ' +
      'all of these)',
  },
];

/** The settings in the language that all descriptions are compiled from. */
export function describeSnap(settings: SnapSettings): ShortForm {
  const { flow, grant, authCodeFrom, refreshTokenTtl } = settings;
  const isForCustomer = flow === 'b2b2c';
  const hasChain = isForCustomer && grant !== 'authorization_code';
  const additionalInfo = { object: {} };
  const first = isForCustomer
    ? {
        ...spellGrant('authorization_code', settings),
        authCode: `\${${authCodeFrom}}`,
        ...(grant === 'both' ? { refreshToken: { optional: 'refreshToken' } } : {}),
        additionalInfo,
      }
    : { ...spellGrant('client_credentials', settings), additionalInfo };
  const later = {
    ...spellGrant('refresh_token', settings),
    refreshToken: '${refreshToken}',
    additionalInfo,
  };
  return {
    description: {
      values: {
        timestamp: timestampOf(settings.timestampFormat),
        signature: {
          rsa: 'pkcs1-sha256',
          key: 'privateKey',
          passphrase: 'passphrase',
          text: '${clientId}|${timestamp}',
          as: 'base64',
          allowWeakKey: settings.allowWeakKey,
        },
      },
      steps: [],
      hosts: [],
      request: requestOf(settings, first),
      success: {
        status: ['2xx'],
        all: [
          { path: 'responseCode', unlike: ['1??????', '3??????', '4??????', '5??????'] },
          { path: 'error', absent: true },
        ],
      },
      token: { path: 'accessToken' },
      scheme: { path: 'tokenType' },
      expiry: [{ path: isForCustomer ? 'accessTokenExpiryTime' : 'expiresIn', as: 'auto' }],
      refresh: hasChain
        ? {
            token: { path: 'refreshToken' },
            expiry: { path: 'refreshTokenExpiryTime', as: 'auto' },
            rotates: 'sometimes',
            whenRefused: 'start-again',
            ttl: refreshTokenTtl,
            request: grant === 'refresh_token' ? requestOf(settings, later) : undefined,
          }
        : undefined,
      publish: {},
      errorStatus: 'responseCode',
      errors: [...ERRORS],
      reissue: 'new',
      allowSecretInUrl: false,
    },
    credentials: isForCustomer
      ? { ...CREDENTIALS, [authCodeFrom]: { description: "the customer's binding, sent as authCode" } }
      : CREDENTIALS,
  };
}

function requestOf({ path, flow }: SnapSettings, json: unknown): Description['request'] {
  return {
    method: 'POST',
    url: path ?? `/v1.0/access-token/${flow}`,
    query: {},
    headers: {
      'x-timestamp': '${timestamp}',
      'x-client-key': '${clientId}',
      'x-signature': '${signature}',
    },
    body: { json },
  };
}

/** The grant as this service spells it. */
function spellGrant(
  grant: string,
  { grantTypeKey, grantTypeCase }: SnapSettings,
): Readonly<Record<string, string>> {
  return { [grantTypeKey]: grantTypeCase === 'upper' ? grant.toUpperCase() : grant };
}

function timestampOf(format: SnapSettings['timestampFormat']): ValueNode {
  return {
    now: 'iso',
    zone: format.startsWith('jakarta') ? '+07:00' : 'Z',
    precision: format.endsWith('milliseconds') ? 'milliseconds' : 'seconds',
  };
}
