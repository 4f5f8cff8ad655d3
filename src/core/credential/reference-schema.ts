import * as z from 'zod';
import { pathField, patternField, shortTextField } from '../wire/field-schemas.ts';

const FORMS = '{ env: NAME }, { file: PATH } or { awsSecret: ID, key: NAME }';

/** Ends the description of every option that is a reference. */
export const BY_REFERENCE = `by reference: ${FORMS}`;

/** Stands alone: it is the whole message, because what was found must not be shown. */
export const LITERAL_CREDENTIAL =
  'a credential must not stand in this file; put it into an environment variable or a file and write ' +
  FORMS;

const AWS_SECRET_FORM = 'the name or ARN of a secret';

const SOURCES = ['env', 'file', 'awsSecret'] as const;
const KEYS = [...SOURCES, 'key'].join(', ');

/** Exactly one of `env`, `file` and `awsSecret`. */
export const credentialReferenceSchema = z
  .strictObject(
    {
      env: patternField(/^[A-Za-z_][A-Za-z0-9_]{0,254}$/, 'the name of an environment variable')
        .optional()
        .describe('name of an environment variable'),
      // One line and not too long: the most likely mistake is a private key pasted in place of its path.
      file: pathField('the path of a file, on one line')
        .optional()
        .describe(
          'path of a regular file, relative to the folder of the configuration file; read again before every fetch',
        ),
      awsSecret: patternField(/^[A-Za-z0-9/_+=.@:-]+$/, AWS_SECRET_FORM)
        .max(2048, AWS_SECRET_FORM)
        .optional()
        .describe("name or ARN of a secret in the store's account and region"),
      key: shortTextField(256, 'a key of the JSON object in the secret')
        .optional()
        .describe('beside awsSecret: key of the JSON object in the secret; the whole text when left out'),
    },
    {
      error: (issue) => {
        if (issue.code === 'unrecognized_keys') return KEYS;
        return issue.input === undefined || issue.input === null ? FORMS : LITERAL_CREDENTIAL;
      },
    },
  )
  .superRefine((reference, context) => {
    // An unknown key is told already, and is most likely the one that is missing here.
    if (context.issues.length > 0) return;
    const sources = SOURCES.filter((source) => reference[source] !== undefined);
    const isMisused = reference.key !== undefined && reference.awsSecret === undefined;
    if (sources.length === 1 && !isMisused) return;
    const none = isMisused
      ? 'found key, and no awsSecret that it could be a key of'
      : 'found a mapping that names no place';
    const found = sources.length > 1 ? `found ${sources.join(' and ')}, which exclude each other` : none;
    context.addIssue({ code: 'custom', message: `one of ${FORMS}`, params: { found } });
  })
  .meta({
    oneOf: SOURCES.map((source) => ({ required: [source] })),
    dependentRequired: { key: ['awsSecret'] },
  });
