/** The options of one mapping as a table, those of mappings inside it included. */
import { code, sentence, table } from './markdown-text.ts';
import { kindsOf, type SchemaNode, type SchemaOption } from './schema-node.ts';
import { valueText } from './value-text.ts';

/** Options whose value is described elsewhere: what stands in their row for it, by their path from the document's top. */
export type Elsewhere = ReadonlyMap<string, string>;

export interface OptionTableInput {
  readonly options: readonly SchemaOption[];
  /** Of the mapping, from the document's top, without a dot at its end. */
  readonly path: string;
  readonly elsewhere: Elsewhere;
}

/** @throws for an option without a description, and for kinds that are described nowhere */
export function optionTable({ options, path, elsewhere }: OptionTableInput): string {
  const rows = options.flatMap((option) => optionRows(option, '', path, elsewhere));
  return table(['Option', 'Value', 'Default', 'Meaning'], rows);
}

function optionRows(
  { name, node, isRequired }: SchemaOption,
  prefix: string,
  base: string,
  elsewhere: Elsewhere,
): readonly (readonly string[])[] {
  const own = `${prefix}${name}`;
  const path = `${base}.${own}`;
  if (node.description === undefined) throw new Error(`${path}: no description`);
  const instead = elsewhere.get(path);
  const row = [
    code(own),
    instead ?? valueText(node),
    defaultText(node, isRequired),
    sentence(node.description, choicesOf(node)),
  ];
  return [row, ...(instead === undefined ? innerRows(node, own, base, elsewhere) : [])];
}

function innerRows(
  node: SchemaNode,
  prefix: string,
  base: string,
  elsewhere: Elsewhere,
): readonly (readonly string[])[] {
  if (kindsOf(node) !== undefined) throw new Error(`${base}.${prefix}: its kinds are described nowhere`);
  switch (node.form) {
    case 'mapping':
      return node.options.flatMap((option) => optionRows(option, `${prefix}.`, base, elsewhere));
    case 'list':
      return innerRows(node.item, `${prefix}[]`, base, elsewhere);
    case 'either':
      return node.nodes.flatMap((form) => innerRows(form, prefix, base, elsewhere));
    case 'record':
      return innerRows(node.value, `${prefix}.*`, base, elsewhere);
    case 'reference':
    case 'text':
    case 'choice':
    case 'number':
    case 'switch':
      return [];
  }
}

/** The values that the description may explain one by one. */
function choicesOf(node: SchemaNode): readonly string[] {
  if (node.form === 'choice') return node.values;
  return node.form === 'either' ? node.nodes.flatMap(choicesOf) : [];
}

function defaultText({ defaultValue }: SchemaNode, isRequired: boolean): string {
  if (isRequired) return '**required**';
  if (defaultValue === undefined) return 'optional';
  return code(typeof defaultValue === 'string' ? defaultValue : JSON.stringify(defaultValue));
}
