import { isLoopback } from './loopback.ts';

export const URL_FORM = 'an https URL without query, fragment and credentials (http for loopback hosts only)';

/**
 * The URL without a trailing slash, or `undefined` when it is none that credentials may be sent to: TLS is optional on
 * loopback alone.
 */
export function parseServiceUrl(text: string): string | undefined {
  const url = URL.parse(text);
  return url === null || findFault(url, text) !== undefined ? undefined : url.href.replace(/\/+$/, '');
}

/** What is wrong with a URL that {@link parseServiceUrl} refuses, without quoting it. */
export function explainServiceUrl(text: string): string {
  const url = URL.parse(text);
  const isWithoutScheme = url === null || !/^https?:/i.test(text);
  if (isWithoutScheme)
    return text.includes('://') ? 'which is no https URL' : 'which does not begin with https://';
  return findFault(url, text) ?? 'which is no URL';
}

function findFault(url: URL, text: string): string | undefined {
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    return 'which is http to another host than this one';
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'which is no https URL';
  if (url.username !== '' || url.password !== '') return 'which has credentials in it';
  // `url.search` is empty for a lone `?` too.
  if (text.includes('?')) return 'which has a query';
  return text.includes('#') ? 'which has a fragment' : undefined;
}
