/** The sections about providers: what all of them have, customers, the three forms, and the presets. */
import { isDeepStrictEqual } from 'node:util';
import { formatDuration } from '../../src/core/wire/duration.ts';
import { isJsonObject, type JsonObject } from '../../src/core/wire/json.ts';
import type { CredentialFields, KindLibrary, ProviderKind } from '../../src/providers/provider.ts';
import { findPreset } from '../../src/wiring/connections.ts';
import { code, link, sentence, table } from './markdown-text.ts';
import { optionTable } from './option-table.ts';
import type { ReferenceSection } from './reference-section.ts';
import { optionsOf, parseSchemaNode, type SchemaOption } from './schema-node.ts';

/** Their options are the language, which docs/providers.md explains. */
const FORMS = ['oauth2', 'http', 'snap'] as const;

const CUSTOMERS = 'Customers';
const SHIPPED = 'Kinds that ship';
const SHARED = 'Options of every provider';

type Example = (title: string) => string;

/**
 * @param schema of the list of providers, each part where it is used
 * @param example the block with the example of a section, by the section's title
 * @throws when schema and kinds do not fit together
 */
export function providerSections(
  schema: JsonObject,
  path: string,
  kinds: KindLibrary,
  example: Example,
): readonly ReferenceSection[] {
  const forms = readForms(schema, path);
  const names = sharedNames(forms);
  const [first] = forms;
  if (first === undefined) throw new Error(`${path}: no kinds`);
  const shared = names.filter((name) => name !== 'customers').map((name) => readOption(first, name, path));
  return [
    {
      title: SHARED,
      blocks: [
        `Every provider has these options. What else it has follows from its kind: ${FORMS.map((form) => link(code(form), `Kind ${form}`)).join(', ')} for any API, or one of the ${link('presets', SHIPPED)}.`,
        example(SHARED),
        optionTable({ options: shared, path, elsewhere: new Map() }),
      ],
      sections: [],
    },
    ...FORMS.map((name) => formSection(name, findForm(forms, name, path), new Set(names), example)),
    presetSection(kinds, example),
    customersSection(first, path, example),
  ];
}

function readForms(schema: JsonObject, path: string): readonly JsonObject[] {
  const items = isJsonObject(schema['items']) ? schema['items'] : {};
  const forms = items['oneOf'];
  if (!Array.isArray(forms)) throw new Error(`${path}: not a list of kinds`);
  return forms.filter(isJsonObject);
}

function propertiesOf(form: JsonObject): JsonObject {
  return isJsonObject(form['properties']) ? form['properties'] : {};
}

function findForm(forms: readonly JsonObject[], name: string, path: string): JsonObject {
  const found = forms.find((form) => {
    const { kind } = propertiesOf(form);
    return isJsonObject(kind) && kind['const'] === name;
  });
  if (found === undefined) throw new Error(`${path}: no kind ${name}`);
  return found;
}

/** What all kinds have in the same form, and `customers`, whose credentials differ. */
function sharedNames(forms: readonly JsonObject[]): readonly string[] {
  const [first = {}, ...others] = forms.map(propertiesOf);
  return Object.keys(first).filter(
    (name) => name === 'customers' || others.every((other) => isDeepStrictEqual(other[name], first[name])),
  );
}

function readOption(form: JsonObject, name: string, path: string): SchemaOption {
  const required = Array.isArray(form['required']) ? form['required'] : [];
  return {
    name,
    node: parseSchemaNode(propertiesOf(form)[name], `${path}.${name}`),
    isRequired: required.includes(name),
  };
}

function formSection(
  name: string,
  form: JsonObject,
  shared: ReadonlySet<string>,
  example: Example,
): ReferenceSection {
  const required = Array.isArray(form['required']) ? form['required'] : [];
  const rows = Object.entries(propertiesOf(form)).flatMap(([option, schema]) => {
    if (shared.has(option) || option === 'kind') return [];
    const { description, default: usual } = isJsonObject(schema) ? schema : {};
    if (typeof description !== 'string') throw new Error(`Kind ${name}: ${option} has no description`);
    const needed = required.includes(option)
      ? '**required**'
      : usual === undefined
        ? 'optional'
        : code(JSON.stringify(usual));
    return [[code(option), needed, sentence(description)]];
  });
  return {
    title: `Kind ${name}`,
    blocks: [
      `${sentence(describe(form))} [docs/providers.md](providers.md) explains each part, with examples.`,
      example(`Kind ${name}`),
      table(['Option', 'Default', 'Meaning'], rows),
    ],
    sections: [],
  };
}

