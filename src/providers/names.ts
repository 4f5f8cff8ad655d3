/** The names that texts of a description may hold, and which of them they do. */
import type { Fault, FaultPath, Refuse } from './faults.ts';
import { literalOf, namesIn, parseTemplate, type TemplateParts } from './template.ts';

/** `option` is a literal text already: it is filled in when the configuration is read. */
type NameKind = 'credential' | 'option' | 'value' | 'saved' | 'customer' | 'refreshToken';

/** What a part of the description holds, with what the values among it were computed from. */
export interface Uses {
  readonly used: ReadonlySet<string>;
  /** Those that cannot be left out. */
  readonly needed: ReadonlySet<string>;
}

export class Names {
  readonly faults: Fault[] = [];
  readonly #known = new Map<string, NameKind>();
  readonly #announced = new Set<string>();
  readonly #options: ReadonlyMap<string, string>;
  readonly #revealing = new Set<string>();
  /** Values that differ from attempt to attempt. */
  readonly #changing = new Set<string>();
  /** What each value was computed from. */
  readonly #values = new Map<string, Uses>();
  /** As written, in the whole description. */
  readonly all = { used: new Set<string>(), needed: new Set<string>() };
  #part = { used: new Set<string>(), needed: new Set<string>() };
  readonly #acceptsUnknown: boolean;
  /** Credentials that nobody has declared, where they are accepted. */
  readonly accepted = new Set<string>();

  /**
   * @param options texts by name
   * @param acceptsUnknown takes a name that is not known for a credential
   */
  constructor(
    options: ReadonlyMap<string, string>,
    { acceptsUnknown = false }: { readonly acceptsUnknown?: boolean } = {},
  ) {
    this.#options = options;
    this.#acceptsUnknown = acceptsUnknown;
    for (const name of options.keys()) this.#known.set(name, 'option');
  }

  readonly refuse: Refuse = (path, text, allowed, more) => {
    this.faults.push({ path, text, allowed, ...more });
  };

  /** Names that {@link Names.declare} will make known, in this order. */
  announce(names: readonly string[]): void {
    for (const name of names) this.#announced.add(name);
  }

  /** Names become known in the order of the description: a value can use earlier ones. */
  declare(name: string, kind: NameKind, path: FaultPath): void {
    const former = this.#known.get(name);
    if (former === undefined) this.#known.set(name, kind);
    else this.refuse(path, `has the name of ${describeKind(former)}`, 'a unique name', { target: 'key' });
  }

  kindOf(name: string): NameKind | undefined {
    return this.#known.get(name);
  }

  /** True for a credential, and for a value that counts as one. */
  isSecret(name: string): boolean {
    return (
      this.#revealing.has(name) ||
      ['credential', 'refreshToken', 'saved'].includes(this.#known.get(name) ?? '')
    );
  }

  /** Everything that is used from now on. */
  startPart(): void {
    this.#part = { used: new Set(), needed: new Set() };
  }

  /** Since {@link Names.startPart}. */
  get part(): Uses {
    const whole = (what: keyof Uses): ReadonlySet<string> =>
      new Set([...this.#part[what]].flatMap((name) => [name, ...(this.#values.get(name)?.[what] ?? [])]));
    return { used: whole('used'), needed: whole('needed') };
  }

  /**
   * A value was computed from what was used since {@link Names.startPart}. It counts as a credential when one can be read from
   * it, and when it is made of one and stays the same: the hash of a password that an API takes is as good as the password.
   */
  noteValue(
    name: string,
    { isReadable, isOfChance }: { readonly isReadable: boolean; readonly isOfChance: boolean },
  ): void {
    const { part } = this;
    this.#values.set(name, part);
    const isChanging = isOfChance || [...part.used].some((each) => this.#changing.has(each));
    if (isChanging) this.#changing.add(name);
    if ((isReadable || !isChanging) && [...this.#part.used].some((each) => this.isSecret(each)))
      this.#revealing.add(name);
  }

  /** Parses a text; options are literal parts of it from here on. */
  template(text: string, path: FaultPath): TemplateParts {
    const parsed = parseTemplate(text);
    if (!parsed.ok) {
      this.refuse(path, parsed.problem);
      return [];
    }
    for (const name of namesIn(parsed.parts)) this.use(name, path);
    const parts = parsed.parts.map((part) =>
      typeof part === 'string' ? part : (this.#options.get(part.name) ?? part),
    );
    if (!literalOf(parts).isWellFormed())
      this.refuse(path, 'holds half of a character (a lone surrogate), which cannot be sent');
    return parts;
  }

  /** As {@link Names.use}, where a field is left out while the name stands for nothing. */
  useOptionally(name: string, path: FaultPath): void {
    this.#note(name, path);
  }

  /** Notes that a name is used, and whether it is known. */
  use(name: string, path: FaultPath, wanted?: NameKind): void {
    this.all.needed.add(name);
    this.#part.needed.add(name);
    this.#note(name, path, wanted);
  }

  #note(name: string, path: FaultPath, wanted?: NameKind): void {
    const kind = this.#known.get(name);
    this.all.used.add(name);
    this.#part.used.add(name);
    if (kind !== undefined && (wanted === undefined || kind === wanted)) return;
    if (kind === undefined && this.#announced.has(name)) {
      const allowed =
        'what stands above it: values are computed in their order, and steps before the request for the token';
      this.refuse(path, `${name} is not there yet`, allowed, { needsWhole: true });
      return;
    }
    if (this.#acceptsUnknown && kind === undefined && (wanted === undefined || wanted === 'credential')) {
      this.#known.set(name, 'credential');
      this.accepted.add(name);
      return;
    }
    const candidates = [...this.#known].flatMap(([known, each]) =>
      wanted === undefined || each === wanted ? [known] : [],
    );
    const text = `there is no ${wanted ?? 'credential, value or option'} of the name ${name}`;
    const more = { written: name, candidates, needsWhole: true };
    this.refuse(path, text, candidates.length === 0 ? undefined : candidates.join(', '), more);
  }
}

function describeKind(kind: NameKind): string {
  switch (kind) {
    case 'saved':
      return 'what an earlier request has saved';
    case 'customer':
    case 'refreshToken':
      return `${kind}, which is always there`;
    default:
      return `${kind === 'option' ? 'an' : 'a'} ${kind}`;
  }
}
