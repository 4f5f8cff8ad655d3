/**
 * The kinds that a configuration can name: the three forms of the language, and presets, which are written in one of them.
 *
 * Guarantee: no kind is known to the program by name. A preset is parsed when it is asked for, once.
 */
import * as z from 'zod';
import { describeExpected, mapping } from '../core/wire/field-schemas.ts';
import { isJsonObject, type JsonObject } from '../core/wire/json.ts';
import { parseServiceUrl } from '../core/wire/service-url.ts';
import { type CompileInput, compile } from './compile.ts';
import { descriptionFields, descriptionSchema } from './description.ts';
import type { Fault, FaultPath } from './faults.ts';
import { describeOAuth2, oauth2Fields, oauth2Schema, type ShortForm } from './oauth2.ts';
import { OWN_NAME, presetFields } from './preset.ts';
import type { Configured, CredentialFields, EntryFacts, KindLibrary, ProviderKind } from './provider.ts';
import { describeSnap, snapFields, snapOpenFields, snapSchema } from './snap.ts';
import { fillTemplate, parseTemplate } from './template.ts';

/** What a lifetime is taken for until a token has been seen, where nobody has documented one. */
const USUAL_LIFETIME_SECONDS = 3600;

/** Of two mappings (further parameters, headers) both count; else the entry's. */
function merged(preset: unknown, entry: unknown): unknown {
  return isJsonObject(preset) && isJsonObject(entry) ? { ...preset, ...entry } : entry;
}

interface Form {
  readonly title: string;
  readonly fields: z.ZodRawShape;
  /** Those that an entry may set although its preset does. */
  readonly openFields: readonly string[];
  readonly needsBaseUrl: boolean;
  /** @throws ZodError for settings that the fields do not accept */
  describe(settings: unknown, baseUrl: string | undefined): ShortForm;
}

const FORMS = {
  http: {
    title: 'any token API over HTTP, described in full',
    fields: descriptionFields,
    openFields: [],
    needsBaseUrl: false,
    describe: (settings) => ({ description: descriptionSchema.parse(settings), credentials: {} }),
  },
  oauth2: {
    title: 'OAuth 2.0 (RFC 6749): client credentials, refresh tokens, assertions, client certificates',
    fields: oauth2Fields,
    openFields: ['scope', 'audience', 'resource', 'params', 'headers'],
    needsBaseUrl: false,
    describe: (settings, baseUrl) => describeOAuth2(oauth2Schema.parse(settings), baseUrl),
  },
  snap: {
    title: "Bank Indonesia's SNAP: b2b for the client, b2b2c for each customer, signed with RSA",
    fields: snapFields,
    openFields: Object.keys(snapOpenFields),
    needsBaseUrl: true,
    describe: (settings) => describeSnap(snapSchema.parse(settings)),
  },
} as const satisfies Readonly<Record<string, Form>>;

const FORM_NAMES = Object.keys(FORMS);

/** A form as a kind of its own: the entry holds the description. */
function createFormKind(name: string, form: Form): ProviderKind {
  return {
    kind: name,
    description: form.title,
    documentedLifetimeSeconds: USUAL_LIFETIME_SECONDS,
    defaultBaseUrl: undefined,
    needsBaseUrl: form.needsBaseUrl,
    credentials: 'any',
    customerCredentials: undefined,
    options: mapping(form.fields),
    defaults: {},
    configure: (options, facts) => {
      const short = form.describe(options, facts.baseUrl);
      const { credentials: wanted, faults = [] } = short;
      const missing = missingOf(wanted, facts);
      if (faults.length === 0 && missing.length > 0) return { ok: false, faults: missing };
      return compileShort(short, {
        options: new Map(),
        credentials: { ...optionalOf(wanted), ...named(facts.credentials, wanted) },
        customerCredentials:
          facts.customerCredentials === undefined || facts.customerCredentials === 'any'
            ? facts.customerCredentials
            : named(facts.customerCredentials, wanted),
        documentedLifetimeSeconds: USUAL_LIFETIME_SECONDS,
        baseUrl: facts.baseUrl,
        settingsToCheck: short.settingsToCheck,
      });
    },
  };
}

