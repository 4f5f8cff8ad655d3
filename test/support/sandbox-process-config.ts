import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isMap, isSeq, parseDocument } from 'yaml';

/** How a copy differs from the sandbox's own configuration. Paths are dotted: `log.level`, `credentials.appId`. */
export interface ConfigChanges {
  /** Texts to put in the place of others, wherever they stand. */
  readonly replace?: Readonly<Record<string, string>>;
  /** Names of the providers to keep; all by default. */
  readonly only?: readonly string[];
  /** Values of the file; `undefined` takes one out. */
  readonly set?: Readonly<Record<string, unknown>>;
  /** Values of every provider that is kept. */
  readonly setProviders?: Readonly<Record<string, unknown>>;
  /** Values of single providers, by their names. */
  readonly setProvider?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** Writes a changed copy beside the sandbox's configuration, where the credential files are. @returns its path */
export async function copySandboxConfig(
  configPath: string,
  name: string,
  { replace = {}, only, set = {}, setProviders = {}, setProvider = {} }: ConfigChanges,
): Promise<string> {
  let text = await readFile(configPath, 'utf8');
  for (const [found, instead] of Object.entries(replace)) text = text.replaceAll(found, instead);
  const document = parseDocument(text);
  for (const [path, value] of Object.entries(set)) {
    if (value === undefined) document.deleteIn(path.split('.'));
    else document.setIn(path.split('.'), value);
  }
  const providers = document.get('providers');
  if (!isSeq(providers)) throw new Error('the configuration has no list of providers');
  providers.items = providers.items.filter(
    (provider) =>
      only === undefined || (isMap(provider) && only.some((each) => provider.get('name') === each)),
  );
  for (const provider of providers.items) {
    if (!isMap(provider)) throw new Error('a provider is no mapping');
    const values = { ...setProviders, ...setProvider[String(provider.get('name'))] };
    for (const [path, value] of Object.entries(values)) provider.setIn(path.split('.'), value);
  }
  const copy = join(dirname(configPath), name);
  await writeFile(copy, document.toString());
  return copy;
}
