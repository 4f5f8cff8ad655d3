/**
 * A configuration file, from text to {@link Configuration}.
 *
 * Guarantee: all problems are reported at once, each with its place in the file; one mistake hides only what depends on
 * it. After a YAML error that leaves the meaning of the rest open, the YAML errors alone are told. No problem quotes a
 * credential. Non-guarantee: whether a credential is right only a provider can say (`check --live`).
 */
import { dirname, isAbsolute, join } from 'node:path';
import { mayBeSecret, quote } from '../core/credential/secret-likeness.ts';
import { describeFileError, errnoOf } from '../core/file-error.ts';
import type { VersionBudget } from '../core/limits/version-pace.ts';
import { suggest } from '../core/spelling.ts';
import type { StoreKind, StoreRules } from '../core/store-kind.ts';
import { formatTag } from '../core/token/secret-tag.ts';
import { isJsonObject, type JsonObject } from '../core/wire/json.ts';
import {
  type AlertReferences,
  type AlertsSchema,
  createAlertsSchema,
  findNamelessInstallation,
  readAlertReferences,
  toAlerts,
} from './alerts-schema.ts';
import { noteGenerousBudget } from './cadence-check.ts';
import type { Configuration, JournalConfiguration } from './configuration.ts';
import { coordinationSchema, DEFAULT_LEASE_NAME, toCoordination } from './coordination-schema.ts';
import { toReference } from './credential-entries.ts';
import { noteUnusableFiles } from './credential-files.ts';
import type { InstallationPlace } from './installation-name.ts';
import { type Finding, formatPath, type Problem } from './problem.ts';
import { type ProviderEntry, readProviderEntry, toFindings } from './provider-entry.ts';
import { findTakenNames } from './provider-schema.ts';
import { salvage } from './salvage.ts';
import {
  type Catalog,
  createOutlineSchema,
  httpSchema,
  journalSchema,
  logSchema,
  readersSchema,
  type Stores,
} from './schema.ts';
import { findInvalid } from './schema-findings.ts';
import { MAX_NAME } from './secret-name.ts';
import { type FileUse, findConflicts } from './secret-uses.ts';
import { parseYaml, type YamlSource } from './yaml-source.ts';

interface ParseOptions extends Catalog {
  /** As messages name the file; relative references start from its folder. */
  readonly fileName: string;
  /** When given, environment variables that are referred to must be set in it. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Of the pod that this process runs in; `undefined` elsewhere. */
  readonly podNamespace?: string | undefined;
  /** Name of the Lease where the configuration has none; `token-refresher` when left out. */
  readonly leaseName?: string | undefined;
}

export type ParsedConfiguration =
  | { readonly ok: true; readonly configuration: Configuration; readonly warnings: readonly Problem[] }
  /** In the order of the file; never empty. */
  | { readonly ok: false; readonly problems: readonly Problem[] };

interface LoadOptions extends Omit<ParseOptions, 'fileName'> {
  /** Reads a regular file, of which more than `mostBytes` need not be read. Rejects as `node:fs` does. */
  readonly readFile: (path: string, mostBytes: number) => Promise<Uint8Array>;
  /** Whether files that credentials are read from are looked at, a few at a time; what is wrong with them is a warning. */
  readonly notesFiles?: boolean;
}

/** Far above 10,000 customers that are written out one by one. */
const MAX_BYTES = 16 * 1_048_576;

/** Reads and parses a file. A file that cannot be read is a problem like any other. */
export async function loadConfiguration(
  path: string,
  { readFile, notesFiles = false, ...options }: LoadOptions,
): Promise<ParsedConfiguration> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path, MAX_BYTES);
  } catch (error) {
    const isMissing = errnoOf(error) === 'ENOENT';
    const reason = `the file cannot be read (${describeFileError(error)})`;
    return unreadable(path, isMissing ? 'there is no such file' : reason);
  }
  if (bytes.byteLength > MAX_BYTES) return unreadable(path, 'the file holds more than 16 MiB');
  const reading = parseConfiguration(new TextDecoder().decode(bytes), { ...options, fileName: path });
  if (!reading.ok) return reading;
  const { configuration, warnings, files, toProblem } = reading;
  const findings = notesFiles ? await noteUnusableFiles(files, readFile) : [];
  const notes = inOrder(findings.map(toProblem));
  // The configuration's own first: where nothing is mounted there are many of the others, and they say little.
  return { ok: true, configuration, warnings: [...warnings, ...notes] };
}

