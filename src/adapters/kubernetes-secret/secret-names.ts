/** `NAME` in the store's own namespace, or `NAMESPACE/NAME`. @see "Object Names and IDs" in Kubernetes' documentation */
import type { NameRules } from '../../core/store-kind.ts';

const FORM =
  'NAME or NAMESPACE/NAME: lower-case letters, digits, hyphens and (in the name) dots, beginning and ending with a letter ' +
  'or digit, also before and after a dot; at most 253 characters, the namespace at most 63';
const MAX_NAME = 253;

export const SECRET_NAMES: NameRules = {
  // A dot with \b on both sides is between letters or digits.
  pattern: /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\/)?[a-z0-9](?:(?:[a-z0-9-]|\b\.\b){0,251}[a-z0-9])?$/,
  form: FORM,
  templatePattern: /^(?:(?:[a-z0-9-]|\{customer\}){1,63}\/)?(?:[a-z0-9.-]|\{customer\}){1,253}$/,
  findSlip: (name) => {
    if (name.split('/').length > 2)
      return { text: 'with more than one slash', suggestion: name.replace(/\/(?=.*\/)/g, '-') };
    const plain = name.toLowerCase().replaceAll('_', '-');
    return plain === name ? undefined : { text: 'with capital letters or underscores', suggestion: plain };
  },
  noteTemplate: (template) =>
    template.includes('{customer}')
      ? 'only customers whose name is made of lower-case letters, digits and inner hyphens can have a token: that is what ' +
        'Kubernetes allows in the name of a Secret'
      : undefined,
  nameOf: (id) => id,
  // Beside the token: a Role allows Secrets by their whole name, so whoever may read the one may not read the other.
  stateSecretOf: (secret) => `${secret}-state`,
  // A slash there is part of a path, and says nothing of a namespace.
  mirrorOf: (name) =>
    name
      .toLowerCase()
      .replace(/[^a-z0-9.-]/g, '-')
      // What is between dots begins and ends with a letter or digit.
      .replace(/[.-]*\.[.-]*/g, '.')
      .slice(0, MAX_NAME)
      .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, ''),
};

/** A Secret of the cluster. */
export interface SecretName {
  readonly namespace: string;
  readonly name: string;
}

/** @param home of a name that has no namespace of its own */
export function parseSecretName(secretName: string, home: string): SecretName {
  const separator = secretName.indexOf('/');
  return separator === -1
    ? { namespace: home, name: secretName }
    : { namespace: secretName.slice(0, separator), name: secretName.slice(separator + 1) };
}

/** For messages. */
export function formatPlace({ namespace, name }: SecretName): string {
  return namespace === '' ? name : `${namespace}/${name}`;
}
