import { isJsonObject, type JsonObject, parseJson } from '../../src/core/wire/json.ts';
import type { Exchange } from './wire-tap.ts';

/** One request to a provider, by the process that sent it. */
export interface TokenCall {
  readonly process: string;
  /** As the log names it: `pik`, `pivot-b2b2c/ayu`. */
  readonly token: string;
  /** The refresh token that was presented. */
  readonly presented: string | undefined;
  readonly sentAtMs: number;
  /** When the provider had answered; `undefined` when it was not reached. */
  readonly answeredAtMs: number | undefined;
  /** What a success issued; `undefined` for a failure. */
  readonly issued: { readonly accessToken: string; readonly refreshToken: string | undefined } | undefined;
  readonly isDelivered: boolean;
}

/** Knows whose token a request is about. */
export class TokenCallParser {
  readonly #customers: ReadonlyMap<string, string>;
  readonly #ownerOfRefreshToken = new Map<string, string>();

  /** @param customers names by what identifies them to the provider (`authCode`) */
  constructor(customers: ReadonlyMap<string, string>) {
    this.#customers = customers;
  }

  parse(provider: string, { request, answer, isDelivered }: Exchange): TokenCall {
    const input = objectIn(request.body);
    const presented = textIn(input, 'refreshToken', 'refresh_token');
    const authCode = textIn(input, 'authCode');
    const customer = authCode === undefined ? undefined : this.#customers.get(authCode);
    const token =
      customer === undefined
        ? (this.#ownerOfRefreshToken.get(presented ?? '') ?? provider)
        : `${provider}/${customer}`;
    const issued = answer === undefined || answer.status !== 200 ? undefined : readIssued(answer.body);
    if (issued?.refreshToken !== undefined) this.#ownerOfRefreshToken.set(issued.refreshToken, token);
    return {
      process: request.sender,
      token,
      presented,
      sentAtMs: request.arrivedAtMs,
      answeredAtMs: answer?.atMs,
      issued,
      isDelivered,
    };
  }
}

function readIssued(body: string): TokenCall['issued'] {
  const answer = objectIn(body);
  const data = isJsonObject(answer['data']) ? answer['data'] : answer;
  const accessToken = textIn(data, 'accessToken', 'access_token', 'token');
  if (accessToken === undefined) return undefined;
  return { accessToken, refreshToken: textIn(data, 'refreshToken', 'refresh_token') };
}

function objectIn(text: string): JsonObject {
  const parsed = parseJson(text);
  return isJsonObject(parsed) ? parsed : {};
}

function textIn(object: JsonObject, ...names: readonly string[]): string | undefined {
  return names
    .map((name) => object[name])
    .filter((value) => typeof value === 'string')
    .find((value) => value !== '');
}
