/** The tokens of a provider entry: one, or one per customer, each with the secrets it is written to. */
import type { z } from 'zod';
import { BY_REFERENCE } from '../core/credential/reference-schema.ts';
import { quote } from '../core/credential/secret-likeness.ts';
import type { NameRules } from '../core/store-kind.ts';
import { isJsonObject, type JsonObject } from '../core/wire/json.ts';
import type { ConfiguredKind, ProviderKind } from '../providers/provider.ts';
import type { DiscoveryConfiguration } from './configuration.ts';
import { type ReferenceContext, readCredentialEntries } from './credential-entries.ts';
import { discoverySchema } from './discovery-schema.ts';
import { type Finding, formatPath, type Path } from './problem.ts';
import {
  customerCredentialNames,
  partialCustomerSchema,
  type partialProviderSchema,
} from './provider-schema.ts';
import type { Publication } from './publication.ts';
import { type Salvaged, salvage } from './salvage.ts';
import { expandTemplate, hasPlaceholder, MAX_NAME, mirrorTemplate } from './secret-name.ts';
import type { CredentialUse, FileUse, SecretUse } from './secret-uses.ts';
import type { TokenEntry } from './token-configuration.ts';
import { findTwins } from './twins.ts';

interface TokenEntries {
  /** Complete only when nothing was found to be wrong. */
  readonly tokens: readonly TokenEntry[];
  /** Also complete only then; `undefined` where customers are not discovered. */
  readonly discovery?: DiscoveryConfiguration;
  readonly findings: readonly Finding[];
  readonly uses: readonly (SecretUse | CredentialUse | FileUse)[];
}

/** What is known of a provider entry when its tokens and its timing are read. */
export interface EntryReading {
  readonly kind: ProviderKind;
  /** `undefined` when the kind's own settings are wrong: what depends on them is left unchecked then. */
  readonly configured: ConfiguredKind | undefined;
  readonly raw: JsonObject;
  readonly fields: ProviderFields;
  readonly path: Path;
}

interface TokenEntriesInput extends EntryReading {
  /** What the schema found in this provider. */
  readonly invalid: readonly Finding[];
  readonly references: ReferenceContext;
  /** Of the authority. */
  readonly names: NameRules;
  readonly publication: Pick<Publication, 'authority' | 'mirrors'>;
}

export type ProviderFields = Salvaged<z.output<typeof partialProviderSchema>>;
type CustomerFields = Salvaged<z.output<typeof partialCustomerSchema>>;
type SecretField = 'secret' | 'stateSecret';

interface Customer {
  readonly entry: unknown;
  readonly path: Path;
  readonly fields: CustomerFields;
}

/** A name, and the place in the file that it follows from. */
interface Named {
  readonly name: string;
  readonly path: Path;
}

interface NamedSecrets {
  readonly secret: Named;
  readonly stateSecret: Named | undefined;
}

type NamedToken = NamedSecrets & Omit<TokenEntry, SecretField>;

interface Reading {
  readonly tokens: readonly NamedToken[];
  /** Templates of names, where customers are discovered. */
  readonly templates?: NamedSecrets | undefined;
  readonly findings: readonly Finding[];
  readonly uses: readonly (CredentialUse | FileUse)[];
}

const TEMPLATE_FORM = 'a name with {customer} in it, or one for each customer';

export function readTokenEntries(input: TokenEntriesInput): TokenEntries {
  const { tokens, templates, findings, uses } = read(input);
  const secrets = templates === undefined ? tokens : [templates];
  const written = secrets.flatMap((each) => usesOf(each, input.publication));
  return {
    tokens: tokens.map((token) => ({ ...token, ...namesOf(token) })),
    ...(templates === undefined ? {} : readDiscovery(input.raw['customers'], templates)),
    findings: [
      ...findings,
      ...refuseState(input, input.fields.value, input.path),
      ...findUnusable(written, input),
    ],
    uses: [...uses, ...written],
  };
}

