/** Where readers report refused tokens, and who may: the schema of the section, and what the program makes of it. */
import * as z from 'zod';
import type { CredentialReference } from '../core/credential/credential-reference.ts';
import type { credentialReferenceSchema } from '../core/credential/reference-schema.ts';
import { quote } from '../core/credential/secret-likeness.ts';
import { matchesToken, TOKEN_PATTERN, TOKEN_PATTERN_FORM } from '../core/rejection/token-pattern.ts';
import { secretField } from '../core/sink-kind.ts';
import { suggest } from '../core/spelling.ts';
import { mapping, patternField, shortTextField, wholeNumberField } from '../core/wire/field-schemas.ts';
import type { ProviderConfiguration, RejectionsConfiguration } from './configuration.ts';
import type { Finding } from './problem.ts';

const ACCOUNT_FORM = 'NAMESPACE/NAME of a service account';
const patternsForm = `a list with at least one of: ${TOKEN_PATTERN_FORM}`;

export const rejectionsSchema = mapping({
  host: shortTextField(253, 'an address to listen on')
    .default('::')
    .describe('address to listen on, as http.host; its port is for readers alone'),
  port: wholeNumberField(0, 65_535).default(8081).describe('port to listen on; 0 takes any free one'),
  audience: patternField(/^[\x21-\x7e]+$/, 'printable ASCII characters without spaces, at most 253')
    .max(253, 'printable ASCII characters without spaces, at most 253')
    .default('token-refresher')
    .describe(
      'audience that the projected service-account tokens of readers must have; a token for the API server is refused',
    ),
  allow: z
    .array(
      mapping({
        serviceAccount: patternField(
          /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\/[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/,
          ACCOUNT_FORM,
        ).describe(`${ACCOUNT_FORM}, which Kubernetes confirms with a TokenReview`),
        tokens: z
          .array(patternField(TOKEN_PATTERN, TOKEN_PATTERN_FORM).min(1, TOKEN_PATTERN_FORM), patternsForm)
          .min(1, patternsForm)
          .describe(`tokens that it may report; each ${TOKEN_PATTERN_FORM}`),
      }),
      'a list of service accounts with their tokens',
    )
    .prefault([])
    .describe('service accounts that may report, and which tokens'),
  bearer: secretField(
    'bearer token of readers outside of Kubernetes, which may report every token',
  ).optional(),
}).superRefine(({ allow, bearer }, context) => {
  // It is read for each caller, known or not.
  if (bearer?.awsSecret !== undefined)
    context.addIssue({
      code: 'custom',
      path: ['bearer', 'awsSecret'],
      message: '{ env: NAME } or { file: PATH }, which are read without a call of AWS',
      params: { found: 'found awsSecret' },
    });
  if (allow.length > 0 || bearer !== undefined) return;
  const message = 'allow with at least one service account, or bearer: else nobody may report';
  context.addIssue({ code: 'custom', message, params: { found: 'found neither allow nor bearer' } });
});

/** @param toReference for a reference that the schema has accepted */
export function toRejections(
  { bearer, ...section }: z.output<typeof rejectionsSchema>,
  toReference: (reference: z.output<typeof credentialReferenceSchema>) => CredentialReference,
): RejectionsConfiguration {
  return { ...section, bearer: bearer === undefined ? undefined : toReference(bearer) };
}

/** Two servers of one program at one address: the second one could not start. @param http `undefined` when it is wrong itself */
export function findSharedPort(
  http: { readonly host: string; readonly port: number } | undefined,
  section: unknown,
): readonly Finding[] {
  const rejections = rejectionsSchema.safeParse(section).data;
  if (http === undefined || rejections === undefined) return [];
  const hosts = new Set([http.host, rejections.host]);
  // 0.0.0.0 is every address of IPv4 alone.
  const isShared =
    hosts.size === 1 ||
    hosts.has('::') ||
    (hosts.has('0.0.0.0') && [...hosts].every((host) => !host.includes(':')));
  if (!isShared || http.port === 0 || http.port !== rejections.port) return [];
  const text = `${http.port} is the port of http as well; allowed: another one, which readers alone reach`;
  return [{ path: ['rejections', 'port'], text }];
}

/** Thousands of patterns compared with thousands of names take long, and so many are no slip of a finger. */
const MAX_COMPARISONS = 100_000;

/** A pattern that fits no token is most likely misspelt: its readers would be refused when they need it. */
export function noteIdlePatterns(
  { allow }: Pick<RejectionsConfiguration, 'allow'>,
  providers: readonly Pick<ProviderConfiguration, 'name' | 'tokens' | 'discovery'>[],
): readonly Finding[] {
  const known = new Set(providers.flatMap(({ tokens }) => tokens.map(({ identity }) => identity.token)));
  const discovered = providers.flatMap(({ name, discovery }) =>
    discovery === undefined ? [] : [`${name}/`],
  );
  const count = allow.reduce((sum, { tokens }) => sum + tokens.length, 0);
  const names = count * known.size > MAX_COMPARISONS ? undefined : [...known];
  const fits = (pattern: string): boolean => {
    const [before = '', after] = pattern.split('*', 2);
    const mayBeFound = discovered.some(
      (start) => pattern.startsWith(start) || (after !== undefined && start.startsWith(before)),
    );
    return mayBeFound || known.has(pattern) || names?.some((token) => matchesToken(pattern, token)) !== false;
  };
  return allow.flatMap(({ tokens }, account) =>
    tokens.flatMap((pattern, index) =>
      fits(pattern)
        ? []
        : [
            {
              path: ['rejections', 'allow', account, 'tokens', index],
              text: `no token is called ${quote(pattern)}, so this allows no report`,
              // A provider with customers has no token of its own.
              suggestion: providers.some(({ name }) => name === pattern)
                ? `${pattern}/*`
                : suggest(pattern, names ?? []),
            },
          ],
    ),
  );
}
