import { SecretText } from '../core/secret-text.ts';
import { parseHttpDate } from '../core/wire/http-date.ts';
import type { TokenResponse } from '../providers/provider.ts';

const STATUS_LINE = /^HTTP\/[\d.]+ (\d{3})\b[^\r\n]*\r?\n/;

/**
 * An answer that somebody has recorded: a body alone, or what `curl -i` prints.
 * @returns `undefined` for a text that is neither
 */
export function parseRecordedAnswer(text: string, nowMs: number): TokenResponse | undefined {
  const statusLine = STATUS_LINE.exec(text);
  const rest = statusLine === null ? text : text.slice(statusLine[0].length);
  const end = statusLine === null ? null : /\r?\n\r?\n|^\r?\n/.exec(rest);
  if (statusLine !== null && end === null) return undefined;
  const head = end === null ? '' : rest.slice(0, end.index);
  const body = end === null ? rest : rest.slice(end.index + end[0].length);
  const headers = new Map<string, string>();
  for (const line of head.split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const name = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    const former = headers.get(name);
    if (former === undefined) headers.set(name, value);
    else if (name === 'set-cookie') headers.set(name, `${former}\n${value}`);
  }
  // When it was recorded nobody knows: its own Date, or now.
  const sentAtMs = parseHttpDate(headers.get('date') ?? '') ?? nowMs;
  return {
    status: Number(statusLine?.[1] ?? 200),
    headers,
    body: new SecretText(body.trim()),
    call: 'the recorded request',
    sentAtMs,
    sentAtMonotonicMs: 0,
    receivedAtMs: sentAtMs,
    clockSkewMs: undefined,
  };
}