function describe(form: JsonObject): string {
  const { kind } = propertiesOf(form);
  return isJsonObject(kind) && typeof kind['description'] === 'string' ? kind['description'] : '';
}

/** Everything that ships, one line each. */
function presetSection(kinds: KindLibrary, example: Example): ReferenceSection {
  const rows = kinds.names
    .filter((name) => findPreset(name) !== undefined)
    .map((name) => {
      const preset = findPreset(name);
      const kind = kinds.find(name);
      if (preset === undefined || kind === undefined) throw new Error(`${name} is no preset`);
      const { title, special, lifetime } = preset;
      return [
        code(name),
        sentence(special === undefined ? title : `${title}; ${special}`),
        code(formatDuration(lifetime)),
        credentialsText(kind),
        optionsText(kind, Object.keys(preset.options)),
      ];
    });
  return {
    title: SHIPPED,
    blocks: [
      `Kinds that ship, each a file in [config/presets](../config/presets) with its source. ${code('token-refresher init NAME')} prints one to paste.`,
      example(SHIPPED),
      table(['Kind', 'API', 'Lives', 'Credentials', 'Options'], rows),
    ],
    sections: [],
  };
}

function credentialsText({ credentials, customerCredentials = {} }: ProviderKind): string {
  const own = credentials === 'any' ? {} : credentials;
  const ofCustomers = Object.keys(customerCredentials).map((name) => `${code(name)} of each customer`);
  return [...namesOf(own), ...ofCustomers].join(', ') || 'none';
}

function namesOf(fields: CredentialFields): readonly string[] {
  return Object.entries(fields).map(([name, { optional }]) =>
    optional === true ? `${code(name)} (may be left out)` : code(name),
  );
}

function optionsText({ needsBaseUrl, options }: ProviderKind, own: readonly string[]): string {
  const open = Object.keys(options.shape).filter((name) => !own.includes(name));
  return (
    [...(needsBaseUrl ? [code('baseUrl')] : []), ...own.map(code), ...open.map(code)].join(', ') || 'none'
  );
}

function customersSection(form: JsonObject, path: string, example: Example): ReferenceSection {
  const customers = propertiesOf(form)['customers'];
  const forms: readonly unknown[] =
    isJsonObject(customers) && Array.isArray(customers['anyOf']) ? customers['anyOf'] : [];
  const [list, discovery] = forms.filter(isJsonObject);
  const item = isJsonObject(list?.['items']) ? list['items'] : {};
  // Credentials stand beside these, under names of the kind's own.
  const { additionalProperties: _, ...closed } = item;
  const under = (schema: unknown, prefix: string): readonly SchemaOption[] =>
    optionsOf(parseSchemaNode(schema, `${path}.customers`), `${path}.customers`).map((option) => ({
      ...option,
      name: `${prefix}${option.name}`,
    }));
  const rows = (options: readonly SchemaOption[]): string =>
    optionTable({ options, path, elsewhere: new Map() });
  return {
    title: CUSTOMERS,
    blocks: [
      'A provider has a token for each customer when it has `customers`: a list, or a tag by which they are found. What each of them has of its own (a refresh token, a binding, a client) is a credential in its entry; what all share stands in `credentials`.',
    ],
    sections: [
      {
        title: 'Listed customers',
        blocks: [
          'Beside these options each customer has its credentials, by reference.',
          example('Listed customers'),
          rows(under({ ...closed, additionalProperties: false }, 'customers[].')),
        ],
        sections: [],
      },
      {
        title: 'Discovered customers',
        blocks: [example('Discovered customers'), rows(under(discovery, 'customers.'))],
        sections: [],
      },
    ],
  };
}
