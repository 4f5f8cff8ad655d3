/**
 * A kind of store: what may be configured of it, the rules that its secrets follow, and how it is opened. A new one is a
 * folder in `adapters/` and a line in `wiring/catalog.ts`.
 */
import * as z from 'zod';
import type { VersionBudget } from './limits/version-pace.ts';
import type { BindingCatalog, Clock, RefreshEvents, TokenStore } from './ports.ts';
import { DAY_MS } from './wire/duration.ts';
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
  /** How late pods that mount what is published see it at most; `undefined`: it cannot be mounted. */
  readonly mountedStalenessMs?: number;
  /** Credentials by `awsSecret` and bindings of customers are read from such a store. */
  readonly holdsCredentials?: true;
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
  /** What a secret of another kind of store is called here; it may still not be allowed. */
  readonly mirrorOf: (name: string) => string;
}

type NamedKind = Pick<StoreKind, 'kind' | 'rules'>;

/** What the authority's secret is called in a mirror: the same in one of its kind, where it means the same. */
export function mirrorName(mirror: NamedKind, authority: Pick<NamedKind, 'kind'>, secret: string): string {
  return mirror.kind === authority.kind ? secret : mirror.rules.names.mirrorOf(secret);
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
  /** When left out, values hold any characters. */
  readonly values?: { readonly pattern: RegExp; readonly form: string };
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

/** Versions in 24 hours that a store wants one secret to get at most. */
export function guidedVersions({ sustainedEveryMs }: VersionRules): number {
  return DAY_MS / sustainedEveryMs;
}

/** Texts by key. @param what they are, in plural */
export function tagsField(
  { most, keyPattern, keyForm, mostValueCharacters, values }: TagRules,
  what: string,
) {
  const valueForm = values?.form ?? `a text of at most ${mostValueCharacters} characters`;
  const text = values === undefined ? z.string(valueForm) : patternField(values.pattern, valueForm);
  return z
    .record(z.string(), text.max(mostValueCharacters, valueForm).meta({ errorMessage: valueForm }))
    .superRefine((given, context) => {
      if (Object.keys(given).length > most)
        context.addIssue({ code: 'custom', message: `at most ${most} ${what}` });
      for (const key of Object.keys(given)) {
        if (keyPattern.test(key)) continue;
        const params = { target: 'key' };
        context.addIssue({ code: 'custom', path: [key], message: keyForm, params });
      }
    })
    .prefault({});
}

/** What every store has. */
function commonFields({ names, tags, callsPerPublish, versions }: StoreRules, words: StoreWords) {
  return {
    createSecrets: z
      .boolean()
      .default(false)
      .describe(`create secrets that do not exist yet; needs ${words.createPermissions}`),
    tags: tagsField(tags, 'tags').describe(
      `${words.tags ?? 'tags for secrets that are created'}, at most ${tags.most} (each key ${tags.keyForm})`,
    ),
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
    staleness: durationField()
      .optional()
      .describe('how old what a reader of this place sees may be; readers.staleness when left out'),
  };
}

/** The part of the common settings' descriptions that is the store's. */
interface StoreWords {
  readonly createPermissions: string;
  /** What the tags are, where the store has another word for them. */
  readonly tags?: string;
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
  /** Value of an environment variable. */
  readonly readEnv: (name: string) => string | undefined;
  /** What paths in the settings are relative to. */
  readonly folder: string;
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
  /** What is wrong with settings of which each by itself is allowed. */
  readonly findSlips?: (settings: z.output<z.ZodObject<Fields>>) => readonly SettingSlip[];
  /**
   * What is written, as a text that is the same for all names, in all places, that mean it. Left out: each place is taken
   * for one of its own.
   */
  readonly objectOf?: (settings: Settings<Fields>, secret: string, pod: Pod) => string;
  /**
   * Opens no connection yet.
   * @param section what the configuration calls it, for messages: `store`, `stores.eks`
   */
  readonly open: (settings: Settings<Fields>, deps: StoreDeps, section: string) => OpenStore;
}

/** Where this process runs, as far as that decides what a name means. */
export interface Pod {
  /** `undefined`: outside of a cluster. */
  readonly podNamespace?: string | undefined;
}

interface SettingSlip {
  readonly field: string;
  /** In words that follow `allowed:`. */
  readonly allowed: string;
}

type Settings<Fields extends z.ZodRawShape> = z.output<z.ZodObject<Fields>> & z.output<CommonSchema>;

/** A store as a configuration has it. */
export interface ConfiguredStore extends StorePlace {
  /** What the configuration calls this place. */
  readonly name: string;
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
  /** Of its readers; `undefined`: as `readers` has it. */
  readonly stalenessMs: number | undefined;
  /** All that is written about it, parsed. */
  readonly settings: object;
  /** See {@link StoreDescription.objectOf}. */
  readonly objectOf: (secret: string, pod: Pod) => string;
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
  /** Of a section with a field that is wrong by itself: none. */
  readonly findSlips: (section: unknown) => readonly SettingSlip[];
  /**
   * @param section for which nothing was found to be wrong
   * @param path of it, for messages: `stores.eks`; `store` when left out
   */
  readonly configure: (section: unknown, name?: string, path?: string) => ConfiguredStore;
}

export function defineStore<const Fields extends z.ZodRawShape>(
  description: StoreDescription<Fields>,
): StoreKind {
  const { kind, rules, objectOf } = description;
  const common = commonFields(rules, description.words);
  const { versionBudget: _budget, ...unlimited } = common;
  const own = z.object(description.fields);
  return {
    kind,
    description: description.description,
    rules,
    fields: { ...description.fields, ...(rules.versions === undefined ? unlimited : common) },
    common: z.object(common),
    findSlips: (section) => {
      const settings = own.safeParse(section);
      return settings.success ? (description.findSlips?.(settings.data) ?? []) : [];
    },
    configure: (section, name = kind, path = 'store') => {
      const shared = z.object(common).parse(section);
      const settings = { ...own.parse(section), ...shared };
      const { timeout: timeoutMs, staleness: stalenessMs, ...others } = shared;
      return {
        name,
        kind,
        rules,
        settings,
        objectOf: (secret, pod) =>
          objectOf === undefined ? `${name} ${secret}` : `${kind} ${objectOf(settings, secret, pod)}`,
        ...description.locate(settings),
        ...others,
        timeoutMs,
        stalenessMs,
        open: (deps) => description.open(settings, deps, path),
      };
    },
  };
}
