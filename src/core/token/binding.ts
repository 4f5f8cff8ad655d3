/**
 * Bindings: secrets by which an application says that a customer has an account, and where its credentials are.
 *
 * A binding is a JSON object with the kind's customer credentials by name (`{"bindingId": "…"}`), and optionally the
 * customer's name as `customer`; without it the last part of the secret's name is the customer's: `ayu` of
 * `bindings/acme/ayu`. Other keys are the application's own.
 *
 * Guarantee: no value of a binding is kept or told but the customer's name.
 */

import type { Parsed } from '../result.ts';
import type { SecretText } from '../secret-text.ts';
import { isJsonObject, parseJson } from '../wire/json.ts';
import { CUSTOMER_NAME_FORM, CUSTOMER_NAME_PATTERN } from './customer-name.ts';

/** The customer's credentials that a kind needs, by name, and whether it can do without. */
export type BindingFields = Readonly<Record<string, { readonly optional?: boolean }>>;

export type ParsedBinding = Parsed<{
  readonly customer: string;
  /** Names of the credentials that it holds. */
  readonly credentials: readonly string[];
}>;

export function parseBinding(secretName: string, text: SecretText, fields: BindingFields): ParsedBinding {
  const binding = parseJson(text.reveal());
  if (!isJsonObject(binding)) return { ok: false, problem: 'it holds no JSON object' };
  const lastPart = secretName.split('/').at(-1);
  const { customer = lastPart } = binding;
  if (typeof customer !== 'string' || !CUSTOMER_NAME_PATTERN.test(customer)) {
    const problem =
      binding['customer'] === undefined
        ? `the last part of its name is not a customer's (${CUSTOMER_NAME_FORM}), and it holds no "customer"`
        : `customer is not a name of ${CUSTOMER_NAME_FORM}`;
    return { ok: false, problem };
  }
  const credentials: string[] = [];
  for (const [name, { optional = false }] of Object.entries(fields)) {
    // Not binding[name]: `constructor` is no credential.
    const value = Object.hasOwn(binding, name) ? binding[name] : undefined;
    if (value === undefined && optional) continue;
    if (typeof value !== 'string' || value === '')
      return { ok: false, problem: `${name} is missing, empty or not a text` };
    credentials.push(name);
  }
  // A copy has no spare room, which an array that was pushed to has for 17 items.
  return { ok: true, customer, credentials: [...credentials] };
}
