/**
 * A description becomes a kind: checked when the configuration is read, every name known and used, every value legal in
 * its place; a fetch only fills it in.
 */

import type { Credentials } from '../core/credential/credential-reading.ts';
import type { Random } from '../core/ports.ts';
import { type Result, succeed } from '../core/result.ts';
import { compilePath } from './condition.ts';
import { requireCredential } from './credential-value.ts';
import {
  type CompiledDescription,
  type CompiledStep,
  DescribedAttempt,
  REFRESH_TOKEN,
} from './described-attempt.ts';
import type { Description } from './description.ts';
import { compileFailures } from './failure.ts';
import type { Fault, FaultPath } from './faults.ts';
import { Names } from './names.ts';
import type { ShortForm } from './oauth2.ts';
import type { Configured, CredentialFields, PreparedKind, TokenRequest } from './provider.ts';
import { compileRequest } from './request.ts';
import { type Scope } from './scope.ts';
import { compileSuccess, compileTokenReader } from './token-reader.ts';
import { type CompiledValue, type ComputeValue, compileValue } from './values.ts';

export interface CompileInput {
  readonly description: Description;
  /** Texts of options by name. */
  readonly options: ReadonlyMap<string, string>;
  /** Shared by all tokens of the provider. */
  readonly credentials: CredentialFields;
  /** Of each customer; `undefined` without customers; `any`: whatever is named and not among the others. */
  readonly customerCredentials: CredentialFields | 'any' | undefined;
  /** Names that no text uses because the program does. */
  readonly usedElsewhere?: readonly string[];
  readonly documentedLifetimeSeconds: number;
  readonly baseUrl: string | undefined;
  readonly settingsToCheck?: ShortForm['settingsToCheck'] | undefined;
}

/** Forms of values that what they were computed from can be read from. */
const READABLE: ReadonlySet<string> = new Set(['text', 'base64', 'base64url', 'hex', 'sorted', 'jwt']);

export function compile(input: CompileInput): Configured {
  const { description, options, credentials } = input;
  const listed = input.customerCredentials === 'any' ? {} : (input.customerCredentials ?? {});
  const names = new Names(options, { acceptsUnknown: input.customerCredentials === 'any' });
  const { faults, refuse } = names;
  const chain = description.refresh;
  if (chain !== undefined) names.declare(REFRESH_TOKEN, 'refreshToken', ['refresh']);
  if (input.customerCredentials !== undefined) names.declare('customer', 'customer', ['customers']);
  for (const name of Object.keys({ ...credentials, ...listed }))
    if (name !== REFRESH_TOKEN || chain === undefined)
      names.declare(name, 'credential', ['credentials', name]);

  const later = [description.values, ...description.steps.map(({ save }) => save)].flatMap(Object.keys);
  names.announce(later);
  const values = Object.entries(description.values).map(([name, node]) => {
    names.startPart();
    const value = compileValue(name, node, ['values', name], names);
    const isOfChance = 'now' in node || 'random' in node;
    const isReadable = READABLE.has(Object.keys(node)[0] ?? '');
    names.declare(name, 'value', ['values', name]);
    names.noteValue(name, { isReadable, isOfChance });
    return { ...value, isSecret: !isOfChance };
  });

  const rules = {
    allowSecretInUrl: description.allowSecretInUrl,
    hosts: description.hosts,
    hasBaseUrl: input.baseUrl !== undefined,
  };
  const steps = description.steps.map((step, index): CompiledStep => {
    const request = compileRequest(step, ['steps', index], names, rules);
    const success = compileSuccess(step.success, ['steps', index, 'success'], refuse);
    const save = Object.entries(step.save).map(([name, path]) => {
      names.declare(name, 'saved', ['steps', index, 'save', name]);
      return { name, path: compilePath(path) };
    });
    return { request, success, save };
  });
  const base = compileRequest(description.request, ['request'], names, rules);
  const refreshRequest =
    chain?.request === undefined
      ? undefined
      : compileRequest(chain.request, ['refresh', 'request'], names, rules);
  const beginning = [...steps.map(({ request }) => request), base];
  const requests = refreshRequest === undefined ? beginning : [...beginning, refreshRequest];
  // Nothing else begins the chain.
  const needsRefreshToken = beginning.some(({ uses }) => uses.needed.has(REFRESH_TOKEN));
  const isGiven = Object.hasOwn({ ...credentials, ...listed }, REFRESH_TOKEN);
  const seedOfCustomers =
    chain !== undefined && input.customerCredentials === 'any' && !isGiven ? [REFRESH_TOKEN] : [];
  if (chain !== undefined && needsRefreshToken && !isGiven && seedOfCustomers.length === 0)
    refuse(
      ['refresh'],
      'the base request presents a refresh token, and there is none to begin with',
      'refreshToken among the credentials, or { optional: refreshToken } in the base request',
      { needsWhole: true },
    );
  // While a refresh token is held no step is taken.
  const saved = [...(refreshRequest?.uses.used ?? [])].find((name) => names.kindOf(name) === 'saved');
  if (saved !== undefined)
    refuse(
      ['refresh', 'request'],
      `needs ${saved}, which is not there: steps come before the base request alone`,
      'credentials, values and the refresh token',
    );
  if (chain !== undefined && !requests.some(({ uses }) => uses.used.has(REFRESH_TOKEN)))
    refuse(
      ['refresh'],
      'no request presents the refresh token',
      'a request below refresh, or ${refreshToken} in the base request',
      { needsWhole: true },
    );
  if (description.hosts.length > 0 && !requests.some(({ isHostSaved }) => isHostSaved))
    refuse(['hosts'], 'is used nowhere', 'an address whose host a step has saved, or no hosts', {
      target: 'key',
      needsWhole: true,
    });
  reportUnused(input, listed, names);
  const success = compileSuccess(description.success, ['success'], refuse);
  const reader = compileTokenReader(description, input.documentedLifetimeSeconds, refuse);
  const failures = compileFailures(description, refuse);
  if (faults.length > 0) return { ok: false, faults: withoutTwins(faults) };

  const isLeftOut = (name: string): boolean =>
    name === REFRESH_TOKEN && chain !== undefined ? !needsRefreshToken : !names.all.needed.has(name);
  const ofCustomers = input.customerCredentials === 'any' ? [...names.accepted, ...seedOfCustomers] : [];
  const named = { ...listed, ...Object.fromEntries(ofCustomers.map((name) => [name, { description: '' }])) };
  const customerCredentials: CredentialFields = Object.fromEntries(
    Object.entries(named).map(([name, field]) => [
      name,
      isLeftOut(name) ? { ...field, optional: true } : field,
    ]),
  );
  const required = [...Object.entries(credentials), ...Object.entries(customerCredentials)].flatMap(
    ([name, { optional }]) => (optional === true ? [] : [name]),
  );
  const shared: CompiledDescription = {
    steps,
    base,
    refreshRequest,
    requests,
    hasChain: chain !== undefined,
    success,
    reader,
    failures,
    fixedScheme: typeof description.scheme === 'string' ? description.scheme : undefined,
    secretValues: new Set([
      ...values.flatMap(({ name, isSecret }) => (isSecret ? [name] : [])),
      ...steps.flatMap(({ save }) => save.map(({ name }) => name)),
    ]),
    credentialNames: [...new Set(required)],
    settingsToCheck: input.settingsToCheck,
  };
  return {
    ok: true,
    configured: {
      hasChain: chain !== undefined,
      chainFallback:
        chain === undefined || chain.whenRefused === 'needs-human' || needsRefreshToken
          ? 'none'
          : 'start-again',
      reissue: description.reissue,
      notBeforeExpiryMs: description.notBeforeExpiry ?? 0,
      baseUrl: input.baseUrl ?? originOf(description.request.url),
      customerCredentials,
      prepare: (given) => prepare(given, values, shared),
      picture: (baseUrl) => picture(shared, baseUrl),
      explain: (response, nowMs, lifetimeMs) =>
        // Of an answer that was recorded nobody knows what was presented.
        new DescribedAttempt({ ...shared, steps: [] }, new Map(), {
          nowMs,
          lifetimeMs,
          random: NO_CHANCE,
          chain: undefined,
          baseUrl: '',
        }).explain(response),
    },
  };
}