function unreadable(
  file: string,
  text: string,
  allowed?: string,
): Extract<ParsedConfiguration, { ok: false }> {
  return { ok: false, problems: [{ ...UNPLACED, file, text, allowed }] };
}

/** Of the file as a whole. */
const UNPLACED = { position: undefined, path: '', allowed: undefined, suggestion: undefined };

/** With what is needed to look at the files that credentials are read from. */
type TextReading =
  | Extract<ParsedConfiguration, { ok: false }>
  | (Extract<ParsedConfiguration, { ok: true }> & {
      readonly files: readonly FileUse[];
      readonly toProblem: (finding: Finding) => Problem;
    });

export function parseConfiguration(text: string, options: ParseOptions): TextReading {
  const file = options.fileName;
  const misread = findForeignText(text);
  if (misread !== undefined) return unreadable(file, misread, 'YAML, in UTF-8');
  const source = parseYaml(text);
  const syntax = source.problems.map((problem): Problem => ({ ...UNPLACED, ...problem, file }));
  if (!source.isReadable) return { ok: false, problems: syntax };
  const reading = readDocument(source.value, options);
  const toProblem = problemsIn(source, file);
  const problems = inOrder([...syntax, ...reading.findings.map(toProblem)]);
  if (problems.length > 0) return { ok: false, problems };
  if (reading.configuration === undefined)
    throw new Error('a configuration without problems is not complete');
  return {
    ok: true,
    configuration: reading.configuration,
    warnings: inOrder(reading.notes.map(toProblem)),
    files: reading.files,
    toProblem,
  };
}

/** UTF-16 and binary files come out of UTF-8 with characters that no configuration has. */
function findForeignText(text: string): string | undefined {
  if (text.includes('\0')) return 'found no text: the file is binary, or in UTF-16';
  return text.trim() === '' ? 'the file is empty' : undefined;
}

/** The first where the file names none, or one that does not exist: what else is wrong is then reported by its rules. */
function findStore(raw: JsonObject, stores: Stores): StoreKind {
  const section = isJsonObject(raw['store']) ? raw['store'] : {};
  return stores.find(({ kind }) => kind === section['kind']) ?? stores[0];
}

interface DocumentReading {
  readonly findings: readonly Finding[];
  readonly notes: readonly Finding[];
  /** Files that credentials are read from. */
  readonly files: readonly FileUse[];
  readonly configuration: Configuration | undefined;
}

