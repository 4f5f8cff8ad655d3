/** Where a credential is: in the environment, in a file or in a secret of the store. Messages name it, never a value. */
import { fail, type Result } from '../result.ts';
import { isPlainVariable, mayBeSecret } from './secret-likeness.ts';

export type CredentialReference =
  | { readonly kind: 'env'; readonly name: string }
  /** Absolute, or relative to the working directory: the configuration file's folder is already in front. */
  | { readonly kind: 'file'; readonly path: string }
  /** The text of a secret, or the text at `key` of a secret that is a JSON object. `id` is a name or an ARN. */
  | { readonly kind: 'awsSecret'; readonly id: string; readonly key: string | undefined };

/** References by the credential's name (`appSecret`). */
export type CredentialReferences = Readonly<Record<string, CredentialReference>>;

/**
 * `environment variable ACME_APP_ID`, for messages and for `check`; `the environment variable` when the name may be the
 * value itself, put in the wrong place.
 */
export function describeReference(reference: CredentialReference): string {
  switch (reference.kind) {
    case 'env':
      return isPlainVariable(reference.name)
        ? `environment variable ${reference.name}`
        : 'the environment variable';
    case 'file':
      return mayBeSecret(reference.path) ? 'the file' : `file ${reference.path}`;
    case 'awsSecret': {
      const secret = mayBeSecret(reference.id) ? 'the secret' : `secret ${reference.id}`;
      if (reference.key === undefined) return secret;
      return mayBeSecret(reference.key) ? `the key of ${secret}` : `key ${reference.key} of ${secret}`;
    }
  }
}

/** A reference that a human has to correct. */
export function rejectReference(reference: CredentialReference, what: string): Result<never> {
  return fail({
    code: 'credentials-rejected',
    retry: 'needs-human',
    message: `${describeReference(reference)} ${what}`,
  });
}
