/** The places of a configuration, and which of them each provider's tokens are published to. */
import type { z } from 'zod';
import { quote } from '../core/credential/secret-likeness.ts';
import { suggest } from '../core/spelling.ts';
import type { ConfiguredStore, StoreKind } from '../core/store-kind.ts';
import { isJsonObject, type JsonObject } from '../core/wire/json.ts';
import { type Finding, formatPath, type Path } from './problem.ts';
import { publishSchema } from './publish-schema.ts';
import { type Salvaged, salvage } from './salvage.ts';
import { createStoreSchema, type Stores } from './schema.ts';
import { findInvalid } from './schema-findings.ts';

/** A place as far as its section is right. */
export interface Place {
  readonly name: string;
  /** Of its section. */
  readonly path: Path;
  readonly kind: StoreKind;
  readonly fields: Salvaged<z.output<ReturnType<StoreKind['common']['partial']>>>;
  /** False when nobody knows which kind is meant: what depends on it is left unchecked. */
  readonly isKnown: boolean;
  readonly findings: readonly Finding[];
  /** @throws when something is wrong with the section */
  readonly configure: () => ConfiguredStore;
}

interface Places {
  readonly places: readonly Place[];
  readonly findings: readonly Finding[];
}

/** The places of `stores`, or the one of `store`, which is called by its kind. */
export function readPlaces(raw: JsonObject, stores: Stores): Places {
  if (raw['stores'] === undefined) {
    const section = raw['store'] ?? {};
    const kind = (kindOf(section, stores, true) ?? stores[0]).kind;
    const place = readPlace(kind, section, ['store'], stores);
    return { places: [place], findings: place.findings };
  }
  const sections = isJsonObject(raw['stores']) ? raw['stores'] : {};
  const places = Object.entries(sections).map(([name, section]) =>
    readPlace(name, section, ['stores', name], stores),
  );
  const text = 'conflicts with stores; remove one of them';
  const beside: readonly Finding[] =
    raw['store'] === undefined ? [] : [{ path: ['store'], target: 'key', text }];
  return { places, findings: [...beside, ...places.flatMap(({ findings }) => findings)] };
}

/** `undefined`: nobody knows which is meant. Of the short form's, the first is meant where it names none. */
function kindOf(section: unknown, stores: Stores, isShort: boolean): StoreKind | undefined {
  const found = isJsonObject(section) ? section['kind'] : undefined;
  return found === undefined && isShort ? stores[0] : stores.find(({ kind }) => kind === found);
}

function readPlace(name: string, section: unknown, path: Path, stores: Stores): Place {
  const isShort = path.length === 1;
  const known = kindOf(section, stores, isShort);
  const kind = known ?? stores[0];
  const schema = createStoreSchema(kind, stores, { needsKind: !isShort });
  const findings = findInvalid(schema, section, path, kind.rules.names);
  // Of a kind that nobody knows no field can be told to be wrong.
  const isKnown = known !== undefined;
  return {
    name,
    path,
    kind,
    fields: salvage(kind.common.partial(), section, findings, path.length),
    isKnown,
    findings: isKnown
      ? findings
      : findings.filter((each) => each.path[path.length] === 'kind' || each.path.length === path.length),
    configure: () => kind.configure(section, name, formatPath(path)),
  };
}

/** Where a provider's tokens go. */
export interface Publication {
  /** `undefined`: nobody knows, because the file is wrong there; it is checked as what any store would allow. */
  readonly authority: Place | undefined;
  readonly mirrors: readonly Place[];
  readonly findings: readonly Finding[];
}

/**
 * @param section `publish`, of the document or of one provider; `undefined`: not written
 * @param path of it
 */
export function readPublication(section: unknown, path: Path, places: readonly Place[]): Publication {
  const [only] = places;
  if (section === undefined) {
    if (places.length === 1) return { authority: only, mirrors: [], findings: [] };
    const names = places.map(({ name }) => name).join(', ');
    const allowed = `{ to: NAME, mirrors: [NAME] } with names of ${names}`;
    return {
      authority: undefined,
      mirrors: [],
      findings: places.length === 0 ? [] : [{ path, text: 'missing', allowed }],
    };
  }
  const parsed = publishSchema.safeParse(section);
  // Reported by the schema.
  if (!parsed.success) return { authority: undefined, mirrors: [], findings: [] };
  const { to, mirrors } = parsed.data;
  const findings: Finding[] = [];
  const find = (name: string, at: Path): Place | undefined => {
    const place = places.find((each) => each.name === name);
    if (place === undefined && places.length > 0) findings.push(unknownPlace(name, at, places));
    return place;
  };
  const authority = find(to, [...path, 'to']);
  const seen = new Set([to]);
  const found = mirrors.flatMap((name, index) => {
    const at = [...path, 'mirrors', index];
    const place = find(name, at);
    if (seen.has(name)) {
      const text = `found ${quote(name)}, ${name === to ? 'which tokens are published to already' : 'which is in the list already'}`;
      findings.push({ path: at, text, allowed: 'another place' });
      return [];
    }
    seen.add(name);
    return place === undefined ? [] : [place];
  });
  return { authority, mirrors: found, findings };
}

function unknownPlace(name: string, path: Path, places: readonly Place[]): Finding {
  const names = places.map((place) => place.name);
  return {
    path,
    text: `found ${quote(name)}, which is no place`,
    allowed: names.join(', '),
    suggestion: suggest(name, names),
  };
}

/** A place that nobody publishes to is forgotten, or misspelt. */
export function noteIdlePlaces(places: readonly Place[], used: ReadonlySet<Place>): readonly Finding[] {
  return places
    .filter((place) => !used.has(place))
    .map(({ name, path }) => ({
      path,
      target: 'key',
      text: `nothing is published to ${quote(name)}: no publish names it`,
    }));
}
