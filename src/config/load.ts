/**
 * A configuration file, from text to {@link Configuration}.
 *
 * Guarantee: all problems are reported at once, each with its place in the file; one mistake hides only what depends on
 * it. After a YAML error that leaves the meaning of the rest open, the YAML errors alone are told. No problem quotes a
 * credential. Non-guarantee: whether a credential is right only a provider can say (`check --live`).
 */

import { isUtf8 } from 'node:buffer';
import { dirname, isAbsolute, join } from 'node:path';
import { mayBeSecret } from '../core/credential/secret-likeness.ts';
import { describeFileError, errnoOf } from '../core/file-error.ts';
import { isJsonObject, type JsonObject } from '../core/wire/json.ts';
import {
  type AlertReferences,
  createAlertsSchema,
  findNamelessInstallation,
  readAlertReferences,
  toAlerts,
} from './alerts-schema.ts';
import type { Configuration, JournalConfiguration } from './configuration.ts';
import { coordinationSchema, DEFAULT_LEASE_NAME, toCoordination } from './coordination-schema.ts';
import { readCredentialEntries, toReference } from './credential-entries.ts';
import { noteUnusableFiles } from './credential-files.ts';
import { findOwnTagged, type GoodDocument, notePlaces, noteProviders } from './document-notes.ts';
import type { InstallationPlace } from './installation-name.ts';
import { type Finding, formatPath, type Position, type Problem } from './problem.ts';
import { readProviderEntry, toFindings } from './provider-entry.ts';
import { findTakenNames } from './provider-schema.ts';
import { readPlaces, readPublication } from './publication.ts';
import { findSharedPort, noteIdlePatterns, rejectionsSchema, toRejections } from './rejections-schema.ts';
import { salvage } from './salvage.ts';
import {
  allowedByAny,
  type Catalog,
  createOutlineSchema,
  httpSchema,
  journalSchema,
  logSchema,
  readersSchema,
} from './schema.ts';
import { findInvalid } from './schema-findings.ts';
import { type FileUse, findConflicts } from './secret-uses.ts';
import { findTwins } from './twins.ts';
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
  const text = new TextDecoder().decode(bytes);
  // What a decoder puts in the place of other bytes would be sent.
  if (!isUtf8(bytes) && !text.includes('\0'))
    return unreadable(path, 'found bytes that are not UTF-8', UTF_8, positionOf('\ufffd', text));
  const reading = parseConfiguration(text, { ...options, fileName: path });
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
  position?: Position,
): Extract<ParsedConfiguration, { ok: false }> {
  return { ok: false, problems: [{ ...UNPLACED, file, text, allowed, position }] };
}

/** Of the file as a whole. */
const UNPLACED = { position: undefined, path: '', allowed: undefined, suggestion: undefined };
const UTF_8 = 'YAML, in UTF-8';

