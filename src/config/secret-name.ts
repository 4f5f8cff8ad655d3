/** Templates that yield one name of a secret per customer. Which names there are the store's rules say. */

const PLACEHOLDER = '{customer}';

/** Names are shown whole, however long: what may be a credential is recognised by its form. */
export const MAX_NAME = 512;

export const SECRET_TEMPLATE_FORM = `the name of a secret with ${PLACEHOLDER} in it where there are customers`;

export function hasPlaceholder(template: string): boolean {
  return template.includes(PLACEHOLDER);
}

export function expandTemplate(template: string, customer: string): string {
  return template.replaceAll(PLACEHOLDER, customer);
}
