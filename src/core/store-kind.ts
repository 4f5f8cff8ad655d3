/**
 * A kind of store: what may be configured of it, the rules that its secrets follow, and how it is opened. A new one is a
 * folder in `adapters/` and a line in `wiring/catalog.ts`.
 */
import { z } from 'zod';
import type { VersionBudget } from './limits/version-pace.ts';
import type { BindingCatalog, Clock, RefreshEvents, TokenStore } from './ports.ts';
import { durationField, patternField, versionBudgetField, wholeNumberField } from './wire/field-schemas.ts';
import type { HttpTransport } from './wire/http-call.ts';

/** What a store allows. Vendors' numbers are known here and nowhere else. */
export interface StoreRules {
  readonly names: NameRules;
  readonly tags: TagRules;
  /** Calls that one publish makes, one after the other: each counts against `writesPerSecond` and may take `timeout`. */
  readonly callsPerPublish: number;
  /** `undefined`: a secret may be written as often as readers need. */
  readonly versions: VersionRules | undefined;
}

export interface NameRules {
  /** Also the `pattern` of the JSON Schema. */
  readonly pattern: RegExp;
  /** In words that follow `allowed:`. */
  readonly form: string;
  /** Like a name, but `{customer}` may stand in it. */
  readonly templatePattern: RegExp;
  /** What is wrong with a name that is not allowed, where that is a usual slip; `undefined` otherwise. */
  readonly findSlip: (name: string) => NameSlip | undefined;
  /** Customers that a template cannot serve, which no single name shows beforehand; `undefined` when it serves all. */
  readonly noteTemplate: (template: string) => string | undefined;
  /** The name in an id that may stand for one, such as an ARN; a name is returned as it is. */
  readonly nameOf: (id: string) => string;
  /** Where a chain's refresh token is saved unless the configuration says so: a place that readers are not allowed. */
  readonly stateSecretOf: (secret: string) => string;
}

interface NameSlip {
  /** Follows the name and a comma. */
  readonly text: string;
  readonly suggestion?: string;
}

interface TagRules {
  /** The daemon's own tags come on top. */
  readonly most: number;
  readonly keyPattern: RegExp;
  readonly keyForm: string;
  readonly mostValueCharacters: number;
}

/** Versions of one secret within 24 hours. */
export interface VersionRules {
  /** Who asks for it, and what runs into its quota otherwise; for messages. */
  readonly vendor: string;
  readonly service: string;
  /** The shortest time between two writes that the vendor wants to see sustained, in milliseconds. */
  readonly sustainedEveryMs: number;
  /** Up to so many in 24 hours nothing needs to be said. */
  readonly unquestionedPerDay: number;
}

const DAY_MS = 86_400_000;

/** Versions in 24 hours that a store wants one secret to get at most. */
export function guidedVersions({ sustainedEveryMs }: VersionRules): number {
  return DAY_MS / sustainedEveryMs;
}

/** What every store has. */
function commonFields({ names, tags, callsPerPublish, versions }: StoreRules, words: StoreWords) {
  const valueForm = `a text of at most ${tags.mostValueCharacters} characters`;
  return {
    createSecrets: z
      .boolean()
      .default(false)
      .describe(`create secrets that do not exist yet; needs ${words.createPermissions}`),
    tags: z
      .record(
        z.string(),
        z.string(valueForm).max(tags.mostValueCharacters, valueForm).meta({ errorMessage: valueForm }),
      )
      .superRefine((given, context) => {
        if (Object.keys(given).length > tags.most)
          context.addIssue({ code: 'custom', message: `at most ${tags.most} tags` });
        for (const key of Object.keys(given)) {
          if (tags.keyPattern.test(key)) continue;
          const params = { target: 'key' };
          context.addIssue({ code: 'custom', path: [key], message: tags.keyForm, params });
        }
      })
      .prefault({})
      .describe(`tags for secrets that are created, at most ${tags.most} (each key ${tags.keyForm})`),
    adopt: z
      .array(patternField(names.pattern, names.form), 'a list of names of secrets')
      .prefault([])
      .describe('existing secrets that may be written although the daemon did not create them'),
    versionBudget: versionBudgetField()
      .prefault(versions === undefined ? 'none' : guidedVersions(versions))
      .describe(`most versions that one secret may get in 24 hours: ${words.versionBudget}`),
    writesPerSecond: wholeNumberField(2 * callsPerPublish, 1000)
      .default(words.writesPerSecond.usual)
      .describe(`most writes in any second, of all providers together: ${words.writesPerSecond.why}`),
    timeout: durationField({ leastMs: 100, mostMs: 60_000 })
      .prefault('5s')
      .describe('deadline of one call to the store'),
  };
}