/** Where a character is that no configuration has. */
function positionOf(character: string, text: string): Position {
  const lines = text.slice(0, text.indexOf(character)).split(/\r\n?|\n/);
  return { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
}

/** With what is needed to look at the files that credentials are read from. */
type TextReading =
  | Extract<ParsedConfiguration, { ok: false }>
  | (Extract<ParsedConfiguration, { ok: true }> & {
      readonly files: readonly FileUse[];
      readonly toProblem: (finding: Finding) => Problem;
    });

export function parseConfiguration(text: string, options: ParseOptions): TextReading {
  const file = options.fileName;
  // UTF-16 comes out of UTF-8 with them too.
  if (text.includes('\0'))
    return unreadable(file, 'found a NUL: the file is binary, or in UTF-16', UTF_8, positionOf('\0', text));
  if (text.trim() === '') return unreadable(file, 'the file is empty', UTF_8);
  const source = parseYaml(text);
  const syntax = source.problems.map((problem): Problem => ({ ...UNPLACED, ...problem, file }));
  if (!source.isReadable) return { ok: false, problems: syntax };
  const reading = readDocument(source.value, options);
  const toProblem = problemsIn(source, file);
  const problems = inOrder([...syntax, ...(reading.ok ? [] : reading.findings.map(toProblem))]);
  if (!reading.ok || problems.length > 0) return { ok: false, problems };
  const { configuration, notes, files } = reading;
  return { ok: true, configuration, warnings: inOrder(notes.map(toProblem)), files, toProblem };
}

type DocumentReading =
  | { readonly ok: false; readonly findings: readonly Finding[] }
  | {
      readonly ok: true;
      readonly configuration: Configuration;
      readonly notes: readonly Finding[];
      /** Files that credentials are read from. */
      readonly files: readonly FileUse[];
    };

function readDocument(value: unknown, options: ParseOptions): DocumentReading {
  const { fileName, kinds, sinks, stores, env } = options;
  const raw: JsonObject = isJsonObject(value) ? value : {};
  const outline = findInvalid(createOutlineSchema(sinks), value, []);
  const under = (section: string): readonly Finding[] => outline.filter(({ path }) => path[0] === section);
  const { places, findings: inPlaces } = readPlaces(raw, stores);
  const publication = readPublication(raw['publish'], ['publish'], places);
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
    places,
    publication,
    shared: {
      stalenessMs: readers.isInvalid('staleness') ? undefined : readers.value.staleness,
      anyRules: allowedByAny(stores),
      unlimited: {
        kinds: stores.filter(({ rules }) => rules.versions === undefined).map(({ kind }) => kind),
        places: places.filter(({ kind }) => kind.rules.versions === undefined).map(({ name }) => name),
      },
    },
  };
  const listed: readonly unknown[] = Array.isArray(raw['providers']) ? raw['providers'] : [];
  const entries = listed.map((entry, index) => readProviderEntry(entry, ['providers', index], context));
  const alerts = readAlertReferences(raw['alerts'], sinks, context.references);
  const rejections = readCredentialEntries(['bearer'], raw['rejections'], ['rejections'], context.references);
  const uses = [...entries.flatMap((entry) => entry.uses), ...alerts.uses, ...rejections.uses];
  const secrets = uses.filter((use) => use.use !== 'file');
  const findings = [
    ...outline,
    ...inPlaces,
    ...(isEveryProviderPlaced(listed) && raw['publish'] === undefined ? [] : publication.findings),
    ...toFindings([...faults, ...taken], presets, ['presets']),
    ...mostDemanding(entries.flatMap((entry) => entry.findings)),
    ...alerts.findings,
    ...rejections.findings,
    ...findSharedPort(httpSchema.safeParse(raw['http'] ?? {}).data, raw['rejections']),
    ...findTwins(
      entries.map(({ name }) => name),
      ['providers'],
    ),
    ...findConflicts(secrets, places, options),
    ...places.flatMap((place) => findOwnTagged(entries, place)),
  ];
  if (findings.length > 0) return { ok: false, findings };
  const document = { raw, places, entries, alerts: createAlertsSchema(sinks).parse(raw['alerts'] ?? {}) };
  const configuration = assemble(document, alerts.credentials, options);
  return {
    ok: true,
    configuration,
    notes: [
      ...findNamelessInstallation(document.alerts, readPlace(document, options)),
      ...noteProviders(document, configuration),
      ...notePlaces(document, secrets),
      ...(configuration.rejections === undefined
        ? []
        : noteIdlePatterns(configuration.rejections, configuration.providers)),
    ],
    files: uses.filter((use) => use.use === 'file'),
  };
}

function assemble(
  document: GoodDocument,
  sinkCredentials: AlertReferences['credentials'],
  options: ParseOptions,
): Configuration {
  const { raw, places, entries } = document;
  const folder = dirname(options.fileName);
  const section = (name: string): unknown => raw[name] ?? {};
  return {
    folder,
    places: new Map(places.map(({ name, configure }) => [name, configure()])),
    readers: { stalenessMs: readersSchema.parse(section('readers')).staleness },
    coordination: toCoordination(
      coordinationSchema.parse(section('coordination')),
      folder,
      options.leaseName,
    ),
    journal: toJournal(raw['journal'], folder),
    alerts: toAlerts(document.alerts, readPlace(document, options), sinkCredentials, (reference) =>
      toReference(reference, folder),
    ),
    http: httpSchema.parse(section('http')),
    rejections:
      raw['rejections'] === undefined
        ? undefined
        : toRejections(rejectionsSchema.parse(raw['rejections']), (reference) =>
            toReference(reference, folder),
          ),
    log: logSchema.parse(section('log')),
    providers: entries.flatMap(({ provider }) => provider ?? []),
  };
}

function readPlace(
  { raw, places }: GoodDocument,
  { podNamespace, leaseName = DEFAULT_LEASE_NAME }: Pick<ParseOptions, 'podNamespace' | 'leaseName'>,
): InstallationPlace {
  const region = places.map((place) => place.configure().region).find((found) => found !== undefined);
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

/** Such a document needs no `publish` of its own. */
function isEveryProviderPlaced(listed: readonly unknown[]): boolean {
  return listed.length > 0 && listed.every((entry) => isJsonObject(entry) && entry['places'] !== undefined);
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
