/**
 * `oauth2`: a token request in the words of RFC 6749 and its relatives (7521, 7523, 8705, 8707), as a description.
 */
import { z } from 'zod';
import { durationField, mapping, patternField, shortTextField } from '../core/field-schemas.ts';
import { descriptionFields, expiryList, JWT_ALGORITHMS, schemeField, templateField } from './description.ts';

const { token, publish, errors, errorStatus, success, reissue, notBeforeExpiry, allowSecretInUrl, values } =
  descriptionFields;

const SCOPE_FORM = 'a text, or a list of texts';
const scopeField = z.union([templateField, z.array(templateField, SCOPE_FORM).min(1).max(64)], SCOPE_FORM);
const parameters = z.record(
  shortTextField(256, 'the name of a parameter'),
  templateField,
  'a mapping of names to texts',
);

const assertionField = mapping({
  algorithm: z.enum(JWT_ALGORITHMS).default('RS256').describe('signature of the assertion'),
  audience: templateField.optional().describe('aud of the assertion; the token endpoint when left out'),
  issuer: templateField.optional().describe('iss; ${clientId} when left out'),
  subject: templateField
    .optional()
    .describe(
      'sub; ${clientId} for private_key_jwt and client_secret_jwt, none for jwt-bearer, when left out',
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
  params: parameters.prefault({}).describe('further parameters, in this order'),
  headers: parameters.prefault({}).describe('further headers'),
  rotates: z
    .enum(['always', 'sometimes', 'never'])
    .default('sometimes')
    .describe(
      'of refresh_token: whether an answer brings a new one; never: the credential refreshToken is all there is, and no state is kept',
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