/** The part of the common settings' descriptions that is the store's. */
interface StoreWords {
  readonly createPermissions: string;
  readonly versionBudget: string;
  readonly writesPerSecond: { readonly usual: number; readonly why: string };
}

type CommonSchema = z.ZodObject<ReturnType<typeof commonFields>>;

export interface StoreDeps {
  readonly transport: HttpTransport;
  readonly clock: Clock;
  readonly events: RefreshEvents;
  /** For the daemon's AWS credentials, where those are not given. */
  readonly files: { run<T>(path: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> };
  readonly awsCredentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
}

export interface OpenStore {
  readonly store: TokenStore;
  readonly bindings: BindingCatalog;
  /** Closes the connections behind it. */
  readonly close: () => void;
}

/** Where a store is. `undefined`: there is no such thing, or the store's client finds it. */
interface StorePlace {
  readonly region: string | undefined;
  /** Without a trailing slash. */
  readonly endpoint: string | undefined;
}

export interface StoreDescription<Fields extends z.ZodRawShape> {
  readonly kind: string;
  /** What it is, in a few words. */
  readonly description: string;
  readonly rules: StoreRules;
  readonly words: StoreWords;
  /** Beside the common ones. */
  readonly fields: Fields;
  readonly locate: (settings: Settings<Fields>) => StorePlace;
  /** Opens no connection yet. */
  readonly open: (settings: Settings<Fields>, deps: StoreDeps) => OpenStore;
}

type Settings<Fields extends z.ZodRawShape> = z.output<z.ZodObject<Fields>> & z.output<CommonSchema>;

/** A store as a configuration has it. */
export interface ConfiguredStore extends StorePlace {
  readonly kind: string;
  readonly rules: StoreRules;
  readonly createSecrets: boolean;
  /** On secrets that are created, beside the daemon's own. */
  readonly tags: Readonly<Record<string, string>>;
  /** Secrets that may be taken over although the daemon did not create them. */
  readonly adopt: readonly string[];
  readonly versionBudget: VersionBudget;
  /** All writing calls together, of the whole process. */
  readonly writesPerSecond: number;
  readonly timeoutMs: number;
  /** All that is written about it, parsed. */
  readonly settings: object;
  readonly open: (deps: StoreDeps) => OpenStore;
}

export interface StoreKind {
  readonly kind: string;
  readonly description: string;
  readonly rules: StoreRules;
  /** Beside `kind`. */
  readonly fields: z.ZodRawShape;
  /** Takes the common settings of a section, of which other parts may be wrong. */
  readonly common: CommonSchema;
  /** @param section for which nothing was found to be wrong */
  readonly configure: (section: unknown) => ConfiguredStore;
}

export function defineStore<const Fields extends z.ZodRawShape>(
  description: StoreDescription<Fields>,
): StoreKind {
  const { kind, rules } = description;
  const common = commonFields(rules, description.words);
  const { versionBudget: _budget, ...unlimited } = common;
  const own = z.object(description.fields);
  return {
    kind,
    description: description.description,
    rules,
    fields: { ...description.fields, ...(rules.versions === undefined ? unlimited : common) },
    common: z.object(common),
    configure: (section) => {
      const shared = z.object(common).parse(section);
      const settings = { ...own.parse(section), ...shared };
      const { timeout: timeoutMs, ...others } = shared;
      const open = (deps: StoreDeps): OpenStore => description.open(settings, deps);
      return { kind, rules, settings, ...description.locate(settings), ...others, timeoutMs, open };
    },
  };
}
