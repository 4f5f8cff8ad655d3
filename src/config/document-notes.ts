/** What is worth a word about a document as a whole, beside what is wrong with it. */
import type { z } from 'zod';
import { quote } from '../core/credential/secret-likeness.ts';
import { suggest } from '../core/spelling.ts';
import { formatTag } from '../core/token/secret-tag.ts';
import { formatDuration } from '../core/wire/duration.ts';
import { isJsonObject, type JsonObject, valueAtPath } from '../core/wire/json.ts';
import type { AlertsSchema } from './alerts-schema.ts';
import { noteGenerousBudget } from './cadence-check.ts';
import type { Configuration } from './configuration.ts';
import { type Finding, formatPath, type Path } from './problem.ts';
import type { ProviderEntry } from './provider-entry.ts';
import { noteIdlePlaces, type Place } from './publication.ts';
import { MAX_NAME } from './secret-name.ts';
import type { CredentialUse, SecretUse } from './secret-uses.ts';

/** A document that nothing is wrong with: every section parses, every entry is a provider. */
export interface GoodDocument {
  readonly raw: JsonObject;
  readonly places: readonly Place[];
  readonly entries: readonly ProviderEntry[];
  readonly alerts: z.output<AlertsSchema>;
}

export function noteProviders(
  { raw, entries }: GoodDocument,
  { providers, journal }: Configuration,
): readonly Finding[] {
  return entries.flatMap(({ notes, publication }, index) => [
    ...notes,
    // A refresh token that is good for one use is easily lost: worth a word, since nothing else shows it beforehand.
    ...(journal === undefined && providers[index]?.configured.hasChain === true
      ? [{ path: ['providers', index], text: UNPROTECTED_CHAIN }]
      : []),
    ...noteTemplates(['providers', index], raw, publication.authority),
  ]);
}

const UNPROTECTED_CHAIN =
  'there is no journal: a refresh token that the store has not taken yet is lost when the program is killed, ' +
  'and the chain has to start again';

/** Said before the first customer comes that a template cannot serve. */
function noteTemplates(path: Path, raw: JsonObject, place: Place | undefined): readonly Finding[] {
  return ['secret', 'stateSecret'].flatMap((field) => {
    const template = valueAtPath(raw, [...path, field]);
    const text = typeof template === 'string' ? place?.kind.rules.names.noteTemplate(template) : undefined;
    return text === undefined ? [] : [{ path: [...path, field], text }];
  });
}

export function notePlaces(
  { raw, places, entries }: GoodDocument,
  uses: readonly (SecretUse | CredentialUse)[],
): readonly Finding[] {
  const written = uses.filter((use) => use.use !== 'credential');
  const namesIn = Map.groupBy(written, ({ place }) => place);
  const isReadFrom =
    written.length < uses.length || entries.some(({ provider }) => provider?.discovery !== undefined);
  const holder = isReadFrom ? places.find(({ kind }) => kind.rules.holdsCredentials === true) : undefined;
  const used = new Set(
    entries.flatMap(({ publication: { authority, mirrors } }) => [authority ?? [], mirrors].flat()),
  );
  return [
    ...places.flatMap((place) => [
      ...noteBudget(place),
      ...findIdleAdoptions(
        place,
        (namesIn.get(place.name) ?? []).map(({ secret }) => secret),
      ),
    ]),
    ...[...used].flatMap((place) => noteMounts(place, raw['readers'])),
    ...(places.length > 1
      ? noteIdlePlaces(
          places.filter((place) => place !== holder),
          used,
        )
      : []),
  ];
}

function noteBudget({ kind, fields, path }: Place): readonly Finding[] {
  const text = noteGenerousBudget(kind.rules.versions, fields.value.versionBudget);
  return text === undefined ? [] : [{ path: [...path, 'versionBudget'], text }];
}

/** What is mounted into pods is late by itself, which a staleness of 0s that nobody has written does not know. */
function noteMounts({ kind, fields, path }: Place, readers: unknown): readonly Finding[] {
  const { mountedStalenessMs } = kind.rules;
  const isWritten =
    fields.value.staleness !== undefined || (isJsonObject(readers) && readers['staleness'] !== undefined);
  if (mountedStalenessMs === undefined || isWritten) return [];
  const most = formatDuration(mountedStalenessMs);
  const text = `pods that mount what is published here see a change up to ${most} later; write staleness: ${most}, here or under readers, or 0s when no pod mounts it`;
  return [{ path, target: 'key', text }];
}

/** A tag that our own secrets get as well would make a binding of each. */
export function findOwnTagged(
  entries: readonly ProviderEntry[],
  { kind, fields, path: placePath }: Place,
): readonly Finding[] {
  if (kind.rules.holdsCredentials !== true || fields.isInvalid('tags')) return [];
  const { tags = {} } = fields.value;
  return entries.flatMap(({ provider }, index) => {
    const tag = provider?.discovery?.tag;
    if (tag === undefined || !Object.hasOwn(tags, tag.key) || tags[tag.key] !== tag.value) return [];
    const path = ['providers', index, 'customers', 'discover', 'tag'];
    const text = `found ${quote(formatTag(tag))}, which ${formatPath([...placePath, 'tags'])} puts on the secrets of tokens too`;
    return [{ path, text, allowed: 'a tag that bindings alone have' }];
  });
}

const MAX_COMPARISONS = 100_000;

/** A name in `adopt` that nothing is written to is most likely misspelt. */
function findIdleAdoptions({ fields, path }: Place, written: readonly string[]): readonly Finding[] {
  const { adopt = [] } = fields.value;
  const known = new Set(written);
  // Thousands of names compared with thousands take minutes, and so many are no slip of a finger.
  const candidates = adopt.length * written.length > MAX_COMPARISONS ? [] : written;
  return adopt.flatMap((secret, index) => {
    if (known.has(secret)) return [];
    const text = `nothing is written to ${quote(secret, MAX_NAME)}, so there is nothing to adopt`;
    return [{ path: [...path, 'adopt', index], text, suggestion: suggest(secret, candidates) }];
  });
}
