/** The sections about providers: what all of them have, customers, and each kind. */
import { decideCadence } from '../../src/core/cadence.ts';
import { formatDuration } from '../../src/core/duration.ts';
import type { ProviderKind } from '../../src/providers/provider.ts';
import {
  type CustomerOptions,
  credentialOptions,
  customerOptions,
  type KindOptions,
} from './customer-options.ts';
import { code, link } from './markdown-text.ts';
import { optionTable } from './option-table.ts';
import type { ReferenceSection } from './reference-section.ts';
import { isIn, kindsOf, type SchemaOption } from './schema-node.ts';

const CUSTOMERS = 'Customers';

/**
 * @param example the block with the example of a section, by the section's title
 * @throws when schema and registry do not fit together
 */
export function providerSections(
  { node, name }: SchemaOption,
  path: string,
  kinds: readonly ProviderKind[],
  example: (title: string) => string,
): readonly ReferenceSection[] {
  const forms = node.form === 'list' ? kindsOf(node.item) : undefined;
  if (forms === undefined || forms.size !== kinds.length)
    throw new Error(`${path}: ${name} is not a list of all kinds`);
  const all = kinds.map((kind) => ({ kind, options: forms.get(kind.kind) ?? [] }));
  const shared = sharedOptions(all);
  const customers = customerOptions(all, path);
  const customersText = `${customers.list}, or a mapping: see ${link('customers', CUSTOMERS)}`;
  const table = (options: readonly SchemaOption[]): string =>
    optionTable({
      options,
      path,
      elsewhere: new Map([[`${path}.customers`, customersText]]),
    });
  const names = kinds.map(({ kind }) => link(kind, titleOf(kind))).join(', ');
  return [
    {
      title: 'Options of every provider',
      blocks: [
        `Every provider has these options, beside ${listNames(all, shared)}, which differ by kind: ${names}. A kind with a ` +
          'token for each customer has its own form of some of them, as its section says.',
        example('Options of every provider'),
        table(shared),
      ],
      sections: [],
    },
    ...all.map(({ kind, options }) => ({
      title: titleOf(kind.kind),
      blocks: [
        facts(kind),
        example(titleOf(kind.kind)),
        table(
          options
            .filter((option) => !isIn(option, shared))
            .flatMap((option) =>
              option.name === 'customers'
                ? [option, ...credentialOptions({ kind, options }, path)]
                : [option],
            ),
        ),
      ],
      sections: [],
    })),
    customersSection(customers, kinds, table, example),
  ];
}

function customersSection(
  { listed, discovered }: CustomerOptions,
  kinds: readonly ProviderKind[],
  table: (options: readonly SchemaOption[]) => string,
  example: (title: string) => string,
): ReferenceSection {
  const credentials = kinds.flatMap(({ kind, customerCredentials }) =>
    Object.keys(customerCredentials ?? {}).map((field) => `${code(field)} for ${link(kind, titleOf(kind))}`),
  );
  const blocks = [
    `Beside these options each customer has the credentials that its kind names: ${credentials.join(', ')}.`,
    example('Listed customers'),
    table(listed),
  ];
  return {
    title: CUSTOMERS,
    blocks: ['Kinds with a token for each customer have a list of them, or find them by a tag.'],
    sections: [
      { title: 'Listed customers', blocks, sections: [] },
      {
        title: 'Discovered customers',
        blocks: [example('Discovered customers'), table(discovered)],
        sections: [],
      },
    ],
  };
}

function titleOf(kind: string): string {
  return `Kind ${kind}`;
}

/** What every kind with a single token has, and in the same form. */
function sharedOptions(all: readonly KindOptions[]): readonly SchemaOption[] {
  const [first, ...others] = all.filter(({ kind }) => kind.customerCredentials === undefined);
  return (first?.options ?? []).filter((option) => others.every(({ options }) => isIn(option, options)));
}

/** `kind`, `baseUrl` and `credentials`: what every kind has, each in a form of its own. */
function listNames(all: readonly KindOptions[], shared: readonly SchemaOption[]): string {
  const [first, ...others] = all;
  const names = (first?.options ?? [])
    .map(({ name }) => name)
    .filter((name) => !shared.some((option) => option.name === name))
    .filter((name) => others.every(({ options }) => options.some((option) => option.name === name)))
    .map(code);
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`;
}

function facts({ documentedLifetimeSeconds, customerCredentials }: ProviderKind): string {
  const lifetimeMs = documentedLifetimeSeconds * 1000;
  const policy = { refreshAfter: undefined, stalenessMs: 0, minIntervalMs: 0 };
  const every = formatDuration(decideCadence(lifetimeMs, policy).refreshEveryMs);
  return [
    `- Documented lifetime: ${code(formatDuration(lifetimeMs))}, so a refresh every ${code(every)} unless told otherwise.`,
    `- Tokens: ${customerCredentials === undefined ? 'one' : `one for each of its ${link('customers', CUSTOMERS)}`}.`,
  ].join('\n');
}
