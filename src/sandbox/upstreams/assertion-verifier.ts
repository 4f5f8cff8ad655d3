/**
 * The server's side of `private_key_jwt` (RFC 7523, 3) for RS256, written from the standard and apart from the client's
 * code, so that the two check each other.
 */
import { verify } from 'node:crypto';
import { isJsonObject, type JsonObject, parseJson } from '../../core/wire/json.ts';
import type { SigningClient } from './define-upstream.ts';

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const MAX_SKEW_SECONDS = 60;
/** An assertion that lives longer is refused, as by servers that remember each until its end. */
const MAX_LIFE_SECONDS = 600;

export class AssertionVerifier {
  readonly #client: SigningClient;
  /** Ends of the assertions that were used, in seconds, by `jti`: each is good for one use. */
  readonly #used = new Map<string, number>();

  constructor(client: SigningClient) {
    this.#client = client;
  }

  /** What is wrong with the client's assertion, in a few words; `undefined` when all is well, and then it is used. */
  findProblem(parameters: URLSearchParams, statedNowMs: number): string | undefined {
    const { clientId, publicKey } = this.#client;
    if (parameters.get('client_assertion_type') !== ASSERTION_TYPE)
      return 'missing parameter: client_assertion_type';
    if ((parameters.get('client_id') ?? clientId) !== clientId) return 'unknown client';
    const parts = (parameters.get('client_assertion') ?? '').split('.');
    const [header = '', payload = '', signature = ''] = parts;
    if (parts.length !== 3 || decode(header)?.['alg'] !== 'RS256')
      return 'the assertion must be a JWT with algorithm RS256';
    const signed = Buffer.from(`${header}.${payload}`);
    if (!verify('sha256', signed, publicKey, Buffer.from(signature, 'base64url'))) return 'wrong signature';
    const { iss, sub, aud, iat, exp, jti } = decode(payload) ?? {};
    if (iss !== clientId || sub !== clientId) return 'unknown client';
    // The sandbox has no name of its own: of the audience it knows the path alone.
    const isForUs = typeof aud === 'string' && URL.parse(aud)?.pathname.endsWith('/token') === true;
    if (!isForUs || typeof exp !== 'number' || typeof jti !== 'string') return 'invalid claims';
    const nowSeconds = statedNowMs / 1000;
    if (exp < nowSeconds - MAX_SKEW_SECONDS) return 'the assertion has expired';
    if (typeof iat === 'number' && iat > nowSeconds + MAX_SKEW_SECONDS)
      return 'the assertion is not yet valid';
    if (exp > nowSeconds + MAX_LIFE_SECONDS) return 'the lifetime of the assertion is too long';
    return this.#use(jti, exp, nowSeconds) ? undefined : 'the assertion has been used';
  }

  #use(jti: string, exp: number, nowSeconds: number): boolean {
    for (const [used, end] of this.#used) if (end < nowSeconds - MAX_SKEW_SECONDS) this.#used.delete(used);
    if (this.#used.has(jti)) return false;
    this.#used.set(jti, exp);
    return true;
  }
}

function decode(part: string): JsonObject | undefined {
  const parsed = parseJson(Buffer.from(part, 'base64url').toString('utf8'));
  return isJsonObject(parsed) ? parsed : undefined;
}