function read(input: TokenEntriesInput): Reading {
  const { kind, raw } = input;
  const isForCustomers = kind.customerCredentials !== undefined || raw['customers'] !== undefined;
  if (isForCustomers && !isJsonObject(raw['customers'])) return readCustomers(input);
  const secrets = secretsFor(input, undefined);
  // Where customers are discovered: which names templates will yield nobody knows yet.
  if (isForCustomers)
    return { tokens: [], templates: secrets, findings: checkTemplates(input, () => true), uses: [] };
  const token = { customer: undefined, customerCredentials: {} };
  return { tokens: secrets === undefined ? [] : [{ ...token, ...secrets }], findings: [], uses: [] };
}

function readDiscovery(customers: unknown, templates: NamedSecrets): Pick<TokenEntries, 'discovery'> {
  const parsed = discoverySchema.safeParse(customers);
  if (!parsed.success) return {};
  const { tag, every } = parsed.data.discover;
  return { discovery: { tag, everyMs: every, ...namesOf(templates) } };
}

function namesOf({ secret, stateSecret }: NamedSecrets): Pick<TokenEntry, SecretField> {
  return { secret: secret.name, stateSecret: stateSecret?.name };
}

function readCustomers(input: TokenEntriesInput): Reading {
  const customers = listCustomers(input);
  const twins = findTwins(
    customers.map(({ fields }) => fields.value.name),
    [...input.path, 'customers'],
  );
  const isTwin = new Set(twins.map(({ path }) => path.at(-2)));
  const findings: Finding[] = [
    // By every customer without a name of its own.
    ...checkTemplates(input, (field) =>
      customers.some(({ fields }) => fields.value[field] === undefined && !fields.isInvalid(field)),
    ),
    ...twins,
  ];
  const uses: (CredentialUse | FileUse)[] = [];
  const tokens: NamedToken[] = [];
  for (const [index, customer] of customers.entries()) {
    const { entry, path, fields } = customer;
    const credentials = readCredentialEntries(customerCredentialNames(entry), entry, path, input.references);
    findings.push(
      ...credentials.findings,
      ...findMissing(customer, input),
      ...refuseState(input, fields.value, path),
    );
    uses.push(...credentials.uses);
    const { name } = fields.value;
    const secrets = name === undefined || isTwin.has(index) ? undefined : secretsFor(input, customer);
    if (secrets !== undefined)
      tokens.push({ customer: name, ...secrets, customerCredentials: credentials.references });
  }
  return { tokens, findings, uses };
}

/** Of a customer, or of the provider's only token; `undefined` without a usable `secret`. */
function secretsFor(input: TokenEntriesInput, customer: Customer | undefined): NamedSecrets | undefined {
  const secret = nameFor('secret', input, customer);
  if (secret === undefined) return undefined;
  const isInvalid = [input.fields, customer?.fields].some((fields) => fields?.isInvalid('stateSecret'));
  if (input.configured?.hasChain !== true || isInvalid) return { secret, stateSecret: undefined };
  const usual = { name: input.names.stateSecretOf(secret.name), path: secret.path };
  return { secret, stateSecret: nameFor('stateSecret', input, customer) ?? usual };
}

/** What the customer says itself, or what the provider says, which is a template where there are customers. */
function nameFor(
  field: SecretField,
  { fields, path }: TokenEntriesInput,
  customer: Customer | undefined,
): Named | undefined {
  const own = customer?.fields.value[field];
  if (customer !== undefined && own !== undefined) return { name: own, path: [...customer.path, field] };
  const shared = fields.value[field];
  if (shared === undefined || customer?.fields.isInvalid(field) === true) return undefined;
  if (customer === undefined) return { name: shared, path: [...path, field] };
  if (!hasPlaceholder(shared)) return undefined;
  return { name: expandTemplate(shared, customer.fields.value.name ?? ''), path: [...path, field] };
}

