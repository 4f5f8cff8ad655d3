/** What a customer may be called: it becomes part of names of secrets, of a token's name and of log lines. */
export const CUSTOMER_NAME_PATTERN = /^[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?$/;

export const CUSTOMER_NAME_FORM = 'letters, digits and inner hyphens and underscores, at most 63';
