/** The options of `customers`: those that every kind with customers has, and the credentials that depend on the kind. */
import { isDeepStrictEqual } from 'node:util';
import type { ProviderKind } from '../../src/providers/provider.ts';
import { isIn, optionsOf, type SchemaNode, type SchemaOption } from './schema-node.ts';
import { listText } from './value-text.ts';

export interface KindOptions {
  readonly kind: ProviderKind;
  readonly options: readonly SchemaOption[];
}

export interface CustomerOptions {
  /** How many entries the list may have. */
  readonly list: string;
  /** By their path from the provider: `customers[].name`. */
  readonly listed: readonly SchemaOption[];
  /** `customers.discover` */
  readonly discovered: readonly SchemaOption[];
}

/** What all kinds share. @throws when they differ in more than credentials, for which there is no section */
export function customerOptions(all: readonly KindOptions[], path: string): CustomerOptions {
  const [first, ...others] = all
    .filter(({ kind }) => kind.customerCredentials !== undefined)
    .map((kindOptions) => {
      const customers = readCustomers(kindOptions, path);
      const credentials = credentialOptions(kindOptions, path);
      return { ...customers, listed: customers.listed.filter((option) => !isIn(option, credentials)) };
    });
  if (first === undefined || others.some((other) => !isDeepStrictEqual(first, other)))
    throw new Error(`${path}.customers: no kind has customers, or kinds differ in them`);
  return first;
}

/** The credentials that each listed customer of this kind has; none for a kind without customers. */
export function credentialOptions(kindOptions: KindOptions, path: string): readonly SchemaOption[] {
  const names = Object.keys(kindOptions.kind.customerCredentials ?? {}).map((name) => `customers[].${name}`);
  return names.length === 0
    ? []
    : readCustomers(kindOptions, path).listed.filter(({ name }) => names.includes(name));
}

function readCustomers({ options }: KindOptions, path: string): CustomerOptions {
  const node = options.find(({ name }) => name === 'customers')?.node;
  const [list, discovery, ...others] = node?.form === 'either' ? node.nodes : [];
  if (list?.form !== 'list' || discovery === undefined || others.length > 0)
    throw new Error(`${path}.customers: not a list or a mapping`);
  const under = (form: SchemaNode, prefix: string): readonly SchemaOption[] =>
    optionsOf(form, `${path}.customers`).map((option) => ({ ...option, name: `${prefix}${option.name}` }));
  return {
    list: listText(list),
    listed: under(list.item, 'customers[].'),
    discovered: under(discovery, 'customers.'),
  };
}