/** Puts each fault where it was written. */
function compileShort(
  { description, faults = [], locate = (path) => path }: ShortForm,
  input: Omit<CompileInput, 'description'>,
): Configured {
  if (faults.length > 0) return { ok: false, faults };
  const compiled = compile({ ...input, description });
  if (compiled.ok) return compiled;
  return { ok: false, faults: compiled.faults.map((fault) => ({ ...fault, path: locate(fault.path) })) };
}

/** Names that are given, with what is known of them. */
function named(names: readonly string[], known: CredentialFields): CredentialFields {
  return Object.fromEntries(names.map((name) => [name, { description: known[name]?.description ?? '' }]));
}

function optionalOf(fields: CredentialFields): CredentialFields {
  return Object.fromEntries(Object.entries(fields).filter(([, { optional }]) => optional === true));
}

/** What the settings ask for and nobody gives. */
function missingOf(
  wanted: CredentialFields,
  { credentials, customerCredentials }: EntryFacts,
): readonly Fault[] {
  if (customerCredentials === 'any') return [];
  const given = new Set([...credentials, ...(customerCredentials ?? [])]);
  return Object.entries(wanted)
    .filter(([name, { optional }]) => optional !== true && !given.has(name))
    .map(([name, { description }]) => ({
      path: ['credentials', name],
      text: 'missing',
      written: name,
      candidates: credentials.filter((each) => !Object.hasOwn(wanted, each)),
      allowed: `${description}, by reference: { env: NAME }, { file: PATH } or { awsSecret: ID, key: NAME }`,
    }));
}

const presetSchema = z.looseObject(presetFields);

export type Preset = z.output<typeof presetSchema>;

type PresetReading =
  | { readonly ok: true; readonly preset: Preset; readonly kind: ProviderKind }
  | { readonly ok: false; readonly faults: readonly Fault[] };

/** Reads a preset. @param name of the kind that it becomes */
export function readPreset(name: string, raw: unknown): PresetReading {
  const parsed = presetSchema.safeParse(raw, { error: describeExpected });
  if (!parsed.success) return { ok: false, faults: faultsOf(parsed.error) };
  const preset = parsed.data;
  const form: Form = FORMS[preset.form];
  const settings = settingsOf(preset, form);
  const findFaults = (fields: z.ZodRawShape, value: unknown): readonly Fault[] => {
    const checked = mapping(fields).safeParse(value, { error: describeExpected });
    return checked.success ? [] : faultsOf(checked.error);
  };
  const own = findFaults({ ...presetFields, ...form.fields }, raw);
  const variant = { when: z.unknown(), ...form.fields };
  const ofVariants = preset.variants.flatMap((fields, index) =>
    within(['variants', index], findFaults(variant, { ...settings, ...fields })),
  );
  const faults = own.length > 0 ? own : ofVariants;
  return faults.length > 0
    ? { ok: false, faults }
    : { ok: true, preset, kind: createPresetKind(name, preset, form) };
}

/** The message of an issue is what is allowed there. */
function faultsOf({ issues }: z.ZodError): readonly Fault[] {
  return issues.flatMap((issue): readonly Fault[] => {
    const { message: allowed } = issue;
    const path = issue.path.filter((step) => typeof step !== 'symbol');
    if (issue.code !== 'unrecognized_keys') return [{ path, allowed }];
    const candidates = allowed.split(', ');
    return issue.keys.map((written) => ({
      path: [...path, written],
      target: 'key',
      text: 'unknown key',
      allowed,
      written,
      candidates,
    }));
  });
}

function within(path: FaultPath, faults: readonly Fault[]): readonly Fault[] {
  return faults.map((fault) => ({ ...fault, path: [...path, ...fault.path] }));
}

/** The fields of the form. */
function settingsOf(written: JsonObject, form: Form): JsonObject {
  return Object.fromEntries(Object.entries(written).filter(([key]) => Object.hasOwn(form.fields, key)));
}

