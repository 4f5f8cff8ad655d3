/** One provider entry, from the plain values in the file to its configuration. */

import type { CredentialReferences } from '../core/credential/credential-reference.ts';
import { suggest } from '../core/spelling.ts';
import type { StoreRules } from '../core/store-kind.ts';
import { isJsonObject, type JsonObject, valueAtPath } from '../core/wire/json.ts';
import type { Fault } from '../providers/faults.ts';
import type { ConfiguredKind, EntryFacts, KindLibrary, ProviderKind } from '../providers/provider.ts';
import type { ProviderConfiguration } from './configuration.ts';
import { type ReferenceContext, readCredentialEntries } from './credential-entries.ts';
import type { Finding, Path } from './problem.ts';
import {
  createUnknownProviderSchema,
  customerCredentialNames,
  partialProviderSchema,
  TLS_FIELDS,
} from './provider-schema.ts';
import { readTiming, type SharedSections, shareTiming } from './provider-timing.ts';
import { type Place, type Publication, readPublication } from './publication.ts';
import { salvage } from './salvage.ts';
import { providerSchemaOf } from './schema.ts';
import { describeFound, findInvalid, findMergeKey } from './schema-findings.ts';
import type { CredentialUse, FileUse, SecretUse } from './secret-uses.ts';
import { identify } from './token-configuration.ts';
import { type ProviderFields, readTokenEntries } from './token-entries.ts';

interface ProviderContext {
  readonly places: readonly Place[];
  /** Of the document, for providers without their own. */
  readonly publication: Publication;
  readonly shared: SharedSections;
  readonly kinds: KindLibrary;
  readonly references: ReferenceContext;
}

export interface ProviderEntry {
  readonly findings: readonly Finding[];
  /** Worth knowing, not wrong. */
  readonly notes: readonly Finding[];
  readonly name: string | undefined;
  readonly uses: readonly (SecretUse | CredentialUse | FileUse)[];
  readonly publication: Publication;
  /** `undefined` only when something was found to be wrong. */
  readonly provider: ProviderConfiguration | undefined;
}

export function readProviderEntry(value: unknown, path: Path, context: ProviderContext): ProviderEntry {
  const raw: JsonObject = isJsonObject(value) ? value : {};
  const publication =
    raw['places'] === undefined
      ? context.publication
      : readPublication(raw['places'], [...path, 'places'], context.places);
  const timingOf = shareTiming(publication, context.shared);
  const { rules } = timingOf;
  const kind = typeof raw['kind'] === 'string' ? context.kinds.find(raw['kind']) : undefined;
  if (kind === undefined) return readUnknownKind(value, path, { ...context, rules, publication });

  const hasCustomers = raw['customers'] !== undefined;
  const invalid = findInvalid(providerSchemaOf(kind, rules, hasCustomers), value, path, rules.names);
  const fields = salvage(partialProviderSchema, value, invalid, path.length);
  const given = isJsonObject(raw['credentials']) ? Object.keys(raw['credentials']) : [];
  const options = readOptions(kind, raw, invalid, path, {
    credentials: given,
    customerCredentials: readCustomerFacts(raw['customers']),
    baseUrl: fields.value.baseUrl,
  });
  const credentials = readCredentialEntries(
    kind.credentials === 'any' ? given : Object.keys(kind.credentials),
    raw['credentials'],
    [...path, 'credentials'],
    context.references,
  );
  const tls = readCredentialEntries(
    Object.keys(TLS_FIELDS),
    raw['tls'],
    [...path, 'tls'],
    context.references,
  );
  const { configured } = options;
  const entry = { kind, configured, raw, fields, path };
  const tokens = readTokenEntries({
    ...entry,
    invalid,
    references: context.references,
    names: rules.names,
    publication,
  });
  const timing = readTiming({ ...entry, ...timingOf, tokenCount: tokens.tokens.length });
  const findings = [
    invalid,
    findBlanks(value, path),
    options.findings,
    credentials.findings,
    tls.findings,
    tokens.findings,
    timing.findings,
    raw['places'] === undefined ? [] : publication.findings,
  ].flat();
  const { name } = fields.value;
  const { settings } = timing;
  return {
    findings,
    notes: timing.notes,
    name,
    uses: [...credentials.uses, ...tls.uses, ...tokens.uses],
    publication,
    provider:
      findings.length > 0 || name === undefined || configured === undefined || settings === undefined
        ? undefined
        : {
            name,
            kind,
            configured,
            baseUrl: readAddress(kind, fields, configured),
            credentials: { ...credentials.references, ...asTls(tls.references) },
            tokens: tokens.tokens.map((token) => identify(token, name, kind)),
            discovery: tokens.discovery,
            publish: {
              to: publication.authority?.name ?? '',
              mirrors: publication.mirrors.map((mirror) => mirror.name),
            },
            ...settings,
          },
  };
}

