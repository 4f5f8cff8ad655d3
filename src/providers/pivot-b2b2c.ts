/**
 * Pivot's B2B2C token, one per customer: `POST /open-api/v1/access-token/b2b2c` with SNAP headers and
 * `{ grantType, authCode, refreshToken, additionalInfo }` -> `{ accessToken, accessTokenExpiryTime, refreshToken,
 * refreshTokenExpiryTime, responseCode: "2007400", … }`. `authCode` is the customer's long-lived binding id.
 *
 * Source: Pivot's documentation, "Authentication". In its sample the refresh token ends before the access token, so no
 * order is asserted. How a refresh behaves is not documented: we take every refresh token for good for one use.
 *
 * When an answer is lost on the way, the same refresh token is presented once more, because it may not have been spent.
 * Presenting a spent one may revoke what the customer has (RFC 9700, 4.14.2), so it is not done a third time: the binding
 * id alone then begins a new chain (`start-again`). Only when that is refused too the customer has to be bound again.
 */
import { z } from 'zod';
import type { JsonObject } from '../core/json.ts';
import { fail, type Result, succeed } from '../core/result.ts';
import type { SecretText } from '../core/secret-text.ts';
import type { FetchedToken } from '../core/token.ts';
import { parseAnswer } from './answer-body.ts';
import { usableRefreshToken } from './chain.ts';
import { requireCredential } from './credential-value.ts';
import {
  type ConfiguredKind,
  type Credentials,
  defineKind,
  type PreparedKind,
  type RequestContext,
  type TokenResponse,
} from './provider.ts';
import { isSuccessStatus } from './response-status.ts';
import {
  buildSnapHeaders,
  createSignerPreparation,
  type SignerPreparation,
  SNAP_CREDENTIALS,
  snapOptionShape,
  spellGrant,
} from './snap.ts';
import { classifySnapError, isSnapSuccess } from './snap-answer.ts';
import { acceptToken, notAnObject, type RefreshTokenFields, salvageRefresh } from './token-answer.ts';

const LIFETIME_SECONDS = 900;

const OPTIONS = z.strictObject({
  ...snapOptionShape('/open-api/v1/access-token/b2b2c'),
  grant: z
    .enum(['both', 'authorization_code', 'refresh_token'])
    .default('both')
    .describe(
      'what a request presents once a refresh token is held; both: authCode and refreshToken; authorization_code: authCode ' +
        'alone, so that no refresh token is spent; refresh_token: refreshToken alone',
    ),
});

type Options = z.output<typeof OPTIONS>;

export const pivotB2b2c = defineKind({
  kind: 'pivot-b2b2c',
  description:
    'Pivot SNAP B2B2C: clientId, an RSA key and a binding id per customer, a token for 15 minutes each',
  documentedLifetimeSeconds: LIFETIME_SECONDS,
  defaultBaseUrl: 'https://api.pivot-payment.com',
  credentials: SNAP_CREDENTIALS,
  customerCredentials: {
    bindingId: { description: "the customer's binding id, sent as authCode" },
  },
  options: OPTIONS,
  configure: (options): ConfiguredKind => {
    const prepareSigner = createSignerPreparation(options);
    return {
      // With the binding id alone no refresh token is ever spent, so there is no state to keep.
      hasChain: options.grant !== 'authorization_code',
      chainFallback: 'start-again',
      prepare: (credentials) => prepare(credentials, options, prepareSigner),
    };
  },
});

function prepare(
  credentials: Credentials,
  options: Options,
  prepareSigner: SignerPreparation,
): Result<PreparedKind> {
  const signer = prepareSigner(credentials);
  if (!signer.ok) return signer;
  const bindingId = requireCredential(credentials, 'bindingId');
  if (!bindingId.ok) return bindingId;
  const spentToken = (context: RequestContext): SecretText | undefined =>
    options.grant === 'authorization_code' ? undefined : usableRefreshToken(context);
  return succeed({
    buildRequest: async (context) => ({
      method: 'POST',
      path: options.path,
      headers: await buildSnapHeaders(signer.value, context.nowMs, options.timestampFormat),
      body: JSON.stringify(buildBody(options, bindingId.value, spentToken(context))),
    }),
    parseResponse: (response, context) =>
      parseResponse(response, context, { credentials, spentToken: spentToken(context), options }),
    salvageRefreshToken: (response) => {
      const answer = parseAnswer(response);
      return isSnapSuccess(response, answer)
        ? salvageRefresh(response, refreshFieldsOf(answer, options))
        : undefined;
    },
  });
}

/** Without a refresh token the binding id alone has to do, whatever the grant: that is how a chain begins. */
function buildBody(options: Options, bindingId: SecretText, refreshToken: SecretText | undefined): object {
  const additionalInfo = {};
  const authCode = bindingId.reveal();
  if (refreshToken === undefined) {
    return { ...spellGrant('authorization_code', options), authCode, additionalInfo };
  }
  const presented = { refreshToken: refreshToken.reveal(), additionalInfo };
  return options.grant === 'refresh_token'
    ? { ...spellGrant('refresh_token', options), ...presented }
    : { ...spellGrant('authorization_code', options), authCode, ...presented };
}

interface Presented {
  readonly credentials: Credentials;
  readonly spentToken: SecretText | undefined;
  readonly options: Options;
}

function parseResponse(
  response: TokenResponse,
  context: RequestContext,
  { credentials, spentToken, options }: Presented,
): Result<FetchedToken> {
  const answer = parseAnswer(response);
  const secrets = [...credentials.values(), ...(spentToken === undefined ? [] : [spentToken])];
  if (answer === undefined && isSuccessStatus(response.status)) {
    return notAnObject(response);
  }
  if (!isSnapSuccess(response, answer)) {
    const hasSpentRefreshToken = spentToken !== undefined;
    return fail(classifySnapError({ response, answer, secrets, hasSpentRefreshToken }));
  }
  return acceptToken(response, context, {
    accessToken: { field: 'accessToken', value: answer?.['accessToken'] },
    tokenType: answer?.['tokenType'],
    expiry: { field: 'accessTokenExpiryTime', value: answer?.['accessTokenExpiryTime'] },
    beside: answer ?? {},
    documentedLifetimeSeconds: LIFETIME_SECONDS,
    refresh: refreshFieldsOf(answer, options),
    secrets,
  });
}

function refreshFieldsOf(answer: JsonObject | undefined, { grant }: Options): RefreshTokenFields | undefined {
  if (grant === 'authorization_code') return undefined;
  return {
    token: answer?.['refreshToken'],
    expiry: { field: 'refreshTokenExpiryTime', value: answer?.['refreshTokenExpiryTime'] },
  };
}