function createPresetKind(name: string, preset: Preset, form: Form): ProviderKind {
  const settings = settingsOf(preset, form);
  const options = Object.fromEntries(
    Object.entries(preset.options).map(([option, field]) => [option, optionField(field)]),
  );
  // A preset that has to be told the scope, say, has an option of that name, which is required.
  const open = form.openFields.filter((field) => !Object.hasOwn(preset.options, field));
  const openFields = Object.fromEntries(open.map((field) => [field, openField(form.fields[field])]));
  const entryFields = mapping({ ...options, ...openFields });
  const optionNames = Object.keys(preset.options);
  const isFixed = preset.baseUrl !== undefined && !preset.baseUrl.includes('${');
  const { credentials: implied } = form.describe(settings, preset.baseUrl);
  const credentials = Object.fromEntries(
    Object.entries({ ...implied, ...preset.credentials }).filter(
      ([credential]) => !Object.hasOwn(preset.customerCredentials ?? {}, credential),
    ),
  );
  const lifetimeSeconds = preset.lifetime / 1000;
  return {
    kind: name,
    description: preset.special === undefined ? preset.title : `${preset.title}; ${preset.special}`,
    documentedLifetimeSeconds: lifetimeSeconds,
    defaultBaseUrl: isFixed ? preset.baseUrl : undefined,
    needsBaseUrl: preset.baseUrl === undefined,
    credentials,
    customerCredentials: preset.customerCredentials,
    options: entryFields,
    defaults: { minIntervalMs: preset.minInterval, fetchBudget: preset.fetchBudget },
    configure: (given, facts) => {
      const missing = facts.customerCredentials === undefined ? [] : missingOf(credentials, facts);
      if (missing.length > 0) return { ok: false, faults: missing };
      const entry = entryFields.parse(given);
      const texts = new Map(optionNames.map((option) => [option, String(entry[option])]));
      const baseUrl = facts.baseUrl ?? fillBaseUrl(preset.baseUrl, texts);
      if (baseUrl === undefined) {
        const text = 'the options make no address that credentials may be sent to';
        return { ok: false, faults: [{ path: [], text, allowed: 'options that fit, or a baseUrl' }] };
      }
      const variant = preset.variants
        .filter(({ when }) =>
          Object.entries(when).every(([option, value]) => texts.get(option) === String(value)),
        )
        .map((each) => settingsOf(each, form));
      const chosen = Object.fromEntries(
        open.flatMap((field) =>
          entry[field] === undefined ? [] : [[field, merged(settings[field], entry[field])]],
        ),
      );
      const short = form.describe(Object.assign({}, settings, ...variant, chosen), baseUrl);
      return compileShort(short, {
        options: texts,
        credentials,
        customerCredentials: customersOf(preset, facts, credentials),
        usedElsewhere: Object.keys(credentials),
        documentedLifetimeSeconds: lifetimeSeconds,
        baseUrl,
      });
    },
  };
}

/** Any credential of a preset may be each customer's own. */
function customersOf(
  { customerCredentials }: Preset,
  facts: EntryFacts,
  credentials: CredentialFields,
): CredentialFields | undefined {
  const given = facts.customerCredentials;
  if (given === undefined) return customerCredentials;
  const own = Object.entries(credentials).filter(
    ([name]) => !facts.credentials.includes(name) && (given === 'any' || given.includes(name)),
  );
  return { ...Object.fromEntries(own), ...customerCredentials };
}

function optionField({
  values,
  pattern,
  form,
  default: usual,
  description,
}: Preset['options'][string]): z.ZodType {
  const field = values === undefined ? textOption(pattern, form) : valueOption(values);
  return (usual === undefined ? field : field.prefault(usual)).describe(description);
}

function valueOption(values: readonly (string | boolean)[]): z.ZodType {
  const texts = values.filter((value) => typeof value === 'string');
  return texts.length === values.length ? z.enum(texts) : z.boolean();
}

function textOption(pattern: string | undefined, form: string | undefined): z.ZodType {
  const allowed = form ?? (pattern === undefined ? 'a text' : `a text that matches ${pattern}`);
  return z
    .string(allowed)
    .min(1, allowed)
    .max(300, allowed)
    .regex(new RegExp(pattern ?? '^[^\\n\\r]*$'), allowed)
    .meta({ errorMessage: allowed });
}

