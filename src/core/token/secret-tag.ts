/** A tag of a secret: how an application says that the secret is meant for us. */
export interface SecretTag {
  readonly key: string;
  readonly value: string;
}

/**
 * `KEY=VALUE` with characters that both a tag may have and a filter of ListSecrets may ask for.
 * @see Filter, `Values`, in the API reference of Secrets Manager
 */
export const TAG_PATTERN = /^[A-Za-z0-9 :_@/+.-]{1,128}=[A-Za-z0-9 :_@/+=.-]{1,256}$/;

export const TAG_FORM = 'KEY=VALUE of letters, digits, blanks and :_@/+.-';

/** @throws when the text does not match {@link TAG_PATTERN} */
export function parseTag(text: string): SecretTag {
  const separator = text.indexOf('=');
  if (separator < 1) throw new Error('this is no tag');
  return { key: text.slice(0, separator), value: text.slice(separator + 1) };
}

export function formatTag({ key, value }: SecretTag): string {
  return `${key}=${value}`;
}