/** What one customer has, each of them needs. What every customer of the kind needs the schema has said. */
function findMissing(customer: Customer, { kind, configured }: TokenEntriesInput): readonly Finding[] {
  if (!isJsonObject(customer.entry)) return [];
  const { entry } = customer;
  return Object.entries(configured?.customerCredentials ?? {}).flatMap(([name, { optional }]) =>
    optional === true || Object.hasOwn(entry, name) || Object.hasOwn(kind.customerCredentials ?? {}, name)
      ? []
      : [{ path: [...customer.path, name], text: 'missing', allowed: BY_REFERENCE }],
  );
}

function listCustomers({ raw, invalid, path }: TokenEntriesInput): readonly Customer[] {
  const entries: readonly unknown[] = Array.isArray(raw['customers']) ? raw['customers'] : [];
  const depth = path.length;
  // Grouped first: 10,000 customers with a mistake each are no reason to look at 100 million pairs.
  const byCustomer = Map.groupBy(
    invalid.filter((finding) => finding.path[depth] === 'customers'),
    (finding) => finding.path[depth + 1],
  );
  return entries.map((entry, index) => {
    const ownPath = [...path, 'customers', index];
    const ownFindings = byCustomer.get(index) ?? [];
    return {
      entry,
      path: ownPath,
      fields: salvage(partialCustomerSchema, entry, ownFindings, ownPath.length),
    };
  });
}

/** A template is useless without its placeholder. */
function checkTemplates(
  { configured, fields, path }: TokenEntriesInput,
  isNeeded: (field: SecretField) => boolean,
): readonly Finding[] {
  return (['secret', 'stateSecret'] as const).flatMap((field) => {
    const template = fields.value[field];
    // The state secret has a default.
    const isUnused = field === 'stateSecret' && (configured?.hasChain !== true || template === undefined);
    if (isUnused || fields.isInvalid(field) || !isNeeded(field)) return [];
    if (template !== undefined && hasPlaceholder(template)) return [];
    const text = template === undefined ? 'missing' : `found ${quote(template, MAX_NAME)} for several tokens`;
    return [{ path: [...path, field], text, allowed: TEMPLATE_FORM }];
  });
}

function refuseState(
  { kind, configured }: TokenEntriesInput,
  { stateSecret }: CustomerFields['value'],
  path: Path,
): readonly Finding[] {
  if (stateSecret === undefined || configured?.hasChain !== false) return [];
  const text = `kind ${kind.kind} keeps no refresh token with these options, so there is nothing to put there`;
  return [{ path: [...path, 'stateSecret'], target: 'key', text }];
}

function usesOf(
  { secret, stateSecret }: NamedSecrets,
  { authority, mirrors }: TokenEntriesInput['publication'],
): readonly SecretUse[] {
  const { path } = secret;
  const place = authority?.name ?? '';
  return [
    { secret: secret.name, path, use: 'token', place },
    ...(stateSecret === undefined
      ? []
      : [{ secret: stateSecret.name, path: stateSecret.path, use: 'state' as const, place }]),
    ...mirrors.map(({ name, kind }): SecretUse => {
      const mirrored = mirrorTemplate(kind, authority?.kind ?? kind, secret.name);
      return { secret: mirrored, path, use: 'token', place: name };
    }),
  ];
}

/** Names that a place cannot have, however they are changed for it; of several that one setting yields the first. */
function findUnusable(
  uses: readonly SecretUse[],
  { publication: { authority, mirrors }, names }: TokenEntriesInput,
): readonly Finding[] {
  const places = [
    { name: authority?.name ?? '', rules: names, where: '' },
    ...mirrors.map(({ name, kind }) => ({ name, rules: kind.rules.names, where: ` in its mirror ${name}` })),
  ];
  return places.flatMap(({ name, rules: { pattern, form }, where }) => {
    const unusable = uses.filter(
      ({ place, secret }) => place === name && !pattern.test(expandTemplate(secret, 'c')),
    );
    const first = new Map(unusable.toReversed().map((use) => [formatPath(use.path), use]));
    return [...first.values()].map(({ secret, path }) => ({
      path,
      text: `yields the name ${quote(secret, 2 * MAX_NAME)}${where}`,
      allowed: form,
    }));
  });
}