/** A field of the form that an entry may set; without its own default, because the preset's value counts first. */
function openField(field: unknown): z.ZodType {
  const bare =
    field instanceof z.ZodDefault || field instanceof z.ZodPrefault || field instanceof z.ZodOptional
      ? field.unwrap()
      : field;
  if (!(bare instanceof z.ZodType)) throw new Error('a form has the fields that it leaves open');
  const { description } = field instanceof z.ZodType ? field : bare;
  return description === undefined ? bare.optional() : bare.optional().describe(description);
}

function fillBaseUrl(template: string | undefined, options: ReadonlyMap<string, string>): string | undefined {
  if (template === undefined) return undefined;
  const parsed = parseTemplate(template);
  if (!parsed.ok) return undefined;
  return parseServiceUrl(fillTemplate(parsed.parts, (name) => options.get(name) ?? ''));
}

interface PresetSource {
  readonly names: readonly string[];
  /** A preset as it was written. */
  readonly read: (name: string) => unknown;
}

/** What is wrong with a preset whatever its options are, and whether or not a provider names it. */
function findPresetFaults({ preset, kind }: Extract<PresetReading, { ok: true }>): readonly Fault[] {
  const options = Object.fromEntries(
    Object.entries(preset.options).map(([name, { default: usual, values }]) => [
      name,
      usual ?? values?.[0] ?? 'x',
    ]),
  );
  const candidates = Object.keys(preset.options);
  const unknown = preset.variants.flatMap(({ when }, index) =>
    Object.keys(when)
      .filter((name) => !Object.hasOwn(preset.options, name))
      .map(
        (written): Fault => ({
          path: ['variants', index, 'when', written],
          target: 'key',
          text: 'there is no such option',
          allowed: candidates.join(', '),
          written,
          candidates,
        }),
      ),
  );
  // Texts with a form of their own cannot be made up.
  if (unknown.length > 0 || !kind.options.safeParse(options).success) return unknown;
  const result = kind.configure(options, {
    credentials: kind.credentials === 'any' ? [] : Object.keys(kind.credentials),
    customerCredentials:
      kind.customerCredentials === undefined ? undefined : Object.keys(kind.customerCredentials),
    baseUrl: 'https://preset.example',
  });
  return result.ok ? [] : result.faults;
}

/** @throws for a preset that ships and is wrong: a bug, which the suites find */
export function createKindLibrary(source: PresetSource): KindLibrary {
  const kinds = new Map<string, ProviderKind>(
    Object.entries(FORMS).map(([name, form]) => [name, createFormKind(name, form)]),
  );
  const known = new Set(source.names);
  const library: KindLibrary = {
    names: [...FORM_NAMES, ...source.names],
    find: (name) => {
      const found = kinds.get(name);
      if (found !== undefined || !known.has(name)) return found;
      const reading = readPreset(name, source.read(name));
      if (!reading.ok) throw new Error(`preset ${name} is wrong: ${JSON.stringify(reading.faults)}`);
      kinds.set(name, reading.kind);
      return reading.kind;
    },
    extend: (presets) => extend(library, presets),
  };
  return library;
}

function extend(library: KindLibrary, presets: JsonObject): ReturnType<KindLibrary['extend']> {
  const own = new Map<string, ProviderKind>();
  const faults = Object.entries(presets).flatMap(([name, raw]): readonly Fault[] => {
    const isTaken = library.names.includes(name);
    if (isTaken || !OWN_NAME.test(name)) {
      const text = isTaken ? 'is the name of a kind that ships' : 'is no name for a kind';
      const allowed = 'lower-case letters, digits and hyphens, a unique name';
      return [{ path: [name], target: 'key', text, allowed }];
    }
    const reading = readPreset(name, raw);
    const found = reading.ok ? findPresetFaults(reading) : reading.faults;
    if (reading.ok && found.length === 0) own.set(name, reading.kind);
    return within([name], found);
  });
  const extended: KindLibrary = {
    // What is wrong with one is reported at the preset, and not at each provider that names it too.
    names: [...library.names, ...Object.keys(presets)],
    find: (name) => own.get(name) ?? library.find(name),
    extend: (more) => extend(extended, more),
  };
  return { library: extended, faults };
}
