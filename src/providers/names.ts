/** The names that texts of a description may hold, and which of them they do. */
import type { Fault, FaultPath } from './faults.ts';
import { literalOf, namesIn, parseTemplate, type TemplateParts } from './template.ts';

/** `option` is a literal text already: it is filled in when the configuration is read. */
type NameKind = 'credential' | 'option' | 'value' | 'saved' | 'customer' | 'refreshToken';

export class Names {
  readonly faults: Fault[] = [];
  readonly #known = new Map<string, NameKind>();
  readonly #announced = new Set<string>();
  readonly #options: ReadonlyMap<string, string>;
  readonly #used = new Set<string>();
  readonly #revealing = new Set<string>();
  /** Values that differ from attempt to attempt. */
  readonly #changing = new Set<string>();
  /** What each value was computed from. */
  readonly #holds = new Map<string, ReadonlySet<string>>();
  #usedHere = new Set<string>();
  /** Those that cannot be left out. */
  #neededHere = new Set<string>();
  readonly #needed = new Set<string>();
  readonly #needs = new Map<string, ReadonlySet<string>>();

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

  /** Notes what is wrong. @param text lower case, as in {@link Fault} */
  refuse(path: FaultPath, text: string, allowed?: string): void {
    this.faults.push({ path, text, allowed });
  }

  /** Names that {@link Names.declare} will make known, in this order. */
  announce(names: readonly string[]): void {
    for (const name of names) this.#announced.add(name);
  }

  /** Names become known in the order of the description: a value can use earlier ones. */
  declare(name: string, kind: NameKind, path: FaultPath): void {
    const former = this.#known.get(name);
    if (former !== undefined)
      this.faults.push({
        path,
        target: 'key',
        text: `has the name of ${describeKind(former)}`,
        allowed: 'a unique name',
      });
    else this.#known.set(name, kind);
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

  isUsed(name: string): boolean {
    return this.#used.has(name);
  }

  /** Everything that is used from now on. */
  startPart(): void {
    this.#usedHere = new Set();
    this.#neededHere = new Set();
  }

  /** The names used since {@link Names.startPart}, and what the values among them were computed from. */
  get usedHere(): ReadonlySet<string> {
    return new Set([...this.#usedHere].flatMap((name) => [name, ...(this.#holds.get(name) ?? [])]));
  }

  /** Those of {@link Names.usedHere} that cannot be left out. */
  get neededHere(): ReadonlySet<string> {
    return new Set([...this.#neededHere].flatMap((name) => [name, ...(this.#needs.get(name) ?? [])]));
  }

  /** False for a name that all texts can do without. */
  isNeeded(name: string): boolean {
    return this.#needed.has(name);
  }

  /**
   * A value was computed from what was used since {@link Names.startPart}. It counts as a credential when one can be read from
   * it, and when it is made of one and stays the same: the hash of a password that an API takes is as good as the password.
   */
  noteValue(
    name: string,
    { isReadable, isOfChance }: { readonly isReadable: boolean; readonly isOfChance: boolean },
  ): void {
    const used = this.usedHere;
    this.#holds.set(name, used);
    this.#needs.set(name, this.neededHere);
    const isChanging = isOfChance || [...used].some((each) => this.#changing.has(each));
    if (isChanging) this.#changing.add(name);
    if ((isReadable || !isChanging) && [...this.#usedHere].some((each) => this.isSecret(each)))
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
    this.#needed.add(name);
    this.#neededHere.add(name);
    this.#note(name, path, wanted);
  }

  #note(name: string, path: FaultPath, wanted?: NameKind): void {
    const kind = this.#known.get(name);
    this.#used.add(name);
    this.#usedHere.add(name);
    if (kind !== undefined && (wanted === undefined || kind === wanted)) return;
    if (kind === undefined && this.#announced.has(name)) {
      this.faults.push({
        path,
        text: `${name} is not there yet`,
        allowed:
          'what stands above it: values are computed in their order, and steps before the request for the token',
        needsWhole: true,
      });
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
    const what = wanted === undefined ? 'credential, value or option' : wanted;
    this.faults.push({
      path,
      text: `there is no ${what} of the name ${name}`,
      allowed: candidates.length === 0 ? undefined : candidates.join(', '),
      written: name,
      candidates,
      needsWhole: true,
    });
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
