/**
 * The token document: the flat JSON that readers find in a token's secret.
 *
 * Guarantee: fields are only ever added; `schema_version` counts up when one changes its meaning. Its JSON Schema is
 * published as `config/token-document.schema.json`.
 */
import { z } from 'zod';
import { parseJson } from './json.ts';
import { SecretText } from './secret-text.ts';
import { formatUtc } from './time-text.ts';
import type { FetchedToken, TokenIdentity } from './token.ts';

const rfc3339 = z.iso.datetime().describe('RFC 3339, UTC');

export const tokenDocumentSchema = z
  .object({
    schema_version: z.literal(1),
    access_token: z.string().min(1).describe('the token itself'),
    token_type: z.string().min(1).describe('as the provider names it, usually Bearer'),
    authorization: z
      .string()
      .min(1)
      .describe('ready for the Authorization header: token_type, space, access_token'),
    issued_at: rfc3339.describe('just before the token was requested'),
    expires_at: rfc3339.describe('do not use the token from this moment on'),
    expires_at_epoch: z.int().positive().describe('expires_at as whole Unix seconds, rounded down'),
    expires_in: z.int().positive().describe('lifetime in seconds as issued; does not count down'),
    refresh_at: rfc3339.describe('when the next token is planned to be published'),
    provider: z.string().min(1).describe("the provider's name in the configuration"),
    customer: z.string().min(1).optional().describe('for providers with one token per customer'),
    generation: z.int().positive().describe('counts up with every token published to this secret'),
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
}

/**
 * What is remembered of a document that readers see: all that later decisions need, and not the token itself. A heap
 * dump then holds few of them (those being refreshed, and what is not collected yet), and 10,000 take 10 MB less.
 */
export interface PublishedToken
  extends Pick<TokenDocument, 'issuedAtMs' | 'expiresAtMs' | 'refreshAtMs' | 'generation'> {
  /** {@link SecretText.fingerprint} of the access token. */
  readonly fingerprint: string;
}

export type ParsedDocument =
  | { readonly ok: true; readonly document: TokenDocument }
  | { readonly ok: false; readonly problem: string };

export function createDocument(
  identity: TokenIdentity,
  token: FetchedToken,
  plan: { readonly refreshAtMs: number; readonly generation: number },
): TokenDocument {
  return {
    accessToken: token.accessToken,
    tokenType: token.tokenType,
    issuedAtMs: token.issuedAtMs,
    expiresAtMs: token.expiresAtMs,
    expiresInSeconds: token.expiresInSeconds,
    refreshAtMs: plan.refreshAtMs,
    provider: identity.provider,
    customer: identity.customer,
    generation: plan.generation,
  };
}

export function createPublishedToken({
  accessToken,
  issuedAtMs,
  expiresAtMs,
  refreshAtMs,
  generation,
}: TokenDocument): PublishedToken {
  return { fingerprint: accessToken.fingerprint(), issuedAtMs, expiresAtMs, refreshAtMs, generation };
}

/** The exact bytes to publish. Two calls yield the same text. */
export function serializeDocument(document: TokenDocument): SecretText {
  const accessToken = document.accessToken.reveal();
  const wire: z.input<typeof tokenDocumentSchema> = {
    schema_version: 1,
    access_token: accessToken,
    token_type: document.tokenType,
    authorization: `${document.tokenType} ${accessToken}`,
    issued_at: formatUtc(document.issuedAtMs),
    expires_at: formatUtc(document.expiresAtMs),
    expires_at_epoch: Math.floor(document.expiresAtMs / 1000),
    expires_in: document.expiresInSeconds,
    refresh_at: formatUtc(document.refreshAtMs),
    provider: document.provider,
    ...(document.customer === undefined ? {} : { customer: document.customer }),
    generation: document.generation,
  };
  return new SecretText(JSON.stringify(wire));
}

/** Reads a secret's text. The problem names the offending field and never its value. */
export function parseDocument(text: SecretText): ParsedDocument {
  const parsed = tokenDocumentSchema.safeParse(parseJson(text.reveal()));
  if (!parsed.success) {
    const fields = new Set(parsed.error.issues.map((issue) => issue.path.join('.') || 'not a JSON object'));
    return { ok: false, problem: `no token document (${[...fields].join(', ')})` };
  }
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
    },
  };
}
