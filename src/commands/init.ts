/** `init PRESET`: a provider to paste into a configuration, with what has to be filled in. */

import { decideCadence } from '../core/schedule/cadence.ts';
import { suggest } from '../core/spelling.ts';
import { formatDuration } from '../core/wire/duration.ts';
import type { ProviderKind } from '../providers/provider.ts';
import { CATALOG } from '../wiring/catalog.ts';
import { findPreset, KINDS, listPresets } from '../wiring/connections.ts';
import type { ExitCode, Terminal } from './terminal.ts';

/** Entries of the forms, for APIs without a preset. */
const FORM_ENTRIES: Readonly<Record<string, string>> = {
  oauth2: `- name: my-api
  kind: oauth2
  tokenUrl: https://login.example.com/oauth2/token
  grant: client_credentials            # or refresh_token, jwt-bearer
  auth: client_secret_basic            # or client_secret_post, client_secret_jwt, private_key_jwt, tls_client_auth, none
  # scope: [read, write]
  credentials:
    clientId: { env: MY_API_CLIENT_ID }
    clientSecret: { env: MY_API_CLIENT_SECRET }
  secret: tokens/my-api
`,
  http: `- name: my-api
  kind: http
  credentials:
    user: { env: MY_API_USER }
    password: { env: MY_API_PASSWORD }
  request:
    method: POST                       # or GET, PUT
    url: https://api.example.com/login
    body: { json: { user: "\${user}", password: "\${password}" } }   # or form, text, none
  token: { path: data.token }          # or header, cookie, body: text
  expiry: [{ path: data.expires_in, as: seconds }]
  # success: { all: [{ path: code, saysSuccess: true }] }
  # errors: [{ when: { path: code, is: E401 }, code: credentials-rejected }]
  secret: tokens/my-api
`,
  snap: `- name: my-bank
  kind: snap
  baseUrl: https://api.bank.example
  # flow: b2b2c                        # a token for each customer
  # path: /openapi/v1.0/access-token/b2b
  # timestampFormat: jakarta-seconds
  credentials:
    clientId: { env: MY_BANK_CLIENT_ID }
    privateKey: { file: my-bank/private-key.pem }
  secret: tokens/my-bank
`,
};

/** Of the store that a configuration has where it names none. */
const STORE_RULES = CATALOG.stores[0].rules;

export function init(name: string, terminal: Terminal): ExitCode {
  const form = Object.hasOwn(FORM_ENTRIES, name) ? FORM_ENTRIES[name] : undefined;
  const kind = KINDS.find(name);
  if (form === undefined && (kind === undefined || findPreset(name) === undefined)) {
    const names = [...Object.keys(FORM_ENTRIES), ...listPresets()];
    const nearest = suggest(name, names);
    terminal.err(
      nearest === undefined
        ? `no preset ${JSON.stringify(name)}; there are ${names.join(', ')}\n`
        : `no preset ${JSON.stringify(name)}; did you mean ${JSON.stringify(nearest)}? (presets lists them all)\n`,
    );
    return 2;
  }
  const entry = form ?? (kind === undefined ? '' : presetEntry(name, kind));
  terminal.out(indented(`# Below providers: in the configuration.\n${entry}`));
  terminal.err(
    'fill in what is marked, then: token-refresher check, and token-refresher try NAME to see the request\n',
  );
  return 0;
}

function presetEntry(name: string, kind: ProviderKind): string {
  const preset = findPreset(name);
  if (preset === undefined) throw new Error(`${name} is a preset`);
  const { title, special, source, checked, fromMemory, options } = preset;
  const prefix = name.replaceAll('-', '_').toUpperCase();
  const comments = [
    title,
    ...(special === undefined ? [] : [special]),
    `Source: ${source} (${checked})`,
    ...fromMemory.map((what) => `From memory, not from that page: ${what}`),
    `A token lives ${formatDuration(preset.lifetime)} as documented; its real expiry counts.`,
  ];
  const hasCustomers = kind.customerCredentials !== undefined;
  const own = kind.credentials === 'any' ? {} : kind.credentials;
  const lines = [
    ...comments.map((comment) => `# ${comment}`),
    `- name: ${name}`,
    `  kind: ${name}`,
    ...(kind.needsBaseUrl ? ['  baseUrl: https://FILL-IN             # address of the API'] : []),
    // One that is made of options is nothing to change.
    ...(kind.defaultBaseUrl === undefined ? [] : [`  # baseUrl: ${kind.defaultBaseUrl}`]),
    ...Object.entries(options).map(([option, { description, default: usual, values }]) => {
      const choices = values === undefined ? '' : ` (${values.join(', ')})`;
      return usual === undefined
        ? `  ${option}: FILL-IN             # ${description}${choices}`
        : `  # ${option}: ${JSON.stringify(usual)}             # ${description}${choices}`;
    }),
    ...(Object.keys(own).length === 0 ? [] : ['  credentials:']),
    ...Object.entries(own).map(
      ([credential, { description, optional }]) =>
        `    ${optional === true ? '# ' : ''}${credential}: ${placeOf(credential, name, prefix)}   # ${description}`,
    ),
    ...(isWrittenOften(preset.lifetime)
      ? [
          '  versionBudget: FILL-IN             # none: this life means more writes a day than one secret of AWS allows for long',
        ]
      : []),
    ...(hasCustomers ? customerLines(name, prefix, kind) : [`  secret: ${secretOf(name)}`]),
  ];
  return `${lines.join('\n')}\n`;
}

/** A name that a secret may have. */
function secretOf(name: string): string {
  return STORE_RULES.names.pattern.test(`tokens/${name}`) ? `tokens/${name}` : `tokens/${name}/token`;
}

function customerLines(
  name: string,
  prefix: string,
  { customerCredentials = {} }: ProviderKind,
): readonly string[] {
  return [
    `  secret: tokens/${name}/{customer}`,
    '  customers:',
    '    - name: first-customer             # name of your own choice; takes the place of {customer}',
    ...Object.entries(customerCredentials).map(
      ([credential, { description }]) =>
        `      ${credential}: ${placeOf(credential, name, prefix)}   # ${description}`,
    ),
  ];
}

/** Of several lines: better kept in files than in variables. */
const PEM_FILES: Readonly<Record<string, string>> = {
  privateKey: 'private-key.pem',
  certificate: 'certificate.pem',
};

function placeOf(credential: string, name: string, prefix: string): string {
  const file = PEM_FILES[credential];
  return file === undefined ? `{ env: ${prefix}_${upper(credential)} }` : `{ file: ${name}/${file} }`;
}

/** Whether `check` refuses the lifetime without a budget that says that it is known. */
function isWrittenOften(lifetimeMs: number): boolean {
  const { refreshEveryMs } = decideCadence(lifetimeMs, {
    refreshAfter: undefined,
    stalenessMs: 0,
    minIntervalMs: 0,
  });
  const { versions } = STORE_RULES;
  return versions !== undefined && refreshEveryMs < versions.sustainedEveryMs;
}

/** As entries stand in a list that others are in already. */
function indented(block: string): string {
  return block.replaceAll(/^(?=.)/gm, '  ');
}

/** `clientSecret` -> `CLIENT_SECRET`. */
function upper(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase();
}
