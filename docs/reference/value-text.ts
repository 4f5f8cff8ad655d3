/** What an option's value may be, as one cell of a table. */

import { allowedByAny } from '../../src/config/schema.ts';
import { SECRET_TEMPLATE_FORM } from '../../src/config/secret-name.ts';
import { CUSTOMER_NAME_FORM } from '../../src/core/token/customer-name.ts';
import { DURATION_FORM } from '../../src/core/wire/duration.ts';
import { URL_FORM } from '../../src/core/wire/service-url.ts';
import { CATALOG } from '../../src/wiring/catalog.ts';
import { code, link, markUp } from './markdown-text.ts';
import type { SchemaNode } from './schema-node.ts';

/** A form that many options share: explained once, under a heading of its own. */
export interface SharedForm {
  readonly title: string;
  /** In the place of the words. */
  readonly term: string;
  /** As the schema says it; more words, like limits, may follow. */
  readonly words: string;
  /** What else is worth knowing, in Markdown. */
  readonly note: string;
}

export const REFERENCES = 'References';

export const SHARED_FORMS: readonly SharedForm[] = [
  {
    title: 'Durations',
    term: 'duration',
    words: DURATION_FORM,
    note: 'Whole numbers, each unit at most once, the largest first. Limits that a table gives are allowed themselves.',
  },
  {
    title: 'URLs',
    term: 'URL',
    words: URL_FORM,
    note: 'Credentials and tokens travel there, so nothing but TLS will do. A slash at the end makes no difference.',
  },
  {
    title: 'Names of secrets',
    term: 'name of a secret',
    words: allowedByAny(CATALOG.stores).names.form,
    note: 'Names, not ARNs: the account and the region are those of the store.',
  },
  {
    title: 'Templates of secrets',
    term: 'template',
    words: SECRET_TEMPLATE_FORM,
    note: 'What comes of it has to be a [name of a secret](#names-of-secrets), and another one for each customer.',
  },
  {
    title: 'Names of customers',
    term: 'name of a customer',
    words: CUSTOMER_NAME_FORM,
    note: 'Each is part of the names of secrets and of log lines: choose one that is no secret itself.',
  },
];

export function valueText(node: SchemaNode): string {
  switch (node.form) {
    case 'reference':
      return link('reference', REFERENCES);
    case 'text':
      return describeText(node.allowed);
    case 'choice':
      return inWords(node.values.map(code));
    case 'number':
      return `${node.isWhole ? 'whole number' : 'number'}${inRange(node.least, node.most)}`;
    case 'switch':
      return inWords([code('true'), code('false')]);
    case 'list':
      return `${listText(node)}, each a ${valueText(node.item).replace(/^an? /, '')}`;
    case 'record':
      return `mapping, each value ${valueText(node.value)}`;
    case 'mapping':
      return `mapping: ${node.options.map(({ name }) => code(name)).join(', ')}`;
    case 'either':
      return node.nodes.map(valueText).join(', or ');
  }
}

function describeText(allowed: string): string {
  const shared = SHARED_FORMS.find(({ words }) => allowed.startsWith(words));
  if (shared === undefined) return markUp(allowed);
  return `${link(shared.term, shared.title)}${markUp(allowed.slice(shared.words.length))}`;
}

function inRange(least: number | undefined, most: number | undefined): string {
  if (least === undefined) return most === undefined ? '' : `, at most ${most}`;
  return most === undefined ? ` from ${least}` : ` from ${least} to ${most}`;
}

/** How many entries a list may have, not what they are. */
export function listText({ least, most }: Extract<SchemaNode, { readonly form: 'list' }>): string {
  if (least === undefined) return most === undefined ? 'list' : `list of at most ${most}`;
  return most === undefined ? `list of ${least} or more` : `list of ${least} to ${most}`;
}

function inWords(texts: readonly string[]): string {
  return texts.length < 2 ? texts.join('') : `${texts.slice(0, -1).join(', ')} or ${texts.at(-1)}`;
}
