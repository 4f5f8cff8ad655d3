import { isLoopback } from '../core/loopback.ts';

export const URL_FORM = 'an https URL without query, fragment and credentials (http for loopback hosts only)';

/**
 * The URL without a trailing slash, or `undefined` when it is none that credentials may be sent to: TLS is optional on
 * loopback alone.
 */
export function parseServiceUrl(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null) return undefined;
  const isPlainHttp = url.protocol === 'http:' && isLoopback(url.hostname);
  if (url.protocol !== 'https:' && !isPlainHttp) return undefined;
  if (url.username !== '' || url.password !== '') return undefined;
  // `url.search` is empty for a lone `?` too.
  if (text.includes('?') || text.includes('#')) return undefined;
  return url.href.replace(/\/+$/, '');
}
