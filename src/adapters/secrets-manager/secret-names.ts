/** @see CreateSecret, `Name`, in the API reference of Secrets Manager */
import type { NameRules } from '../../core/store-kind.ts';

/** Such an end is what Secrets Manager adds to a name in an ARN. */
const ARN_LIKE_END = /-.{6}$/;
const ARN = /^arn:[^:]*:secretsmanager:[^:]*:[^:]*:secret:(.+?)(?:-[A-Za-z0-9]{6})?$/;

export const SECRET_NAMES: NameRules = {
  // At most six characters, or no hyphen seven from the end: a look-ahead would say so, which Helm's RE2 has not.
  pattern: /^(?:[A-Za-z0-9/_+=.@-]{1,6}|[A-Za-z0-9/_+=.@-]{0,505}[A-Za-z0-9/_+=.@][A-Za-z0-9/_+=.@-]{6})$/,
  form:
    '1 to 512 of letters, digits and /_+=.@-, not ending in a hyphen and six characters ' +
    '(Secrets Manager adds such an end to the ARN)',
  templatePattern: /^(?:[A-Za-z0-9/_+=.@-]|\{customer\}){1,512}$/,
  findSlip: (name) => {
    if (name.startsWith('arn:')) return { text: 'an ARN in the place of a name', suggestion: nameOf(name) };
    return ARN_LIKE_END.test(name) ? { text: 'which ends in a hyphen and six characters' } : undefined;
  },
  noteTemplate: (template) => {
    const length = refusedCustomerLength(template);
    return length === undefined
      ? undefined
      : `no customer whose name has ${length} characters can have a token: the name of the secret would end in a hyphen and six ` +
          'characters, which Secrets Manager takes for the end of an ARN; write /{customer}, or put text behind {customer}';
  },
  nameOf,
  // A prefix of its own, so that readers who are allowed `payments/*` cannot read a chain's refresh token.
  stateSecretOf: (secret) => `token-refresher/state/${secret}`,
  mirrorOf: (name) => name.toLowerCase().replaceAll(/[^a-z0-9/_+=.@-]/g, '-'),
};

/** The name in `arn:aws:secretsmanager:…:secret:name-AbCdEf`. */
function nameOf(id: string): string {
  return ARN.exec(id)?.[1] ?? id;
}

/** How many characters a customer's name must not have, for its secret's not to end in a hyphen and six; `undefined` for any. */
function refusedCustomerLength(template: string): number | undefined {
  const [, before, after] = /-([^-{}]{0,5})\{customer\}([^-{}]{0,5})$/.exec(template) ?? [];
  if (before === undefined || after === undefined) return undefined;
  const length = 6 - before.length - after.length;
  return length >= 1 ? length : undefined;
}
