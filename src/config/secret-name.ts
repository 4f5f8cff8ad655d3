/** Templates that yield one name of a secret per customer. Which names there are the store's rules say. */

import { mirrorName } from '../core/store-kind.ts';

const PLACEHOLDER = '{customer}';

/** Names are shown whole, however long: what may be a credential is recognised by its form. */
export const MAX_NAME = 512;

export const SECRET_TEMPLATE_FORM = `the name of a secret with ${PLACEHOLDER} in it where there are customers`;

export function hasPlaceholder(template: string): boolean {
  return template.includes(PLACEHOLDER);
}

/** Nothing that any store forbids, and nothing that a customer is called. */
const STAND_IN = 'x0customer0x';

/** What a mirror calls the secrets of a template, as far as that can be said before the customers are known. */
export function mirrorTemplate(
  mirror: Parameters<typeof mirrorName>[0],
  authority: Parameters<typeof mirrorName>[1],
  template: string,
): string {
  return mirrorName(mirror, authority, expandTemplate(template, STAND_IN)).replaceAll(STAND_IN, PLACEHOLDER);
}

export function expandTemplate(template: string, customer: string): string {
  return template.replaceAll(PLACEHOLDER, customer);
}
