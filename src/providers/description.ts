/**
 * The language in which a token API is described: how a request is built and how its answer is read. As zod, which is
 * also the source of the JSON Schema; what depends on several settings at once (names, paths, types) `compile.ts` checks.
 */
import * as z from 'zod';
import {
  durationField,
  mapping,
  NAME_FORM,
  NAME_PATTERN,
  patternField,
  shortTextField,
} from '../core/wire/field-schemas.ts';
import { isJsonObject } from '../core/wire/json.ts';
import { PATH_FORM, parsePath } from './answer-path.ts';
import { parseTemplate } from './template.ts';

const TEXT_FORM = 'a text, in which ${name} stands for a credential, a value, an option or the customer';

/** A text with `${name}` in it. */
export const templateField = z
  .string(TEXT_FORM)
  .max(4096, TEXT_FORM)
  .superRefine((text, context) => {
    const parsed = parseTemplate(text);
    if (!parsed.ok)
      context.addIssue({ code: 'custom', message: TEXT_FORM, params: { found: parsed.problem } });
  })
  .meta({ errorMessage: TEXT_FORM });

const nameField = patternField(NAME_PATTERN, NAME_FORM);

const pathField = z
  .string(PATH_FORM)
  .max(512, PATH_FORM)
  .refine((text) => parsePath(text) !== undefined, PATH_FORM)
  .meta({ errorMessage: PATH_FORM });

const HEADER_FORM = 'the name of a header';
const headerField = patternField(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/, HEADER_FORM);

/** Where something is in an answer. */
const placeFields = {
  path: pathField.optional().describe('where in the JSON answer'),
  header: headerField.optional().describe('a header of the answer'),
};

/** A text, or `{ optional: name }`: left out while the credential of that name has no value. */
const parameterField = z.union(
  [templateField, mapping({ optional: nameField.describe('name of a credential that may have no value') })],
  `${TEXT_FORM}, or { optional: NAME }`,
);

export const parametersField = (what: string) =>
  z.record(
    // Half of a surrogate pair has no bytes in UTF-8.
    shortTextField(256, what).refine((name) => name.isWellFormed(), what),
    parameterField,
    `a mapping of ${what} to texts`,
  );

export const headersField = z.record(headerField, parameterField, 'a mapping of headers to texts');

const zoneField = patternField(/^(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d)$/, 'Z, or an offset like +07:00');

/** Its message is what is allowed, as everywhere. */
function oneOf<const Values extends readonly [string, ...string[]]>(values: Values) {
  return z.enum(values, values.join(', '));
}

/** Forms of the bytes of a digest, signature or random number as text. */
const AS = oneOf(['base64', 'base64url', 'hex', 'hex-upper']);
const as = AS.default('base64').describe('how the bytes are written');
const text = templateField.describe('what it is computed from');
const key = nameField.describe('name of the credential that is the key');
const passphrase = nameField.optional().describe('name of the credential that opens the key');
const allowWeakKey = z
  .boolean()
  .default(false)
  .describe('accept RSA keys from 1024 bits on, instead of 2048');

