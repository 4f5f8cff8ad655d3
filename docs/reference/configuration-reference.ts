/**
 * The configuration reference, from the JSON Schema of the configuration and the kinds.
 *
 * Guarantee: every option of the schema is in it, with its value, default and meaning; what cannot be shown throws.
 * Non-guarantee: rules about several values together are in the schema's descriptions, or only in the program.
 */
import { z } from 'zod';
import { credentialReferenceSchema } from '../../src/core/credential/reference-schema.ts';
import { isJsonObject, type JsonObject } from '../../src/core/wire/json.ts';
import type { KindLibrary } from '../../src/providers/provider.ts';
import { link, sentence, table } from './markdown-text.ts';
import { optionTable } from './option-table.ts';
import { providerSections } from './provider-sections.ts';
import { type ReferenceSection, tableOfContents, writeSections } from './reference-section.ts';
import { kindsOf, optionsOf, parseSchemaNode, type SchemaNode, type SchemaOption } from './schema-node.ts';
import { listText, REFERENCES, SHARED_FORMS } from './value-text.ts';

export interface ReferenceInput {
  /** Each part where it is used. */
  readonly schema: unknown;
  readonly kinds: KindLibrary;
  /** YAML by the title of its section: exactly one for each section with options. */
  readonly examples: Readonly<Record<string, string>>;
}

const ROOT = 'configuration';

const INTRODUCTION = `<!-- Made by \`npm run --silent reference > docs/configuration.md\`. Do not edit: change the descriptions in src. -->

Every option of the configuration file. This page is made by \`npm run --silent reference > docs/configuration.md\` from
[config/schema.json](../config/schema.json) and the kinds that ship, and a test fails when it is out of date.

The file is YAML, checked strictly: an unknown option is an error, and so is a schedule that cannot work.
\`token-refresher check --config FILE\` says what is wrong, with line and column, and \`token-refresher plan --config FILE\`
when each token will be refreshed. [config/example.yaml](../config/example.yaml) shows all options in one file.

In the tables, **required** means within its mapping, when that is there; **optional** options have no default. \`a.b\` is
\`b\` in the mapping \`a\`, \`a[].b\` is \`b\` in each entry of the list \`a\`. The examples are parts of one file, which
is complete with at least one provider.`;

/** The whole document. @throws for what it could not show, naming the option or the section */
export function configurationReference({ schema, kinds, examples }: ReferenceInput): string {
  const { providers, presets, document } = takeProviders(schema);
  const options = optionsOf(parseSchemaNode(withoutIdentity(document), ROOT), ROOT);
  const used = new Set<string>();
  const example = (title: string): string => {
    const text = examples[title];
    if (text === undefined) throw new Error(`the section ${title} has no example`);
    used.add(title);
    return `\`\`\`yaml\n${text.trim()}\n\`\`\``;
  };
  const sections: readonly ReferenceSection[] = [
    topLevel(options, { presets, providers }, example),
    valuesSection(example),
    ...options.map((option) => blockSection(option, example)),
    {
      title: 'presets',
      blocks: [sentence(describeRaw('presets', presets)), example('presets')],
      sections: [],
    },
    {
      title: 'providers',
      blocks: [`${sentence(describeRaw('providers', providers))} A list of at least one.`],
      sections: providerSections(providers, `${ROOT}.providers`, kinds, example),
    },
  ];
  const idle = Object.keys(examples).filter((title) => !used.has(title));
  if (idle.length > 0) throw new Error(`examples of no section: ${idle.join(', ')}`);
  const parts = [
    '# Configuration reference',
    INTRODUCTION,
    tableOfContents(sections),
    ...writeSections(sections, 2),
  ];
  return `${parts.join('\n\n')}\n`;
}

interface TakenDocument {
  readonly providers: JsonObject;
  readonly presets: JsonObject;
  /** Without them. */
  readonly document: unknown;
}

/** What the generic tables cannot show: they are written in a language of their own. */
function takeProviders(schema: unknown): TakenDocument {
  const whole = isJsonObject(schema) ? schema : {};
  const properties = isJsonObject(whole['properties']) ? whole['properties'] : {};
  const { providers, presets, ...others } = properties;
  if (!isJsonObject(providers) || !isJsonObject(presets)) throw new Error(`${ROOT}: no providers or presets`);
  return { providers, presets, document: { ...whole, properties: others, required: [] } };
}

