/**
 * `oauth2`: a token request in the words of RFC 6749 and its relatives (7521, 7523, 8705, 8707), as a description.
 */
import * as z from 'zod';
import type { Credentials } from '../core/credential/credential-reading.ts';
import { durationField, mapping, patternField, shortTextField } from '../core/wire/field-schemas.ts';
import {
  type Description,
  descriptionFields,
  expiryList,
  headersField,
  JWT_ALGORITHMS,
  parametersField,
  schemeField,
  templateField,
  type ValueNode,
} from './description.ts';
import type { Fault, FaultPath } from './faults.ts';
import type { CredentialFields } from './provider.ts';
import { encodeFormText } from './request.ts';

const { token, publish, errors, errorStatus, success, reissue, notBeforeExpiry, allowSecretInUrl, values } =
  descriptionFields;

const SCOPE_FORM = 'a text, or a list of texts';
const scopeField = z.union([templateField, z.array(templateField, SCOPE_FORM).min(1).max(64)], SCOPE_FORM);
const assertionField = mapping({
  algorithm: z.enum(JWT_ALGORITHMS).default('RS256').describe('signature of the assertion'),
  audience: templateField.optional().describe('aud of the assertion; the token endpoint when left out'),
  issuer: templateField
    .optional()
    .describe("iss; ${clientId} when left out; with jwt-bearer that of the grant's assertion alone"),
  subject: templateField
    .optional()
    .describe(
      "sub; ${clientId} for private_key_jwt and client_secret_jwt when left out; with jwt-bearer that of the grant's assertion alone, none when left out",
    ),
  keyId: templateField.optional().describe('kid in its header'),
  certificateThumbprint: z
    .literal('sha256')
    .optional()
    .describe('puts the SHA-256 of the credential certificate into its header as x5t#S256'),
  lifetime: durationField({ leastMs: 1000, mostMs: 86_400_000 })
    .optional()
    .describe('from iat to exp; 60s when left out'),
  backdate: durationField({ mostMs: 600_000 }).optional().describe('how long before the request iat lies'),
  claims: z
    .record(shortTextField(256, 'the name of a claim'), z.unknown(), 'a mapping of claims')
    .optional()
    .describe('further claims'),
});

export const oauth2Fields = {
  tokenUrl: templateField.describe('address of the token endpoint; a path is appended to baseUrl'),
  grant: z
    .union(
      [
        z.enum(['client_credentials', 'refresh_token', 'jwt-bearer', 'password']),
        patternField(/^[a-z][a-z0-9_:.-]{2,127}$/, 'a grant type'),
      ],
      'client_credentials, refresh_token, jwt-bearer, password, or a grant type of the provider',
    )
    .default('client_credentials')
    .describe('grant; password is discouraged (RFC 9700) and there for servers that know nothing else'),
  auth: z
    .enum([
      'client_secret_basic',
      'client_secret_post',
      'client_secret_jwt',
      'private_key_jwt',
      'tls_client_auth',
      'none',
    ])
    .default('client_secret_basic')
    .describe('how the client authenticates'),
  basicEncoding: z
    .enum(['form', 'raw'])
    .default('form')
    .describe('of client_secret_basic: form as RFC 6749 says; raw as many servers want it'),
  body: z.enum(['form', 'json', 'query']).default('form').describe('how the parameters are sent'),
  assertion: assertionField.optional().describe('of private_key_jwt, client_secret_jwt and jwt-bearer'),
  scope: scopeField.optional().describe('scope; a list is joined with spaces'),
  resource: scopeField.optional().describe('resource (RFC 8707)'),
  audience: templateField.optional().describe('audience'),
  params: parametersField('the name of a parameter')
    .prefault({})
    .describe('further parameters, in this order'),
  headers: headersField.prefault({}).describe('further headers'),
  rotates: z
    .enum(['always', 'sometimes', 'never'])
    .default('sometimes')
    .describe(
      'of refresh_token: whether an answer brings a new one; always: one without is reported in the log; never: the credential refreshToken is all there is, and no state is kept',
    ),
  refreshTokenTtl: durationField({ leastMs: 60_000 })
    .optional()
    .describe('life of a refresh token, when the answer does not say'),
  values,
  success,
  token,
  scheme: schemeField.default({ path: 'token_type' }),
  expiry: expiryList.prefault([{ path: 'expires_in', as: 'seconds' }]),
  publish,
  errors,
  errorStatus,
  reissue,
  notBeforeExpiry,
  allowSecretInUrl,
};

