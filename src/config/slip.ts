/** What is wrong with a value, beyond that it is not allowed: the usual slips, by what is allowed in its place. */

import { FETCH_LIMIT_FORM } from '../core/limits/fetch-limit.ts';
import type { NameRules } from '../core/store-kind.ts';
import { DURATION_FORM, parseDuration } from '../core/wire/duration.ts';
import { explainServiceUrl, URL_FORM } from '../core/wire/service-url.ts';
import { SECRET_TEMPLATE_FORM } from './secret-name.ts';

interface Slip {
  /** Follows `found …`; never quotes the value. */
  readonly text: string;
  readonly suggestion?: string | undefined;
}

/**
 * @param value what was found, which may be shown
 * @param allowed by the convention of `field-schemas.ts`, the message of the schema
 * @param isTextWanted a text of any kind would be of the right type
 * @param names where secrets are named
 */
export function findSlip(
  value: unknown,
  allowed: string,
  isTextWanted: boolean,
  names: NameRules | undefined,
): Slip | undefined {
  if (allowed.startsWith(DURATION_FORM)) return findDurationSlip(value, allowed);
  if (allowed.startsWith('a whole number') && typeof value === 'string' && /^\d+$/.test(value))
    return { text: ', a text in quotes', suggestion: value };
  // Not taken for a text: YAML has dropped leading zeros already, and the last digits of long numbers.
  if (
    isTextWanted &&
    allowed !== FETCH_LIMIT_FORM &&
    (typeof value === 'number' || typeof value === 'boolean')
  )
    return { text: ', which is a text only in quotes' };
  if (typeof value !== 'string') return undefined;
  if (allowed === URL_FORM) return { text: `, ${explainServiceUrl(value)}` };
  const slip = [names?.form, SECRET_TEMPLATE_FORM].includes(allowed) ? names?.findSlip(value) : undefined;
  return slip === undefined ? undefined : { ...slip, text: `, ${slip.text}` };
}

function findDurationSlip(value: unknown, allowed: string): Slip | undefined {
  if (typeof value === 'number') {
    const isFraction = allowed.includes('fraction') && value > 0 && value < 1;
    return isFraction ? undefined : { text: ', a number without a unit' };
  }
  if (typeof value !== 'string') return undefined;
  const percent = /^(\d{2})%$/.exec(value);
  if (percent !== null) return { text: ', a percentage', suggestion: `0.${percent[1]}` };
  const tidied = value
    .toLowerCase()
    .replaceAll(/\s/g, '')
    .replaceAll(/min(?:utes?|s)?/g, 'm')
    .replaceAll(/h(?:ou)?rs?|hour/g, 'h')
    .replaceAll(/sec(?:onds?|s)?/g, 's')
    .replace(/h(\d{1,2})$/, 'h$1m');
  const isMeant = tidied !== value && parseDuration(tidied).ok;
  return isMeant ? { text: ', which is written otherwise', suggestion: tidied } : undefined;
}