function readDocument(value: unknown, options: ParseOptions): DocumentReading {
  const { fileName, kinds, sinks, stores, env } = options;
  const raw: JsonObject = isJsonObject(value) ? value : {};
  const storeKind = findStore(raw, stores);
  const { rules } = storeKind;
  const outline = findInvalid(createOutlineSchema(sinks, storeKind, stores), value, [], rules.names);
  const under = (section: string): readonly Finding[] => outline.filter(({ path }) => path[0] === section);
  const store = salvage(storeKind.common.partial(), raw['store'], under('store'), 1);
  const readers = salvage(readersSchema.strip().partial(), raw['readers'], under('readers'), 1);
  const presets = isJsonObject(raw['presets']) ? raw['presets'] : {};
  const { library, faults } = kinds.extend(presets);
  const taken = Object.keys(presets).flatMap((name) => {
    const kind = kinds.names.includes(name) ? undefined : library.find(name);
    return (kind === undefined ? [] : findTakenNames(kind)).map((fault) => ({
      ...fault,
      path: [name, ...fault.path],
    }));
  });
  const unusable = new Set(taken.map(({ path: [name] }) => name));
  const context = {
    // What is wrong with a preset is reported there alone.
    kinds: {
      ...library,
      find: (name: string) => (unusable.has(name) ? undefined : library.find(name)),
    },
    references: { folder: dirname(fileName), env },
    stalenessMs: readers.isInvalid('staleness') ? undefined : readers.value.staleness,
    versionBudget: store.isInvalid('versionBudget') ? undefined : store.value.versionBudget,
    storeTimeoutMs: store.isInvalid('timeout') ? undefined : store.value.timeout,
    rules,
  };
  const listed: readonly unknown[] = Array.isArray(raw['providers']) ? raw['providers'] : [];
  const entries = listed.map((entry, index) => readProviderEntry(entry, ['providers', index], context));
  const alerts = readAlertReferences(raw['alerts'], sinks, context.references);
  const uses = [...entries.flatMap((entry) => entry.uses), ...alerts.uses];
  const alertsSchema = createAlertsSchema(sinks);
  const secrets = uses.filter((use) => use.use !== 'file');
  const findings = [
    ...outline,
    ...toFindings([...faults, ...taken], presets, ['presets']),
    ...mostDemanding(entries.flatMap((entry) => entry.findings)),
    ...alerts.findings,
    ...findTwins(entries),
    ...findConflicts(secrets, rules.names),
    ...findOwnTagged(entries, store.isInvalid('tags') ? {} : (store.value.tags ?? {})),
  ];
  const written = secrets.flatMap(({ secret, use }) => (use === 'credential' ? [] : [secret]));
  return {
    findings,
    notes: [
      ...(findings.length > 0
        ? []
        : findNamelessInstallation(
            alertsSchema.parse(raw['alerts'] ?? {}),
            readPlace(raw, storeKind, options),
          )),
      ...entries.flatMap((entry) => entry.notes),
      ...(raw['journal'] === undefined ? findUnprotectedChains(entries) : []),
      ...findGenerousBudget(rules, context.versionBudget),
      ...listed.flatMap((entry, index) => noteTemplates(entry, index, rules)),
      ...findIdleAdoptions(store.isInvalid('adopt') ? [] : (store.value.adopt ?? []), written),
    ],
    files: uses.filter((use) => use.use === 'file'),
    configuration:
      findings.length > 0
        ? undefined
        : assemble(raw, storeKind, entries, { schema: alertsSchema, references: alerts }, options),
  };
}

/** Called for a document that nothing is wrong with, so every section parses. */
function assemble(
  raw: JsonObject,
  storeKind: StoreKind,
  entries: readonly ProviderEntry[],
  alerts: { readonly schema: AlertsSchema; readonly references: AlertReferences },
  { fileName, podNamespace, leaseName }: ParseOptions,
): Configuration {
  const folder = dirname(fileName);
  const section = (name: string): unknown => raw[name] ?? {};
  return {
    store: storeKind.configure(section('store')),
    readers: { stalenessMs: readersSchema.parse(section('readers')).staleness },
    coordination: toCoordination(coordinationSchema.parse(section('coordination')), folder, leaseName),
    journal: toJournal(raw['journal'], folder),
    alerts: toAlerts(
      alerts.schema.parse(section('alerts')),
      readPlace(raw, storeKind, { podNamespace, leaseName }),
      alerts.references.credentials,
      (reference) => toReference(reference, folder),
    ),
    http: httpSchema.parse(section('http')),
    log: logSchema.parse(section('log')),
    providers: entries.flatMap(({ provider }) => (provider === undefined ? [] : [provider])),
  };
}

/** As {@link assemble}. */
function readPlace(
  raw: JsonObject,
  storeKind: StoreKind,
  { podNamespace, leaseName = DEFAULT_LEASE_NAME }: Pick<ParseOptions, 'podNamespace' | 'leaseName'>,
): InstallationPlace {
  const { region } = storeKind.configure(raw['store'] ?? {});
  const coordination = coordinationSchema.parse(raw['coordination'] ?? {});
  return coordination.kind === 'none'
    ? { namespace: podNamespace, leaseName: undefined, region }
    : {
        namespace: coordination.namespace ?? podNamespace,
        leaseName: coordination.leaseName ?? leaseName,
        region,
      };
}

function toJournal(section: unknown, folder: string): JournalConfiguration | undefined {
  if (section === undefined) return undefined;
  const { dir } = journalSchema.parse(section);
  return { dir: isAbsolute(dir) ? dir : join(folder, dir) };
}