/** Nothing is built with it. */
const NO_CHANCE: Random = { next: () => 0, uuid: () => '' };

function originOf(url: string): string | undefined {
  return URL.parse(url)?.origin;
}

function reportUnused(
  { description, credentials, usedElsewhere = [] }: CompileInput,
  customerCredentials: CredentialFields,
  names: Names,
): void {
  const report = (section: FaultPath, declared: object, instead: string): void => {
    for (const name of Object.keys(declared))
      if (!names.all.used.has(name) && !usedElsewhere.includes(name))
        names.refuse([...section, name], 'is used nowhere', `\${${name}} in a ${instead}`, {
          target: 'key',
          unused: name,
          needsWhole: true,
        });
  };
  report(['values'], description.values, 'text, or no such value');
  report(['credentials'], { ...credentials, ...customerCredentials }, 'text, or no such credential');
  for (const [index, { save }] of description.steps.entries())
    report(['steps', index, 'save'], save, 'later text');
}

function withoutTwins(faults: readonly Fault[]): readonly Fault[] {
  return [...new Map(faults.map((fault) => [JSON.stringify([fault.path, fault.text]), fault])).values()];
}

function prepare(
  credentials: Credentials,
  values: readonly CompiledValue[],
  shared: CompiledDescription,
): Result<PreparedKind> {
  for (const name of shared.credentialNames) {
    const given = requireCredential(credentials, name);
    if (!given.ok) return given;
  }
  const computations: (readonly [string, ComputeValue])[] = [];
  for (const { name, prepare: prepareValue } of values) {
    const prepared = prepareValue(credentials);
    if (!prepared.ok) return prepared;
    computations.push([name, prepared.value]);
  }
  return succeed({
    begin: async (context) => {
      const attempt = new DescribedAttempt(shared, credentials, context);
      const computed = await attempt.compute(computations);
      return computed.ok ? succeed(attempt) : computed;
    },
  });
}

function picture({ requests }: CompiledDescription, baseUrl: string): readonly TokenRequest[] {
  const scope: Scope = { valueOf: (name) => `‹${name}›`, isPresent: () => true, isPicture: true };
  return requests.flatMap((request) => {
    const filled = request.build(scope, baseUrl);
    return filled.ok ? [filled.value] : [];
  });
}
