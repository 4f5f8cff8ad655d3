/** What a browser is told of every page of the daemon: nothing runs or loads but what the page itself brings. */
import { hash } from 'node:crypto';

/** A whole answer. */
export interface PageAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** @param sources directives beside those that every page has; a style or script is let through by {@link hashSource} */
export function pageHeaders(...sources: readonly string[]): Readonly<Record<string, string>> {
  const policy = ["default-src 'none'", ...sources, "base-uri 'none'", "frame-ancestors 'none'"];
  return {
    ...COMMON_HEADERS,
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': policy.join('; '),
  };
}

/** Of every answer, whatever its type. */
export const COMMON_HEADERS = { 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' };

/** The exact text of an inline style or script, as the policy names it. */
export function hashSource(text: string): string {
  return `'sha256-${hash('sha256', text, 'base64')}'`;
}