export const oauth2Schema = mapping(oauth2Fields);

type OAuth2Settings = z.output<typeof oauth2Schema>;

export interface ShortForm {
  readonly description: Description;
  /** Credentials that the settings ask for, beside those that texts name. */
  readonly credentials: CredentialFields;
  /** Settings that may be why right credentials are refused, for a message. */
  readonly settingsToCheck?: (credentials: Credentials) => readonly string[];
  /** What is wrong with the settings together. */
  readonly faults?: readonly Fault[];
  /** Where in the settings something of the description was written; `undefined`: at the same place. */
  readonly locate?: (path: FaultPath) => FaultPath;
}

const PRIVATE_KEY: CredentialFields = {
  privateKey: { description: 'private key that signs assertions, PKCS#8 or PKCS#1' },
  passphrase: { description: 'passphrase of an encrypted private key', optional: true },
};
const CERTIFICATE: CredentialFields = {
  certificate: { description: 'certificate of the private key, PEM' },
};

/** The words of a grant as they are sent. */
const GRANT_TYPES: ReadonlyMap<string, string> = new Map([
  ['jwt-bearer', 'urn:ietf:params:oauth:grant-type:jwt-bearer'],
]);

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** The settings in the language that all descriptions are compiled from. @param baseUrl for an audience that is left out */
export function describeOAuth2(settings: OAuth2Settings, baseUrl: string | undefined): ShortForm {
  const { grant, auth, tokenUrl, body } = settings;
  const own: Description['request']['query'] = {
    grant_type: GRANT_TYPES.get(grant) ?? grant,
    ...grantParameters(grant),
    ...clientParameters(auth),
    ...scopeParameters(settings),
  };
  const parameters = { ...own, ...settings.params };
  return {
    description: {
      // What an answer means is said in the same words.
      ...settings,
      values: { ...settings.values, ...assertionValues(settings, baseUrl) },
      steps: [],
      hosts: [],
      request: {
        method: 'POST',
        url: tokenUrl,
        query: body === 'query' ? parameters : {},
        headers: settings.headers,
        basic:
          auth === 'client_secret_basic'
            ? { user: '${clientId}', password: '${clientSecret}', encoding: settings.basicEncoding }
            : undefined,
        body: body === 'query' ? 'none' : { [body]: parameters },
      },
      refresh: chainOf(settings),
    },
    credentials: credentialsOf(settings),
    settingsToCheck: (credentials) => settingsToCheck(settings, credentials),
    faults: Object.keys(settings.params)
      .filter((name) => Object.hasOwn(own, name))
      .map((name) => ({
        path: ['params', name],
        target: 'key',
        text: 'is sent already, by the settings beside params',
        allowed: 'each parameter once',
      })),
    locate: (path) => locate(path, settings),
  };
}

function locate(path: FaultPath, { params }: OAuth2Settings): FaultPath {
  const [section, place, ...rest] = path;
  if (section === 'values' && (place === 'clientAssertion' || place === 'grantAssertion'))
    return ['assertion'];
  if (section !== 'request') return path;
  if (place === 'url') return ['tokenUrl'];
  if (place === 'headers') return ['headers', ...rest];
  const name = String(place === 'query' ? rest[0] : rest[1]);
  if (Object.hasOwn(params, name)) return ['params', name];
  return ['scope', 'resource', 'audience'].includes(name) ? [name] : ['grant'];
}

function chainOf({ grant, rotates, refreshTokenTtl }: OAuth2Settings): Description['refresh'] {
  if (grant !== 'refresh_token' || rotates === 'never') return undefined;
  return {
    token: { path: 'refresh_token' },
    rotates,
    expiry: { path: 'refresh_token_expires_in', as: 'seconds' },
    whenRefused: 'needs-human',
    ttl: refreshTokenTtl,
  };
}

function grantParameters(grant: string): Readonly<Record<string, string>> {
  switch (grant) {
    case 'refresh_token':
      return { refresh_token: '${refreshToken}' };
    case 'jwt-bearer':
      return { assertion: '${grantAssertion}' };
    case 'password':
      return { username: '${username}', password: '${password}' };
    default:
      return {};
  }
}

