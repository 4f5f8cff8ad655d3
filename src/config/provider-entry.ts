/** One provider entry, from the plain values in the file to its configuration. */
import { isJsonObject, type JsonObject } from '../core/json.ts';
import type { VersionBudget } from '../core/version-pace.ts';
import type { ConfiguredKind, ProviderKind } from '../providers/provider.ts';
import type { ProviderConfiguration } from './configuration.ts';
import { type ReferenceContext, readCredentialEntries } from './credential-entries.ts';
import type { Finding, Path } from './problem.ts';
import { partialProviderSchema, unknownProviderSchema } from './provider-schema.ts';
import { readTiming } from './provider-timing.ts';
import { salvage } from './salvage.ts';
import type { ConfigSchema } from './schema.ts';
import { describeFound, findInvalid, findMergeKey } from './schema-findings.ts';
import type { FileUse, SecretUse } from './secret-uses.ts';
import { suggest } from './spelling.ts';
import { identify } from './token-configuration.ts';
import { type ProviderFields, readTokenEntries } from './token-entries.ts';

export interface ProviderContext {
  readonly schema: ConfigSchema;
  readonly kinds: readonly ProviderKind[];
  readonly references: ReferenceContext;
  /** `undefined` when it is wrong in the file: what depends on it is left unchecked. */
  readonly stalenessMs: number | undefined;
  /** The store's; `undefined` as above. */
  readonly versionBudget: VersionBudget | undefined;
  /** The store's deadline of one call; `undefined` as above. */
  readonly storeTimeoutMs: number | undefined;
}

export interface ProviderEntry {
  readonly findings: readonly Finding[];
  /** Worth knowing, not wrong. */
  readonly notes: readonly Finding[];
  readonly name: string | undefined;
  readonly uses: readonly (SecretUse | FileUse)[];
  /** `undefined` only when something was found to be wrong. */
  readonly provider: ProviderConfiguration | undefined;
}

export function readProviderEntry(value: unknown, path: Path, context: ProviderContext): ProviderEntry {
  const raw: JsonObject = isJsonObject(value) ? value : {};
  const kind = context.kinds.find((candidate) => candidate.kind === raw['kind']);
  const schema = kind === undefined ? undefined : context.schema.providers.get(kind.kind);
  if (kind === undefined || schema === undefined) return readUnknownKind(value, path, context.kinds);

  const invalid = findInvalid(schema, value, path);
  const fields = salvage(partialProviderSchema, value, invalid, path.length);
  const options = readOptions(kind, raw, invalid, path);
  const credentials = readCredentialEntries(
    kind.credentials,
    raw['credentials'],
    [...path, 'credentials'],
    context.references,
  );
  const tokens = readTokenEntries({
    kind,
    hasChain: options.configured?.hasChain,
    raw,
    fields,
    invalid,
    path,
    references: context.references,
  });
  const timing = readTiming({ kind, raw, fields, path, ...context, tokenCount: tokens.tokens.length });
  const findings = [invalid, options.findings, credentials.findings, tokens.findings, timing.findings].flat();
  const { name } = fields.value;
  const { configured } = options;
  const { settings } = timing;
  return {
    findings,
    notes: timing.notes,
    name,
    uses: [...credentials.uses, ...tokens.uses],
    provider:
      findings.length > 0 || name === undefined || configured === undefined || settings === undefined
        ? undefined
        : {
            name,
            kind,
            configured,
            ...readAddress(kind, fields),
            credentials: credentials.references,
            tokens: tokens.tokens.map((token) => identify(token, name, kind)),
            discovery: tokens.discovery,
            ...settings,
          },
  };
}

function readUnknownKind(value: unknown, path: Path, kinds: readonly ProviderKind[]): ProviderEntry {
  const others = findInvalid(unknownProviderSchema, value, path).map((finding) =>
    // Which names are credentials is not known either, so that none of them can be shown.
    finding.path[path.length] === 'credentials'
      ? { ...finding, shownPath: [...path, 'credentials'] }
      : finding,
  );
  const names = kinds.map(({ kind }) => kind);
  const found = isJsonObject(value) ? value['kind'] : undefined;
  const kindPath = [...path, 'kind'];
  const unknown: Finding = {
    path: kindPath,
    text: describeFound(found, kindPath),
    allowed: names.join(', '),
    suggestion: typeof found === 'string' ? suggest(found, names) : undefined,
  };
  return {
    findings: isJsonObject(value) ? [unknown, ...findMergeKey(value, path), ...others] : others,
    notes: [],
    name: salvage(partialProviderSchema, value, others, path.length).value.name,
    uses: [],
    provider: undefined,
  };
}

interface Options {
  readonly configured: ConfiguredKind | undefined;
  readonly findings: readonly Finding[];
}

function readOptions(kind: ProviderKind, raw: JsonObject, invalid: readonly Finding[], path: Path): Options {
  const keys = Object.keys(kind.options.shape);
  if (invalid.some((finding) => keys.includes(String(finding.path[path.length])))) {
    return { configured: undefined, findings: [] };
  }
  const options = Object.fromEntries(Object.entries(raw).filter(([key]) => keys.includes(key)));
  // Each option is fine by itself; what is left are the kind's rules about several of them together.
  const findings = findInvalid(kind.options, options, path);
  return { configured: findings.length > 0 ? undefined : kind.configure(options), findings };
}

function readAddress(kind: ProviderKind, { value }: ProviderFields): Pick<ProviderConfiguration, 'baseUrl'> {
  const baseUrl = value.baseUrl ?? kind.defaultBaseUrl;
  if (baseUrl === undefined) throw new Error(`kind ${kind.kind}: its schema lets a missing baseUrl pass`);
  return { baseUrl };
}