export const JWT_ALGORITHMS = [
  'HS256',
  'HS384',
  'HS512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const;

const claims = z.record(shortTextField(256, 'the name of a claim'), z.unknown(), 'a mapping of claims');

/** What a value can be, each by the key that it begins with. Computed once for each attempt, in the order given. */
export const valueForms = {
  now: mapping({
    now: oneOf(['epoch-seconds', 'epoch-milliseconds', 'iso', 'http-date']).describe(
      'form of the moment of the request',
    ),
    zone: zoneField.default('Z').describe('of iso: Z, or an offset like +07:00'),
    precision: oneOf(['seconds', 'milliseconds']).default('seconds').describe('of iso'),
  }),
  random: mapping({
    random: oneOf(['uuid', 'hex', 'base64', 'base64url']).describe('form of a value that nobody can guess'),
    bytes: z
      .int('a whole number from 8 to 64')
      .min(8)
      .max(64)
      .default(16)
      .describe('how much of it, but for uuid'),
  }),
  text: mapping({ text }),
  base64: mapping({ base64: text }),
  base64url: mapping({ base64url: text }),
  hex: mapping({ hex: text }),
  digest: mapping({
    digest: oneOf(['md5', 'sha1', 'sha256', 'sha512']).describe('a hash'),
    text,
    as: as.default('hex'),
  }),
  hmac: mapping({
    hmac: oneOf(['sha1', 'sha256', 'sha512']).describe('a keyed hash'),
    key,
    keyAs: oneOf(['text', 'base64', 'hex']).default('text').describe('what the text of the key is'),
    text,
    as: as.default('hex'),
  }),
  rsa: mapping({
    rsa: oneOf(['pkcs1-sha1', 'pkcs1-sha256', 'pkcs1-sha512', 'pss-sha256', 'pss-sha512']).describe(
      'a signature',
    ),
    key,
    passphrase,
    text,
    as,
    allowWeakKey,
  }),
  ecdsa: mapping({
    ecdsa: oneOf(['sha256', 'sha384', 'sha512']).describe('a signature'),
    key,
    passphrase,
    text,
    as,
    format: oneOf(['der', 'ieee-p1363']).default('der').describe('form of the two numbers'),
  }),
  ed25519: mapping({ ed25519: text, key, passphrase, as }),
  'rsa-encrypt': mapping({
    'rsa-encrypt': oneOf(['oaep-sha1', 'oaep-sha256', 'pkcs1']).describe(
      'encryption for the holder of a key',
    ),
    key: nameField.describe("name of the credential that is the other side's public key"),
    text,
    as,
  }),
  jwt: mapping({
    jwt: oneOf(JWT_ALGORITHMS).describe(
      'a signed JSON Web Token, with iat, exp and jti unless claims says otherwise',
    ),
    key,
    passphrase,
    header: claims.prefault({}).describe('further fields of its header: kid, x5t'),
    thumbprintOf: nameField
      .optional()
      .describe('name of the credential that is the certificate of the key: its SHA-256 becomes x5t#S256'),
    claims: claims
      .prefault({})
      .describe('further claims; each text with ${name}, { now: SECONDS } for a moment; null leaves one out'),
    lifetime: durationField({ leastMs: 1000, mostMs: 86_400_000 })
      .prefault('60s')
      .describe('from iat to exp'),
    backdate: durationField({ mostMs: 600_000 })
      .prefault('0s')
      .describe('how long before the request iat lies'),
  }),
  sorted: mapping({
    sorted: parametersField('names').describe('items that are joined in the order of their names'),
    pair: z.string().max(16).default('=').describe('between a name and its text'),
    join: z.string().max(16).default('&').describe('between items'),
    encode: oneOf(['none', 'url']).default('none').describe('url: names and texts as URL components'),
  }),
} as const;

const VALUE_FORM = `a mapping that begins with one of ${Object.keys(valueForms).join(', ')}`;

export type ValueNode = z.output<(typeof valueForms)[keyof typeof valueForms]>;

/**
 * One of {@link valueForms}, known by its first key: a union would take every mistake in a form that has a `text` for the
 * form of that name.
 */
const valueField = z
  .unknown()
  .transform((value, context): ValueNode => {
    const first = isJsonObject(value) ? Object.keys(value)[0] : undefined;
    const form = Object.entries(valueForms).find(([name]) => name === first)?.[1];
    if (form === undefined) {
      const known = Object.keys(valueForms).join(', ');
      if (first === undefined) context.addIssue({ code: 'custom', message: VALUE_FORM });
      else context.issues.push({ code: 'unrecognized_keys', keys: [first], message: known, input: {} });
      return z.NEVER;
    }
    const parsed = form.safeParse(value);
    if (parsed.success) return parsed.data;
    // As the form itself says it.
    context.issues.push(...parsed.error.issues.map((issue) => ({ ...issue, input: undefined })));
    return z.NEVER;
  })
  // When somebody asks: the daemon never does, and would pay for it at each start.
  .meta({
    get anyOf() {
      return Object.values(valueForms).map((form) => jsonSchemaOf(form));
    },
  });

function jsonSchemaOf(form: z.ZodType): z.core.JSONSchema.JSONSchema {
  const { $schema: _, ...schema } = z.toJSONSchema(form, { io: 'input' });
  return schema;
}

const valuesField = z
  .record(nameField, valueField, 'a mapping of names to values')
  .prefault({})
  .describe('values that are computed once for each attempt, in this order; later ones may use earlier ones');

const STATUS_FORM = 'a status like 429 or 5xx';
const statusField = z.union(
  [
    z.int(STATUS_FORM).min(100, STATUS_FORM).max(599, STATUS_FORM),
    patternField(/^(?:[1-5]xx|[1-5]\d\d)$/, STATUS_FORM),
  ],
  STATUS_FORM,
);
const scalarField = z
  .union([z.string(), z.number(), z.boolean()], 'a text, number, true or false')
  .transform(String);
const scalarList = z
  .array(scalarField, 'a list of texts')
  .min(1, 'a list of texts')
  .max(64, 'a list of texts');
const textsField = z.union([scalarField.transform((one) => [one]), scalarList], 'a text or a list of texts');

/** A test of one thing that an answer says; several words of one predicate must all hold. */
const predicateField = mapping({
  status: z
    .union(
      [statusField.transform((one) => [one]), z.array(statusField).min(1).max(32)],
      `${STATUS_FORM}, or a list`,
    )
    .optional()
    .describe('HTTP status: 429, 5xx, or a list'),
  ...placeFields,
  is: scalarField.optional().describe('the same text; numbers and booleans count as their text'),
  in: scalarList.optional().describe('one of these texts'),
  not: textsField.optional().describe('present or not, none of these texts'),
  like: textsField.optional().describe('a text of this form: ? stands for one character, as in 401??00'),
  unlike: textsField.optional().describe('of none of these forms'),
  mentions: textsField.optional().describe('holds one of these words, whatever their case'),
  exists: z.literal(true).optional().describe('is there'),
  absent: z.literal(true).optional().describe('is not there, or null, or empty'),
  saysSuccess: z
    .literal(true)
    .optional()
    .describe('says that all is well, or is not there: zeros, 2xx, 2xxxxxx, ok, true, success'),
});

export type Predicate = z.output<typeof predicateField>;

const predicateList = z
  .array(predicateField, 'a list of conditions')
  .min(1, 'a list of conditions')
  .max(16, 'a list of conditions');

/** One predicate, or `{ all: […] }`, or `{ any: […] }`. */
const conditionField = mapping({
  ...predicateField.shape,
  all: predicateList.optional().describe('conditions that all hold'),
  any: predicateList.optional().describe('conditions of which one holds'),
});

export type Condition = z.output<typeof conditionField>;

const EXPIRY_UNITS = [
  'auto',
  'seconds',
  'minutes',
  'milliseconds',
  'epoch-seconds',
  'epoch-milliseconds',
  'iso',
  'duration',
] as const;

const expiryField = mapping({
  ...placeFields,
  as: z
    .enum(EXPIRY_UNITS)
    .default('auto')
    .describe('what the value is; auto: whatever form is recognised, numbers as seconds'),
  zone: zoneField.optional().describe('of a time that is written without one'),
  jwt: z.literal('exp').optional().describe("the token's own exp, which always counts"),
  ttl: durationField({ leastMs: 10_000 }).optional().describe('a fixed life, for answers that say nothing'),
});

export type ExpiryRule = z.output<typeof expiryField>;

export const expiryList = z
  .array(expiryField, 'a list')
  .max(8)
  .describe('where the answer says when the token ends; the earliest plausible one counts');

const bodyField = mapping({
  json: z
    .unknown()
    .optional()
    .describe(
      'a JSON structure; texts may hold ${name}; { number: TEXT }, { boolean: TEXT } where another type is wanted, { optional: NAME } to leave a field out, { object: … } for a mapping with just such a key',
    ),
  form: parametersField('a field').optional().describe('form fields (application/x-www-form-urlencoded)'),
  text: templateField.optional().describe('a text as it is; nothing in it is escaped'),
});

const URL_FORM = 'https://HOST/PATH, or a path that begins with /';

const requestFields = {
  method: z.enum(['GET', 'POST', 'PUT']).default('POST').describe('the HTTP method'),
  url: templateField
    .refine((url) => /^(?:\/|https?:\/\/)[^\s]*$/.test(url), URL_FORM)
    .meta({ errorMessage: URL_FORM })
    .describe('address of the token endpoint; a path is appended to baseUrl'),
  query: parametersField('a query parameter').prefault({}).describe('query parameters, in this order'),
  headers: headersField.prefault({}).describe('headers'),
  basic: mapping({
    user: templateField.describe('user name'),
    password: templateField.describe('password'),
    encoding: z
      .enum(['form', 'raw'])
      .default('raw')
      .describe('form: both form-encoded first, as RFC 6749 2.3.1 says; raw: as they are'),
  })
    .optional()
    .describe('HTTP Basic authentication'),
  body: z
    .union([z.literal('none'), bodyField], 'none, or a mapping with json, form or text')
    .default('none')
    .describe('what is sent'),
};

const requestField = mapping(requestFields);

export type RequestDescription = z.output<typeof requestField>;

const successField = mapping({
  status: z
    .array(statusField, `a list of ${STATUS_FORM}`)
    .min(1)
    .prefault(['2xx'])
    .describe('statuses of a success'),
  all: predicateList.optional().describe('conditions that all hold for a success'),
  any: predicateList.optional().describe('conditions of which one holds for a success'),
})
  .optional()
  .describe('what a success is; left out: 2xx, with a token or without a stated error');

const tokenField = mapping({
  path: pathField.optional().describe('where in the JSON answer'),
  header: headerField.optional().describe('the header that holds it; a scheme before it is dropped'),
  cookie: shortTextField(128, 'the name of a cookie').optional().describe('the cookie that holds it'),
  body: z.literal('text').optional().describe('text: the whole answer is the token'),
});

export type TokenPlace = z.output<typeof tokenField>;

const waitField = mapping({
  ...placeFields,
  as: z.enum(['seconds', 'epoch-seconds']).default('seconds').describe('what the value is'),
});

/** What a failed answer can be made of by a rule. */
export const ERROR_CODES = [
  'credentials-rejected',
  'request-rejected',
  'rate-limited',
  'provider-unavailable',
  'chain-broken',
  'clock-skewed',
] as const;

const errorField = mapping({
  when: conditionField.describe('when it applies'),
  code: z.enum(ERROR_CODES).describe('what it is'),
  retryAfter: z
    .union(
      [waitField.transform((one) => [one]), z.array(waitField).min(1).max(4)],
      'a mapping with path or header, or a list of such',
    )
    .optional()
    .describe('where the answer says how long to wait; beside Retry-After, the longest counts'),
  advice: shortTextField(300, 'a text for people').optional().describe('what a human should check'),
});

export type ErrorRule = z.output<typeof errorField>;

const refreshField = mapping({
  token: mapping(placeFields).describe('where the answer holds the next refresh token'),
  expiry: mapping({
    path: pathField.describe('where in the JSON answer'),
    as: z.enum(EXPIRY_UNITS).default('auto').describe('what the value is'),
  })
    .optional()
    .describe('where the answer says when the refresh token ends'),
  ttl: durationField({ leastMs: 60_000 })
    .optional()
    .describe('life of a refresh token, when the answer does not say'),
  rotates: z
    .enum(['always', 'sometimes'])
    .default('sometimes')
    .describe('always: a new token without a next refresh token is reported in the log'),
  whenRefused: z
    .enum(['start-again', 'needs-human'])
    .default('start-again')
    .describe(
      'start-again: the base request without it; needs-human: only a new refreshToken among the credentials helps',
    ),
  request: requestField
    .optional()
    .describe(
      'the request while a refresh token is held; the base request, with ${refreshToken}, when left out',
    ),
})
  .optional()
  .describe('a chain of refresh tokens: each fetch presents one and may get the next; needs a stateSecret');

const stepField = mapping({
  ...requestFields,
  success: successField,
  save: z
    .record(nameField, pathField, 'a mapping of names to paths')
    .describe('what later requests may use as ${name}'),
});

const saveableField = z.record(
  patternField(/^[a-z][a-z0-9_]{0,62}$/, 'lower-case letters, digits and underscores'),
  pathField,
  'a mapping of names to paths',
);

export const schemeField = z
  .union(
    [
      patternField(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/, 'one word, or { path: … }'),
      mapping({ path: pathField.describe('where in the JSON answer') }),
    ],
    'one word, or { path: … }',
  )
  .describe(
    'word before the token in an Authorization header; none: nothing; { path: … }: what the answer says',
  );

/** All that a description says. */
export const descriptionFields = {
  values: valuesField,
  steps: z
    .array(stepField, 'a list of at most two requests')
    .max(2, 'a list of at most two requests')
    .prefault([])
    .describe('requests that come before, at most two'),
  hosts: z
    .array(patternField(/^[a-z0-9.-]{1,253}$/, 'the name of a host'), 'a list of hosts')
    .prefault([])
    .describe('hosts that a saved value may name'),
  request: requestField.describe('the request for a token'),
  success: successField,
  token: tokenField.prefault({ path: 'access_token' }).describe('where the answer holds the token'),
  scheme: schemeField.default('Bearer'),
  expiry: expiryList.prefault([]),
  refresh: refreshField,
  publish: saveableField
    .prefault({})
    .describe(
      'further fields of the answer for readers, below `fields` of the document; texts of at most 1,024 characters, never a credential',
    ),
  errorStatus: pathField.optional().describe('where the answer states an HTTP status of its own'),
  errors: z
    .array(errorField, 'a list of rules')
    .max(32)
    .prefault([])
    .describe('what failures mean, first match; else by the status as everywhere'),
  reissue: z
    .enum(['new', 'same-until-expiry', 'invalidates-previous'])
    .default('new')
    .describe(
      'what asking again brings: a new token; the same one until it ends; a new one that ends the one before',
    ),
  notBeforeExpiry: durationField()
    .optional()
    .describe('a new token is refused earlier than this before the end of the one before'),
  allowSecretInUrl: z
    .boolean()
    .default(false)
    .describe('accept credentials in the path or query, which proxies and servers log'),
};

export const descriptionSchema = mapping(descriptionFields);

export type Description = z.output<typeof descriptionSchema>;