function clientParameters(auth: OAuth2Settings['auth']): Readonly<Record<string, string>> {
  switch (auth) {
    case 'client_secret_post':
      return { client_id: '${clientId}', client_secret: '${clientSecret}' };
    case 'client_secret_jwt':
    case 'private_key_jwt':
      return {
        client_id: '${clientId}',
        client_assertion_type: ASSERTION_TYPE,
        client_assertion: '${clientAssertion}',
      };
    case 'tls_client_auth':
      return { client_id: '${clientId}' };
    case 'client_secret_basic':
    case 'none':
      return {};
  }
}

function scopeParameters({ scope, resource, audience }: OAuth2Settings): Readonly<Record<string, string>> {
  const join = (value: string | readonly string[]): string =>
    typeof value === 'string' ? value : value.join(' ');
  return {
    ...(scope === undefined ? {} : { scope: join(scope) }),
    ...(resource === undefined ? {} : { resource: join(resource) }),
    ...(audience === undefined ? {} : { audience }),
  };
}

function assertionValues(settings: OAuth2Settings, baseUrl: string | undefined): Description['values'] {
  const { auth, grant, assertion, tokenUrl } = settings;
  const audience =
    assertion?.audience ?? (tokenUrl.startsWith('/') ? `${baseUrl ?? ''}${tokenUrl}` : tokenUrl);
  const sign = (
    key: string,
    algorithm: (typeof JWT_ALGORITHMS)[number],
    issuer: string | undefined,
    subject: string | undefined,
  ): ValueNode => ({
    jwt: algorithm,
    key,
    passphrase: key === 'privateKey' ? 'passphrase' : undefined,
    header: assertion?.keyId === undefined ? {} : { kid: assertion.keyId },
    thumbprintOf: assertion?.certificateThumbprint === undefined ? undefined : 'certificate',
    claims: {
      iss: issuer ?? '${clientId}',
      ...(subject === undefined ? {} : { sub: subject }),
      aud: audience,
      ...assertion?.claims,
    },
    lifetime: assertion?.lifetime ?? 60_000,
    backdate: assertion?.backdate ?? 0,
  });
  const algorithm = assertion?.algorithm ?? 'RS256';
  // RFC 7523, 3: the subject of a client's own assertion is the client, whomever the grant is for.
  const own = grant === 'jwt-bearer' ? undefined : assertion;
  const signOwn = (key: string, signed: typeof algorithm): ValueNode =>
    sign(key, signed, own?.issuer, own?.subject ?? '${clientId}');
  return {
    ...(auth === 'private_key_jwt' ? { clientAssertion: signOwn('privateKey', algorithm) } : {}),
    ...(auth === 'client_secret_jwt'
      ? { clientAssertion: signOwn('clientSecret', algorithm.startsWith('HS') ? algorithm : 'HS256') }
      : {}),
    ...(grant === 'jwt-bearer'
      ? { grantAssertion: sign('privateKey', algorithm, assertion?.issuer, assertion?.subject) }
      : {}),
  };
}

function settingsToCheck({ auth, grant }: OAuth2Settings, credentials: Credentials): readonly string[] {
  const isEncodedOtherwise = ['clientId', 'clientSecret']
    .map((name) => credentials.get(name)?.reveal() ?? '')
    .some((text) => encodeFormText(text) !== text);
  const isSigned = auth.endsWith('_jwt') || grant === 'jwt-bearer';
  return [
    ...(auth === 'client_secret_basic' && isEncodedOtherwise ? ['basicEncoding'] : []),
    ...(isSigned ? ['the audience, algorithm and keyId of assertion'] : []),
  ];
}

function credentialsOf(settings: OAuth2Settings): CredentialFields {
  const { auth, grant, assertion } = settings;
  const isKeyUsed = auth === 'private_key_jwt' || grant === 'jwt-bearer';
  const needsClientId = auth !== 'none' || (grant === 'jwt-bearer' && assertion?.issuer === undefined);
  return {
    ...(needsClientId ? { clientId: { description: 'client id' } } : {}),
    ...(auth.startsWith('client_secret_') ? { clientSecret: { description: 'client secret' } } : {}),
    ...(isKeyUsed ? PRIVATE_KEY : {}),
    ...(assertion?.certificateThumbprint === undefined ? {} : CERTIFICATE),
    ...(grant === 'password'
      ? { username: { description: 'user name' }, password: { description: 'password' } }
      : {}),
    ...(grant === 'refresh_token'
      ? { refreshToken: { description: 'refresh token of the first consent' } }
      : {}),
  };
}
