import { Buffer } from 'node:buffer';
import { Refusal } from './refusal.ts';

export interface Page<T> {
  readonly items: readonly T[];
  /** Opaque; `undefined` on the last page. */
  readonly nextToken: string | undefined;
}

/**
 * Cuts one page out of a list. A token is good for the operation that issued it only.
 * @throws {Refusal} `InvalidNextTokenException`
 */
export function cutPage<T>(
  items: readonly T[],
  operation: string,
  maxResults: number,
  nextToken: string | undefined,
): Page<T> {
  const start = nextToken === undefined ? 0 : parseToken(operation, nextToken);
  const end = start + maxResults;
  return {
    items: items.slice(start, end),
    nextToken: end < items.length ? formatToken(operation, end) : undefined,
  };
}

function formatToken(operation: string, offset: number): string {
  return Buffer.from(`${operation}:${offset}`).toString('base64url');
}

function parseToken(operation: string, token: string): number {
  const [, issuer, offset] =
    /^(\w+):(\d{1,9})$/.exec(Buffer.from(token, 'base64url').toString('latin1')) ?? [];
  if (issuer !== operation || offset === undefined) {
    throw new Refusal('InvalidNextTokenException', 'The NextToken value is invalid.');
  }
  return Number(offset);
}
