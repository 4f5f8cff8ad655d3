/** Names of secrets, by Secrets Manager's rules, and the templates that yield one name per customer. */

const PLACEHOLDER = '{customer}';
const LONGEST = 512;

/** Names are shown whole, however long: what may be a credential is recognised by its form. */
export const MAX_NAME = LONGEST;

/** @see CreateSecret, `Name`, in the API reference of Secrets Manager */
export const SECRET_NAME_FORM =
  `1 to ${LONGEST} of letters, digits and /_+=.@-, not ending in a hyphen and six characters ` +
  '(Secrets Manager adds such an end to the ARN)';

/** Also the `pattern` of the JSON Schema. Short, or without a hyphen seven from its end: a look-ahead, which Helm's RE2 has not. */
export const SECRET_NAME_PATTERN =
  /^(?:[A-Za-z0-9/_+=.@-]{1,6}|[A-Za-z0-9/_+=.@-]{0,505}[A-Za-z0-9/_+=.@][A-Za-z0-9/_+=.@-]{6})$/;

/** Like a name, but `{customer}` may stand in it. */
export const SECRET_TEMPLATE_PATTERN = /^(?:[A-Za-z0-9/_+=.@-]|\{customer\}){1,512}$/;

export const SECRET_TEMPLATE_FORM = `the name of a secret with ${PLACEHOLDER} in it where there are customers`;

export function isSecretName(name: string): boolean {
  return SECRET_NAME_PATTERN.test(name);
}

export function hasPlaceholder(template: string): boolean {
  return template.includes(PLACEHOLDER);
}

export function expandTemplate(template: string, customer: string): string {
  return template.replaceAll(PLACEHOLDER, customer);
}

/** How many characters a customer's name must not have, for its secret's not to end in a hyphen and six; `undefined` for any. */
export function refusedCustomerLength(template: string): number | undefined {
  const [, before, after] = /-([^-{}]{0,5})\{customer\}([^-{}]{0,5})$/.exec(template) ?? [];
  if (before === undefined || after === undefined) return undefined;
  const length = 6 - before.length - after.length;
  return length >= 1 ? length : undefined;
}

/** A prefix of its own, so that readers who are allowed `payments/*` cannot read a chain's refresh token. */
export function defaultStateSecret(secret: string): string {
  return `token-refresher/state/${secret}`;
}

/** The name in `arn:aws:secretsmanager:…:secret:name-AbCdEf`; a name is returned as it is. */
export function secretNameOf(id: string): string {
  const match = /^arn:[^:]*:secretsmanager:[^:]*:[^:]*:secret:(.+?)(?:-[A-Za-z0-9]{6})?$/.exec(id);
  return match?.[1] ?? id;
}
