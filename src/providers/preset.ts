/**
 * A preset: a description that ships with the program (`config/presets/NAME.yaml`), or one of the user's own (`presets:`
 * in the configuration). Its name is a `kind`.
 */
import * as z from 'zod';
import {
  durationField,
  fetchLimitField,
  mapping,
  NAME_FORM,
  NAME_PATTERN,
  shortTextField,
} from '../core/wire/field-schemas.ts';

/** Names of presets of the user's own. */
export const OWN_NAME = /^[a-z][a-z0-9-]{1,62}$/;

const LINE_FORM = 'a text on one line';
const line = z
  .string(LINE_FORM)
  .min(1, LINE_FORM)
  .max(400, LINE_FORM)
  .regex(/^[^\n\r]*$/, LINE_FORM);

const credentialField = mapping({
  description: line.describe('what it is, and how it is sent'),
  optional: z.boolean().default(false).describe('true: the request can do without'),
});

function isPattern(text: string): boolean {
  try {
    return new RegExp(text) instanceof RegExp;
  } catch {
    return false;
  }
}

const optionField = mapping({
  description: line.describe('what it changes'),
  values: z
    .array(z.union([z.string(), z.boolean()]))
    .min(1)
    .optional()
    .describe('the values it can have; any text when left out'),
  pattern: shortTextField(200, 'a regular expression')
    .refine(isPattern, 'a regular expression')
    .optional()
    .describe('form of the text, as a regular expression'),
  form: line.optional().describe('the same in words'),
  default: z
    .union([z.string(), z.boolean()])
    .optional()
    .describe('its value when left out; without one it has to be given'),
});

const named = <Field extends z.ZodType>(field: Field) =>
  z.record(z.string().regex(NAME_PATTERN, NAME_FORM), field, 'a mapping of names');

/** What a preset says beside the fields of its form. */
export const presetFields = {
  title: line.describe('the API, in a few words'),
  source: line.describe('page that it was written after'),
  checked: z.iso.date('a date like 2026-11-28').describe('when it was compared with that page'),
  fromMemory: z.array(line).prefault([]).describe('what the page does not say, and was written from memory'),
  special: line.optional().describe('what a user should know, in one line'),
  form: z.enum(['http', 'oauth2', 'snap']).describe('what the rest is written in'),
  baseUrl: shortTextField(300, 'an address')
    .optional()
    .describe('address of the API, may hold ${option}; without one the user gives it'),
  lifetime: durationField({ leastMs: 10_000 }).describe('documented life of a token'),
  minInterval: durationField().optional().describe('shortest time between two fetches of one token'),
  fetchBudget: fetchLimitField().optional().describe('most calls in a day, hour or minute'),
  credentials: named(credentialField).prefault({}).describe('credentials'),
  customerCredentials: named(credentialField)
    .optional()
    .describe('credentials that each customer has; the kind then has one token for each customer'),
  options: named(optionField).prefault({}).describe('options, which texts may hold as ${name}'),
  variants: z
    .array(z.looseObject({ when: named(z.union([z.string(), z.boolean()])) }))
    .prefault([])
    .describe('fields that replace those of the form while options have certain values'),
  example: z.unknown().optional().describe('a request and its answer, which the suites try a preset with'),
};
