/**
 * The token document: the JSON that readers find in a token's secret, flat but for `fields`.
 *
 * Guarantee: fields are only ever added; `schema_version` counts up when one changes its meaning. Its JSON Schema is
 * published as `config/token-document.schema.json`.
 */

import * as z from 'zod';
import type { Parsed } from '../result.ts';
import { SecretText } from '../secret-text.ts';
import { nameWrongFields, parseJson } from '../wire/json.ts';
import { formatUtc } from '../wire/time-text.ts';
import type { FetchedToken, TokenIdentity } from './token.ts';

const rfc3339 = z.iso.datetime().describe('RFC 3339, UTC');

export const MAX_FIELDS = 16;
export const MAX_FIELD_LENGTH = 1024;
const FIELD_NAME = /^[a-z][a-z0-9_]{0,62}$/;

/** Names that every template language can write, and few short texts: a document is one secret of 64 KiB. */
const fieldsSchema = z
  .record(z.string().regex(FIELD_NAME), z.string().min(1).max(MAX_FIELD_LENGTH))
  .refine((fields) => Object.keys(fields).length <= MAX_FIELDS)
  .meta({
    maxProperties: MAX_FIELDS,
    description: 'further fields of the answer, where the provider publishes some',
  });

export const tokenDocumentSchema = z
  .object({
    schema_version: z.literal(1),
    access_token: z.string().min(1).describe('the token itself'),
    token_type: z
      .string()
      .min(1)
      .describe(
        'as the provider names it, usually Bearer; none when the token stands alone in authorization',
      ),
    authorization: z
      .string()
      .min(1)
      .describe(
        'ready for the Authorization header: token_type, space, access_token; access_token alone when token_type is none',
      ),
    issued_at: rfc3339.describe('just before the token was requested'),
    expires_at: rfc3339.describe('do not use the token from this moment on'),
    expires_at_epoch: z.int().positive().describe('expires_at as whole Unix seconds, rounded down'),
    expires_in: z.int().positive().describe('lifetime in seconds as issued; does not count down'),
    refresh_at: rfc3339.describe('when the next token is planned to be published'),
    provider: z.string().min(1).describe("the provider's name in the configuration"),
    customer: z.string().min(1).optional().describe('for providers with one token per customer'),
    generation: z.int().positive().describe('counts up with every token published to this secret'),
    fields: fieldsSchema.optional(),
  })
  .meta({
    title: 'token-refresher token document',
    description: 'What a reader finds in the secret of a token.',
  });

/** A document as the daemon holds it. Times are wall time in milliseconds. */
export interface TokenDocument {
  readonly accessToken: SecretText;
  readonly tokenType: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  readonly expiresInSeconds: number;
  readonly refreshAtMs: number;
  readonly provider: string;
  readonly customer: string | undefined;
  readonly generation: number;
  /** Empty when there are none. */
  readonly fields: Readonly<Record<string, string>>;
}

/**
 * What is remembered of a document that readers see: all that later decisions need, and not the token itself. A heap
 * dump then holds few of them (those being refreshed, and what is not collected yet), and 10,000 take 10 MB less.
 */
export interface PublishedToken
  extends Pick<TokenDocument, 'issuedAtMs' | 'expiresAtMs' | 'refreshAtMs' | 'generation'> {
  /** {@link SecretText.fingerprint} of the access token. */
  readonly fingerprint: string;
  /** Of what else a provider decides: the token type and the further fields. */
  readonly besideFingerprint: string;
}

export function createDocument(
  identity: TokenIdentity,
  token: FetchedToken,
  plan: { readonly refreshAtMs: number; readonly generation: number },
): TokenDocument {
  const { provider, customer } = identity;
  const { accessToken, tokenType, issuedAtMs, expiresAtMs, expiresInSeconds, fields } = token;
  const { refreshAtMs, generation } = plan;
  const times = { issuedAtMs, expiresAtMs, expiresInSeconds, refreshAtMs };
  return { accessToken, tokenType, ...times, provider, customer, generation, fields };
}

/** Why fields can be in no document, for people; `undefined` when they can. Names the field and never its value. */
export function describeFieldProblem(fields: Readonly<Record<string, string>>): string | undefined {
  const names = Object.keys(fields);
  if (names.length > MAX_FIELDS)
    return `has ${names.length} further fields, at most ${MAX_FIELDS} are published`;
  if (names.some((name) => !FIELD_NAME.test(name)))
    return 'has a further field whose name is not made of lower-case letters, digits and underscores';
  const wrong = names.find((name) => !fieldsSchema.valueType.safeParse(fields[name]).success);
  return wrong === undefined
    ? undefined
    : `has ${fields[wrong]?.length ?? 0} characters in fields.${wrong}, 1 to ${MAX_FIELD_LENGTH} are published`;
}

/** Tells whether readers would see a difference for the same access token. */
export function besideFingerprint({
  tokenType,
  fields,
}: Pick<TokenDocument, 'tokenType' | 'fields'>): string {
  const sorted = sortFields(fields);
  // Mostly there are none, and then nothing has to be kept for each of many tokens.
  return sorted.length === 0 ? tokenType : new SecretText(JSON.stringify([tokenType, sorted])).fingerprint();
}

/** The order of an answer's fields is none of the readers' business. */
function sortFields(fields: Readonly<Record<string, string>>): readonly (readonly [string, string])[] {
  return Object.entries(fields).toSorted(([one], [other]) => (one < other ? -1 : 1));
}

export function createPublishedToken(document: TokenDocument): PublishedToken {
  const { accessToken, issuedAtMs, expiresAtMs, refreshAtMs, generation } = document;
  return {
    fingerprint: accessToken.fingerprint(),
    besideFingerprint: besideFingerprint(document),
    issuedAtMs,
    expiresAtMs,
    refreshAtMs,
    generation,
  };
}

/** The exact bytes to publish. Two calls yield the same text. */
export function serializeDocument(document: TokenDocument): SecretText {
  const accessToken = document.accessToken.reveal();
  const fields = sortFields(document.fields);
  const wire: z.input<typeof tokenDocumentSchema> = {
    schema_version: 1,
    access_token: accessToken,
    token_type: document.tokenType,
    authorization: document.tokenType === 'none' ? accessToken : `${document.tokenType} ${accessToken}`,
    issued_at: formatUtc(document.issuedAtMs),
    expires_at: formatUtc(document.expiresAtMs),
    expires_at_epoch: Math.floor(document.expiresAtMs / 1000),
    expires_in: document.expiresInSeconds,
    refresh_at: formatUtc(document.refreshAtMs),
    provider: document.provider,
    customer: document.customer,
    generation: document.generation,
    fields: fields.length === 0 ? undefined : Object.fromEntries(fields),
  };
  return new SecretText(JSON.stringify(wire));
}

/** Reads a secret's text. The problem names the offending field and never its value. */
export function parseDocument(text: SecretText): Parsed<{ readonly document: TokenDocument }> {
  const parsed = tokenDocumentSchema.safeParse(parseJson(text.reveal()));
  if (!parsed.success) return { ok: false, problem: `no token document (${nameWrongFields(parsed.error)})` };
  const wire = parsed.data;
  return {
    ok: true,
    document: {
      accessToken: new SecretText(wire.access_token),
      tokenType: wire.token_type,
      issuedAtMs: Date.parse(wire.issued_at),
      expiresAtMs: Date.parse(wire.expires_at),
      expiresInSeconds: wire.expires_in,
      refreshAtMs: Date.parse(wire.refresh_at),
      provider: wire.provider,
      customer: wire.customer,
      generation: wire.generation,
      fields: wire.fields ?? {},
    },
  };
}