function describeRaw(name: string, { description }: JsonObject): string {
  if (typeof description !== 'string') throw new Error(`${ROOT}.${name}: no description`);
  return description;
}

function withoutIdentity(schema: unknown): unknown {
  if (!isJsonObject(schema)) return schema;
  const names = new Set(['$schema', '$id', 'title']);
  return Object.fromEntries(Object.entries(schema).filter(([keyword]) => !names.has(keyword)));
}

function topLevel(
  options: readonly SchemaOption[],
  { presets, providers }: Omit<TakenDocument, 'document'>,
  example: (title: string) => string,
): ReferenceSection {
  const rows = options.map(({ name, node, isRequired }) => [
    link(`\`${name}\``, name),
    isRequired ? '**required**' : 'optional',
    sentence(describe(name, node)),
  ]);
  rows.push(
    [link('`presets`', 'presets'), 'optional', sentence(describeRaw('presets', presets))],
    [link('`providers`', 'providers'), '**required**', sentence(describeRaw('providers', providers))],
  );
  const title = 'Top level';
  return { title, blocks: [table(['Block', 'Needed', 'Meaning'], rows), example(title)], sections: [] };
}

function describe(name: string, { description }: SchemaNode): string {
  if (description === undefined) throw new Error(`${ROOT}.${name}: no description`);
  return description;
}

function valuesSection(example: (title: string) => string): ReferenceSection {
  const reference = z.toJSONSchema(z.strictObject(credentialReferenceSchema.shape), { io: 'input' });
  const options = optionsOf(parseSchemaNode(withoutIdentity(reference), 'reference'), 'reference');
  return {
    title: 'Values',
    blocks: ['What the tables below link to.'],
    sections: [
      ...SHARED_FORMS.map(({ title, words, note }) => ({
        title,
        blocks: [`${sentence(words)} ${note}`],
        sections: [],
      })),
      {
        title: REFERENCES,
        blocks: [
          'A credential never stands in the file, only where it is: exactly one of `env`, `file` and `awsSecret`. One newline ' +
            'at its end and a byte order mark are dropped; white space or quotes around it, a NUL, and a whole JSON object ' +
            'where `key` is missing are refused, by name.',
          example(REFERENCES),
          optionTable({ options, path: 'reference', elsewhere: new Map() }),
        ],
        sections: [],
      },
    ],
  };
}

/** One block of the top level, with a section inside for each kind of what has kinds. */
function blockSection(option: SchemaOption, example: (title: string) => string): ReferenceSection {
  const { name, node } = option;
  const path = `${ROOT}.${name}`;
  const introduction = sentence(describe(name, node));
  if (kindsOf(node) !== undefined) {
    return { title: name, blocks: [introduction], sections: kindSections(name, node, path, example) };
  }
  if (node.form === 'record') {
    const written = 'Each place is written as [`store`](#store) is; `kind` is **required** here.';
    return { title: name, blocks: [introduction, example(name), written], sections: [] };
  }
  const options = optionsOf(node, path);
  const lists = options.flatMap(({ name: inner, node: list }) =>
    list.form === 'list' && kindsOf(list.item) !== undefined
      ? [
          {
            path: `${path}.${inner}`,
            text: listText(list),
            sections: kindSections(inner, list.item, `${path}.${inner}`, example),
          },
        ]
      : [],
  );
  const elsewhere = new Map(
    lists.map((list) => [
      list.path,
      `${list.text}, each one of ${list.sections.map(({ title }) => link(title, title)).join(', ')}`,
    ]),
  );
  return {
    title: name,
    blocks: [introduction, example(name), optionTable({ options, path, elsewhere })],
    sections: lists.flatMap(({ sections }) => sections),
  };
}

function kindSections(
  name: string,
  node: SchemaNode,
  path: string,
  example: (title: string) => string,
): readonly ReferenceSection[] {
  // "Sink slack" of `sinks`.
  const noun = `${name.charAt(0).toUpperCase()}${name.slice(1).replace(/s$/, '')}`;
  return [...(kindsOf(node) ?? [])].map(([kind, options]) => {
    const title = `${noun} ${kind}`;
    return {
      title,
      blocks: [example(title), optionTable({ options, path, elsewhere: new Map() })],
      sections: [],
    };
  });
}