function readUnknownKind(
  value: unknown,
  path: Path,
  {
    kinds: { names },
    rules,
    publication,
  }: Pick<ProviderContext, 'kinds' | 'publication'> & { readonly rules: StoreRules },
): ProviderEntry {
  const invalid = findInvalid(createUnknownProviderSchema(rules), value, path, rules.names);
  const others = invalid.map((finding) =>
    // Which names are credentials is not known either, so that none of them can be shown.
    finding.path[path.length] === 'credentials'
      ? { ...finding, shownPath: [...path, 'credentials'] }
      : finding,
  );
  const found = isJsonObject(value) ? value['kind'] : undefined;
  const kindPath = [...path, 'kind'];
  // A preset of the user's own that is wrong: reported there.
  const isBroken = typeof found === 'string' && names.includes(found);
  const unknown: Finding = {
    path: kindPath,
    text: describeFound(found, kindPath),
    allowed: 'a kind that ships (`presets` lists them), one of presets, or http, oauth2, snap',
    suggestion: typeof found === 'string' ? suggest(found, names) : undefined,
  };
  return {
    findings: isJsonObject(value)
      ? [...(isBroken ? [] : [unknown]), ...findMergeKey(value, path), ...others]
      : others,
    notes: [],
    publication,
    name: salvage(partialProviderSchema, value, others, path.length).value.name,
    uses: [],
    provider: undefined,
  };
}

interface Options {
  readonly configured: ConfiguredKind | undefined;
  readonly findings: readonly Finding[];
}

function readOptions(
  kind: ProviderKind,
  raw: JsonObject,
  invalid: readonly Finding[],
  path: Path,
  facts: EntryFacts,
): Options {
  const keys = new Set(Object.keys(kind.options.shape));
  const wrong = new Set(invalid.map((finding) => String(finding.path[path.length])));
  if (['credentials', 'customers', 'baseUrl'].some((key) => wrong.has(key))) return NOT_CONFIGURED;
  const given = Object.entries(raw).filter(([key]) => keys.has(key) && !wrong.has(key));
  // As in the file, what nobody has written is not there: an option may be called `constructor`.
  const options = { __proto__: null, ...Object.fromEntries(given) };
  // Each option is fine by itself; what is left are rules about several of them together.
  const isWhole = ![...wrong].some((key) => keys.has(key));
  const findings = findInvalid(kind.options, options, path);
  if (findings.length > 0) return { configured: undefined, findings: isWhole ? findings : [] };
  const result = kind.configure(options, facts);
  if (result.ok) return isWhole ? { configured: result.configured, findings: [] } : NOT_CONFIGURED;
  const faults = result.faults.filter(({ needsWhole = false }) => isWhole || !needsWhole);
  return { configured: undefined, findings: toFindings(faults, raw, path) };
}

/** What `init` has left to be filled in. */
const BLANK = /FILL-IN/;

function findBlanks(value: unknown, path: Path): readonly Finding[] {
  if (typeof value === 'string') return BLANK.test(value) ? [{ path, text: 'is still to be filled in' }] : [];
  if (Array.isArray(value)) return value.flatMap((item, index) => findBlanks(item, [...path, index]));
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([key, item]) => findBlanks(item, [...path, key]));
}

const NOT_CONFIGURED: Options = { configured: undefined, findings: [] };

/** @param raw what the paths of the faults start from */
export function toFindings(faults: readonly Fault[], raw: unknown, path: Path): readonly Finding[] {
  const meant = new Set(
    faults.map(({ written, candidates }) =>
      written === undefined ? undefined : suggest(written, candidates ?? []),
    ),
  );
  return faults
    .filter(({ unused }) => unused === undefined || !meant.has(unused))
    .map((fault) => toFinding(fault, raw, path));
}

function toFinding(fault: Fault, raw: unknown, path: Path): Finding {
  const { text, allowed, target, written, candidates } = fault;
  const whole = [...path, ...fault.path];
  return {
    path: whole,
    ...(target === undefined ? {} : { target }),
    text: text ?? describeFound(valueAtPath(raw, fault.path), whole),
    allowed,
    suggestion: written === undefined ? undefined : suggest(written, candidates ?? []),
  };
}

function readCustomerFacts(customers: unknown): EntryFacts['customerCredentials'] {
  if (customers === undefined) return undefined;
  if (!Array.isArray(customers)) return 'any';
  return [...new Set(customers.flatMap(customerCredentialNames))];
}

/** Read like credentials, so that a change of one is noticed like theirs. */
function asTls(references: CredentialReferences): CredentialReferences {
  return Object.fromEntries(
    Object.entries(references).map(([name, reference]) => [`tls.${name}`, reference]),
  );
}

function readAddress(
  { kind, defaultBaseUrl }: ProviderKind,
  { value }: ProviderFields,
  configured: ConfiguredKind,
): string {
  const baseUrl = value.baseUrl ?? defaultBaseUrl ?? configured.baseUrl;
  if (baseUrl === undefined) throw new Error(`kind ${kind}: its schema lets a missing baseUrl pass`);
  return baseUrl;
}
