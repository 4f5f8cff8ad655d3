/** The sections about providers: what all of them have, customers, and each kind. */
import { isDeepStrictEqual } from 'node:util';
import { decideCadence } from '../../src/core/cadence.ts';
import { formatDuration } from '../../src/core/duration.ts';
import type { ProviderKind } from '../../src/providers/provider.ts';
import { code, link } from './markdown-text.ts';
import { optionTable } from './option-table.ts';
import type { ReferenceSection } from './reference-section.ts';
import { kindsOf, optionsOf, type SchemaNode, type SchemaOption } from './schema-node.ts';

const CUSTOMERS = 'Customers';

interface KindOptions {
  readonly kind: ProviderKind;
  readonly options: readonly SchemaOption[];
}

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
  const table = (options: readonly SchemaOption[]): string =>
    optionTable({
      options,
      path,
      elsewhere: new Map([[`${path}.customers`, `list or mapping, see ${link('customers', CUSTOMERS)}`]]),
    });
  const names = kinds.map(({ kind }) => link(kind, titleOf(kind))).join(', ');
  const credentials = kinds
    .flatMap(({ kind, customerCredentials: fields }) =>
      Object.keys(fields ?? {}).map((field) => `${code(field)} for ${link(kind, titleOf(kind))}`),
    )
    .join(', ');
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
              option.name === 'customers' ? [option, ...credentialOptions(kind, options, path)] : [option],
            ),
        ),
      ],
      sections: [],
    })),
    {
      title: CUSTOMERS,
      blocks: ['Kinds with a token for each customer have a list of them, or find them by a tag.'],
      sections: [
        {
          title: 'Listed customers',
          blocks: [
            `Beside these options each customer has the credentials that its kind names: ${credentials}.`,
            example('Listed customers'),
            table(customers.listed),
          ],
          sections: [],
        },
        {
          title: 'Discovered customers',
          blocks: [example('Discovered customers'), table(customers.discovered)],
          sections: [],
        },
      ],
    },
  ];
}

export function titleOf(kind: string): string {
  return `Kind ${kind}`;
}

/** What every kind with a single token has, and in the same form. */
function sharedOptions(all: readonly KindOptions[]): readonly SchemaOption[] {
  const [first, ...others] = all.filter(({ kind }) => kind.customerCredentials === undefined);
  return (first?.options ?? []).filter((option) =>
    others.every(({ options }) => options.some((other) => isDeepStrictEqual(option, other))),
  );
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

interface CustomerForms {
  readonly listed: readonly SchemaOption[];
  readonly discovered: readonly SchemaOption[];
}

/** The credentials that each listed customer of this kind has. */
function credentialOptions(
  kind: ProviderKind,
  options: readonly SchemaOption[],
  path: string,
): readonly SchemaOption[] {
  const names = Object.keys(kind.customerCredentials ?? {});
  return names.length === 0
    ? []
    : formsOf(options, path).listed.filter(({ name }) =>
        names.some((credential) => name === `customers[].${credential}`),
      );
}

/** Without the credentials, which depend on the kind. @throws when kinds differ otherwise, for which there is no section */
function customerOptions(all: readonly KindOptions[], path: string): CustomerForms {
  const [first, ...others] = all
    .filter(({ kind }) => kind.customerCredentials !== undefined)
    .map(({ kind, options }) => {
      const { listed, discovered } = formsOf(options, path);
      const credentials = credentialOptions(kind, options, path);
      return { listed: listed.filter((option) => !isIn(option, credentials)), discovered };
    });
  if (first === undefined || others.some((other) => !isDeepStrictEqual(first, other)))
    throw new Error(`${path}.customers: no kind has customers, or kinds differ in them`);
  return first;
}

function isIn(option: SchemaOption, options: readonly SchemaOption[]): boolean {
  return options.some((other) => isDeepStrictEqual(option, other));
}

function formsOf(options: readonly SchemaOption[], path: string): CustomerForms {
  const node: SchemaNode | undefined = options.find(({ name }) => name === 'customers')?.node;
  const [list, discovery, ...others] = node?.form === 'either' ? node.nodes : [];
  if (list?.form !== 'list' || discovery === undefined || others.length > 0)
    throw new Error(`${path}.customers: not a list or a mapping`);
  const under = (form: SchemaNode, prefix: string): readonly SchemaOption[] =>
    optionsOf(form, `${path}.customers`).map((option) => ({ ...option, name: `${prefix}${option.name}` }));
  return { listed: under(list.item, 'customers[].'), discovered: under(discovery, 'customers.') };
}
