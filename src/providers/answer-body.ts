/** What an answer's body is: a JSON object, a page for people, nothing. */
import { isJsonObject, type JsonObject, parseJson } from '../core/wire/json.ts';
import type { TokenResponse } from './provider.ts';

/** The answer's JSON object; `undefined` when it is anything else. */
function parseAnswer(response: TokenResponse): JsonObject | undefined {
  const answer = parseJson(response.body.reveal());
  return isJsonObject(answer) ? answer : undefined;
}

const HTML = /^\s*(?:<!doctype html|<html|<head|<body|<title|<h1|<p>|<!--)/i;

/** A page of a proxy, a firewall or a login: no word of the API, so it says nothing about credentials. */
export function isHtmlPage(response: TokenResponse): boolean {
  const text = response.body.reveal().slice(0, 1_000);
  if (HTML.test(text)) return true;
  const type = response.headers.get('content-type') ?? '';
  return /^\s*(?:text\/html|application\/xhtml\+xml)/i.test(type) && parseAnswer(response) === undefined;
}

/** Continues `POST … answered 200 with …`; never quotes. */
export function describeBody(response: TokenResponse): string {
  if (isHtmlPage(response)) return 'an HTML page, probably from a proxy, a firewall or a login, not the API';
  const text = response.body.reveal().trim();
  if (text === '') return 'an empty body';
  if (parseJson(text) !== undefined) return 'JSON that is not an object';
  const type = response.headers.get('content-type') ?? '';
  return /^\s*application\/x-www-form-urlencoded/i.test(type)
    ? 'form fields instead of JSON'
    : 'a body that is not JSON';
}