/** Providers that share a setting each want their own of it. */
function mostDemanding(findings: readonly Finding[]): readonly Finding[] {
  const demands = new Map<string, number>();
  for (const { path, demand } of findings) {
    const place = formatPath(path);
    if (demand !== undefined) demands.set(place, Math.max(demand, demands.get(place) ?? demand));
  }
  const told = new Set<string>();
  return findings.filter(({ path, demand }) => {
    if (demand === undefined) return true;
    const place = formatPath(path);
    if (demand !== demands.get(place) || told.has(place)) return false;
    told.add(place);
    return true;
  });
}

/** Said before the first customer comes that a template cannot serve. */
function noteTemplates(entry: unknown, index: number, { names }: StoreRules): readonly Finding[] {
  return ['secret', 'stateSecret'].flatMap((field) => {
    const template = isJsonObject(entry) ? entry[field] : undefined;
    const text = typeof template === 'string' ? names.noteTemplate(template) : undefined;
    return text === undefined ? [] : [{ path: ['providers', index, field], text }];
  });
}

function findGenerousBudget({ versions }: StoreRules, budget: VersionBudget | undefined): readonly Finding[] {
  const text = noteGenerousBudget(versions, budget);
  return text === undefined ? [] : [{ path: ['store', 'versionBudget'], text }];
}

/** A refresh token that is good for one use is easily lost: worth a word, since nothing else shows it beforehand. */
function findUnprotectedChains(entries: readonly ProviderEntry[]): readonly Finding[] {
  return entries.flatMap(({ provider }, index) =>
    provider?.configured.hasChain === true
      ? [
          {
            path: ['providers', index],
            text:
              'there is no journal: a refresh token that the store has not taken yet is lost when the program is killed, ' +
              'and the chain has to start again',
          },
        ]
      : [],
  );
}

function findTwins(entries: readonly ProviderEntry[]): readonly Finding[] {
  const first = new Map<string, number>();
  const findings: Finding[] = [];
  for (const [index, { name }] of entries.entries()) {
    if (name === undefined) continue;
    const twin = first.get(name);
    if (twin === undefined) first.set(name, index);
    else {
      const text = `found ${quote(name)}, the name of providers[${twin}] too`;
      findings.push({ path: ['providers', index, 'name'], text, allowed: 'a unique name' });
    }
  }
  return findings;
}

/** A tag that our own secrets get as well would make a binding of each. */
function findOwnTagged(
  entries: readonly ProviderEntry[],
  tags: Readonly<Record<string, string>>,
): readonly Finding[] {
  return entries.flatMap(({ provider }, index) => {
    const tag = provider?.discovery?.tag;
    if (tag === undefined || !Object.hasOwn(tags, tag.key) || tags[tag.key] !== tag.value) return [];
    const path = ['providers', index, 'customers', 'discover', 'tag'];
    const text = `found ${quote(formatTag(tag))}, which store.tags puts on the secrets of tokens too`;
    return [{ path, text, allowed: 'a tag that bindings alone have' }];
  });
}

const MAX_COMPARISONS = 100_000;

/** A name in `adopt` that nothing is written to is most likely misspelt. */
function findIdleAdoptions(adopt: readonly string[], written: readonly string[]): readonly Finding[] {
  const known = new Set(written);
  // Thousands of names compared with thousands take minutes, and so many are no slip of a finger.
  const candidates = adopt.length * written.length > MAX_COMPARISONS ? [] : written;
  return adopt.flatMap((secret, index) =>
    known.has(secret)
      ? []
      : [
          {
            path: ['store', 'adopt', index],
            text: `nothing is written to ${quote(secret, MAX_NAME)}, so there is nothing to adopt`,
            suggestion: suggest(secret, candidates),
          },
        ],
  );
}

function problemsIn(source: YamlSource, file: string): (finding: Finding) => Problem {
  return ({ path, shownPath, target, text, allowed, suggestion }) => ({
    file,
    position: source.locate(path, target ?? 'value'),
    path: formatPath(shownPath ?? path),
    text,
    allowed,
    // Made from what was configured.
    suggestion: suggestion === undefined || mayBeSecret(suggestion) ? undefined : suggestion,
  });
}

function inOrder(problems: readonly Problem[]): readonly Problem[] {
  const rank = ({ position }: Problem): number => (position?.line ?? 0) * 1_000_000 + (position?.column ?? 0);
  return problems.toSorted((a, b) => rank(a) - rank(b));
}
