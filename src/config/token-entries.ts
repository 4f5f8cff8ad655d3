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
import { type Salvaged, salvage } from './salvage.ts';
import { expandTemplate, hasPlaceholder, MAX_NAME } from './secret-name.ts';
import type { FileUse, SecretUse } from './secret-uses.ts';
import type { TokenEntry } from './token-configuration.ts';

interface TokenEntries {
  /** Complete only when nothing was found to be wrong. */
  readonly tokens: readonly TokenEntry[];
  /** Also complete only then; `undefined` where customers are not discovered. */
  readonly discovery?: DiscoveryConfiguration;
  readonly findings: readonly Finding[];
  readonly uses: readonly (SecretUse | FileUse)[];
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
  readonly names: NameRules;
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

const TEMPLATE_FORM = 'a name with {customer} in it, or one for each customer';

export function readTokenEntries(input: TokenEntriesInput): TokenEntries {
  if (input.kind.customerCredentials === undefined && input.raw['customers'] === undefined)
    return readSingle(input);
  return isJsonObject(input.raw['customers']) ? readDiscovery(input) : readCustomers(input);
}

/** Only the templates can be checked here: which names they will yield nobody knows yet. */
function readDiscovery(input: TokenEntriesInput): TokenEntries {
  const findings = [
    ...checkTemplate('secret', input, true),
    ...checkTemplate('stateSecret', input, true),
    ...refuseState(input, input.fields.value, input.path),
  ];
  const secrets = secretsOf(input);
  if (secrets === undefined) return { tokens: [], findings, uses: [] };
  const uses = usesOf(secrets);
  const parsed = discoverySchema.safeParse(input.raw['customers']);
  if (!parsed.success) return { tokens: [], findings, uses };
  const { tag, every } = parsed.data.discover;
  const { secret, stateSecret } = secrets;
  return {
    tokens: [],
    discovery: { tag, everyMs: every, secret: secret.name, stateSecret: stateSecret?.name },
    findings,
    uses,
  };
}

function readSingle(input: TokenEntriesInput): TokenEntries {
  const secrets = secretsOf(input);
  const tokens = secrets === undefined ? [] : [{ customer: undefined, customerCredentials: {}, ...secrets }];
  return collect(tokens, input.names, refuseState(input, input.fields.value, input.path), []);
}

/** What the provider says itself; `undefined` without a usable `secret`. */
function secretsOf({ configured, fields, path, names }: TokenEntriesInput): NamedSecrets | undefined {
  const { secret, stateSecret } = fields.value;
  if (secret === undefined) return undefined;
  const named = { name: secret, path: [...path, 'secret'] };
  const own = stateSecret === undefined ? undefined : { name: stateSecret, path: [...path, 'stateSecret'] };
  const isKnown = configured?.hasChain === true && !fields.isInvalid('stateSecret');
  return { secret: named, stateSecret: isKnown ? (own ?? defaultStateSecret(named, names)) : undefined };
}

function readCustomers(input: TokenEntriesInput): TokenEntries {
  const { fields } = input;
  const hasChain = input.configured?.hasChain;
  const customers = listCustomers(input);
  const findings: Finding[] = [
    ...checkTemplate('secret', input, isTemplateNeeded('secret', customers)),
    ...checkTemplate('stateSecret', input, isTemplateNeeded('stateSecret', customers)),
    ...refuseState(input, fields.value, input.path),
  ];
  const uses: (SecretUse | FileUse)[] = [];
  const tokens: NamedToken[] = [];
  const names = new Map<string, number>();
  for (const [index, customer] of customers.entries()) {
    const own = customer.fields.value;
    const credentials = readCredentialEntries(
      customerCredentialNames(customer.entry),
      customer.entry,
      customer.path,
      input.references,
    );
    findings.push(
      ...credentials.findings,
      ...findMissing(customer, input),
      ...refuseState(input, own, customer.path),
    );
    uses.push(...credentials.uses);
    if (own.name === undefined) continue;
    const twin = names.get(own.name);
    if (twin !== undefined) {
      const text = `found ${quote(own.name)}, the name of customers[${twin}] too`;
      findings.push({ path: [...customer.path, 'name'], text, allowed: 'a unique name' });
      continue;
    }
    names.set(own.name, index);
    const secret = nameFor('secret', customer, own.name, input);
    if (secret === undefined) continue;
    tokens.push({
      customer: own.name,
      secret,
      stateSecret:
        hasChain === true && !fields.isInvalid('stateSecret') && !customer.fields.isInvalid('stateSecret')
          ? (nameFor('stateSecret', customer, own.name, input) ?? defaultStateSecret(secret, input.names))
          : undefined,
      customerCredentials: credentials.references,
    });
  }
  return collect(tokens, input.names, findings, uses);
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

/** By every customer without a unique name. */
function isTemplateNeeded(field: SecretField, customers: readonly Customer[]): boolean {
  return customers.some(
    (customer) => customer.fields.value[field] === undefined && !customer.fields.isInvalid(field),
  );
}

/** A template is useless without its placeholder. */
function checkTemplate(
  field: SecretField,
  { configured, fields, path }: TokenEntriesInput,
  isNeeded: boolean,
): readonly Finding[] {
  if (!isNeeded || fields.isInvalid(field)) return [];
  if (field === 'stateSecret' && configured?.hasChain !== true) return [];
  const template = fields.value[field];
  if (template === undefined) {
    // The state secret has a default.
    return field === 'stateSecret'
      ? []
      : [{ path: [...path, field], text: 'missing', allowed: TEMPLATE_FORM }];
  }
  if (hasPlaceholder(template)) return [];
  return [
    {
      path: [...path, field],
      text: `found ${quote(template, MAX_NAME)} for several tokens`,
      allowed: TEMPLATE_FORM,
    },
  ];
}

function nameFor(
  field: SecretField,
  customer: Customer,
  customerName: string,
  { fields, path }: TokenEntriesInput,
): Named | undefined {
  const own = customer.fields.value[field];
  if (own !== undefined) return { name: own, path: [...customer.path, field] };
  const template = fields.value[field];
  if (customer.fields.isInvalid(field) || template === undefined || !hasPlaceholder(template))
    return undefined;
  return { name: expandTemplate(template, customerName), path: [...path, field] };
}

function defaultStateSecret({ name, path }: Named, { stateSecretOf }: NameRules): Named {
  return { name: stateSecretOf(name), path };
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

interface NamedSecrets {
  readonly secret: Named;
  readonly stateSecret: Named | undefined;
}

type NamedToken = NamedSecrets & Omit<TokenEntry, SecretField>;

function usesOf({ secret, stateSecret }: NamedSecrets): readonly SecretUse[] {
  const token: SecretUse = { secret: secret.name, path: secret.path, use: 'token' };
  return stateSecret === undefined
    ? [token]
    : [token, { secret: stateSecret.name, path: stateSecret.path, use: 'state' }];
}

/** Names that came out of a template or a default are checked here; written ones the schema has checked. */
function collect(
  tokens: readonly NamedToken[],
  { pattern, form }: NameRules,
  findings: readonly Finding[],
  uses: readonly (SecretUse | FileUse)[],
): TokenEntries {
  const written = tokens.flatMap(usesOf);
  const unusable = new Map(
    // From the back, so that of several names that one place yields the first is reported.
    written
      .flatMap((use) => (pattern.test(use.secret) ? [] : [[formatPath(use.path), use] as const]))
      .toReversed(),
  );
  return {
    tokens: tokens.map((token) => ({
      ...token,
      secret: token.secret.name,
      stateSecret: token.stateSecret?.name,
    })),
    findings: [
      ...findings,
      ...[...unusable.values()].map(({ secret, path }) => ({
        path,
        text: `yields the name ${quote(secret, 2 * MAX_NAME)}`,
        allowed: form,
      })),
    ],
    uses: [...uses, ...written],
  };
}
