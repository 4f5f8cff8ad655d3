/**
 * Bindings: secrets by which an application says that a customer has an account, and where its credentials are.
 *
 * A binding is a JSON object with the kind's customer credentials by name (`{"bindingId": "…"}`), and optionally the
 * customer's name as `customer`; without it the last part of the secret's name is the customer's: `ayu` of
 * `bindings/acme/ayu`. Other keys are the application's own.
 *
 * Guarantee: no value of a binding is kept or told but the customer's name.
 */

import { z } from 'zod';
import type { Parsed } from '../result.ts';
import type { SecretText } from '../secret-text.ts';
import { parseJson } from '../wire/json.ts';
import { CUSTOMER_NAME_FORM, CUSTOMER_NAME_PATTERN } from './customer-name.ts';

/** The customer's credentials that a kind needs, by name, and whether it can do without. */
export type BindingFields = Readonly<Record<string, { readonly optional?: boolean }>>;

export type ParsedBinding = Parsed<{
  readonly customer: string;
  /** Names of the credentials that it holds. */
  readonly credentials: readonly string[];
}>;

const nameSchema = z.looseObject({ customer: z.string().regex(CUSTOMER_NAME_PATTERN).optional() });
const credentialSchema = z.string().min(1);

export function parseBinding(secretName: string, text: SecretText, fields: BindingFields): ParsedBinding {
  const json = parseJson(text.reveal());
  const binding = z.looseObject({}).safeParse(json);
  if (!binding.success) return { ok: false, problem: 'it holds no JSON object' };
  const named = nameSchema.safeParse(json);
  if (!named.success) return { ok: false, problem: `customer is not a name of ${CUSTOMER_NAME_FORM}` };
  const customer = named.data.customer ?? secretName.split('/').at(-1) ?? '';
  if (!CUSTOMER_NAME_PATTERN.test(customer)) {
    return {
      ok: false,
      problem: `the last part of its name is not a customer's (${CUSTOMER_NAME_FORM}), and it holds no "customer"`,
    };
  }
  const credentials: string[] = [];
  for (const [name, { optional = false }] of Object.entries(fields)) {
    // Not binding.data[name]: `constructor` is no credential.
    const value = Object.hasOwn(binding.data, name) ? binding.data[name] : undefined;
    if (value === undefined && optional) continue;
    if (!credentialSchema.safeParse(value).success)
      return { ok: false, problem: `${name} is missing, empty or not a text` };
    credentials.push(name);
  }
  // A copy has no spare room, which an array that was pushed to has for 17 items.
  return { ok: true, customer, credentials: [...credentials] };
}
