/**
 * `try NAME`: what a provider's description asks for, and what its rules find in an answer.
 *
 * Guarantee: no credential and no token is shown, whatever is sent or answered. Nothing is written; a refresh token that is
 * good for one use is never presented.
 */
import type { Configuration, ProviderConfiguration } from '../config/configuration.ts';
import { describeReference } from '../core/credential/credential-reference.ts';
import { describeFileError } from '../core/file-error.ts';
import { MAX_BODY_BYTES } from '../core/wire/http-call.ts';
import type { Explained, TokenRequest } from '../providers/provider.ts';
import { connect, readConfigurationFile } from '../wiring/connections.ts';
import { createSystemPorts } from '../wiring/system-ports.ts';
import { type ConfigurationOptions, createCommandPorts, loadOrExplain, refuse } from './configured.ts';
import { parseRecordedAnswer } from './recorded-answer.ts';
import type { ExitCode, Terminal } from './terminal.ts';

export interface TryOptions extends ConfigurationOptions {
  readonly send?: boolean;
  readonly answer?: string;
}

export async function tryProvider(name: string, options: TryOptions, terminal: Terminal): Promise<ExitCode> {
  const loaded = await loadOrExplain(options, terminal, { checksEnv: options.send === true });
  if (loaded === undefined) return 2;
  const { configuration } = loaded;
  const [providerName = name, customer] = name.split('/');
  const provider = configuration.providers.find((each) => each.name === providerName);
  if (provider === undefined) {
    const known = configuration.providers.map((each) => each.name).join(', ');
    return refuse(`no provider ${JSON.stringify(providerName)}; there are ${known}`, options, terminal);
  }
  const requests = provider.configured.picture(provider.baseUrl);
  const report: Report = { provider: provider.name, requests: requests.map(show), answers: [] };
  if (options.answer !== undefined)
    return explainRecorded(provider, options.answer, report, options, terminal);
  if (options.send === true) return send(configuration, provider, customer, report, options, terminal);
  print(report, provider, options, terminal);
  return 0;
}

interface Report {
  readonly provider: string;
  readonly requests: readonly ShownRequest[];
  readonly answers: readonly (readonly Explained[])[];
  readonly failure?: { readonly code: string; readonly message: string };
}

interface ShownRequest {
  readonly call: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

function show({ shown, url, headers, body }: TokenRequest): ShownRequest {
  return { call: shown, query: Object.fromEntries(url.searchParams), headers, body: body && withNames(body) };
}

/** The marks of names, which a form has encoded. */
function withNames(body: string): string {
  return body.replaceAll('%E2%80%B9', '‹').replaceAll('%E2%80%BA', '›');
}

async function explainRecorded(
  provider: ProviderConfiguration,
  path: string,
  report: Report,
  options: TryOptions,
  terminal: Terminal,
): Promise<ExitCode> {
  const { clock, files } = createSystemPorts();
  let bytes: Uint8Array;
  try {
    bytes = await readConfigurationFile(path, MAX_BODY_BYTES, files);
  } catch (error) {
    return refuse(`${path} cannot be read (${describeFileError(error)})`, options, terminal);
  }
  const answer =
    bytes.byteLength > MAX_BODY_BYTES
      ? undefined
      : parseRecordedAnswer(new TextDecoder().decode(bytes), clock.now());
  if (answer === undefined) {
    const message = `${path} is no answer: give the body, or what curl -i prints (HTTP/1.1 200, headers, an empty line, the body), at most 1 MiB`;
    return refuse(message, options, terminal);
  }
  const explained = provider.configured.explain(answer, clock.now(), provider.lifetimeMs);
  const hasToken = explained.some(({ what }) => what === 'lives');
  print({ ...report, answers: [explained] }, provider, options, terminal);
  return hasToken ? 0 : 1;
}

async function send(
  configuration: Configuration,
  provider: ProviderConfiguration,
  customer: string | undefined,
  report: Report,
  options: TryOptions,
  terminal: Terminal,
): Promise<ExitCode> {
  const token = provider.tokens.find(
    ({ identity }) => customer === undefined || identity.customer === customer,
  );
  if (token === undefined) {
    const message = `${provider.name} has no such customer in the configuration; discovered ones cannot be tried`;
    return refuse(message, options, terminal);
  }
  if (provider.configured.hasChain) {
    const message = `${provider.name} was not asked: that would spend its refresh token; use refresh ${token.identity.token}, which saves the next one`;
    return refuse(message, options, terminal);
  }
  const answers: (readonly Explained[])[] = [];
  const stopping = new AbortController();
  void terminal.stopRequest().then((signal) => stopping.abort(new Error(signal)));
  await using connections = connect(configuration, createCommandPorts(terminal));
  const source = connections.createSources(provider, (explained) => answers.push(explained))(token);
  const { result } = await source.fetch(undefined, stopping.signal);
  const failure = result.ok
    ? {}
    : { failure: { code: result.failure.code, message: result.failure.message } };
  print({ ...report, answers, ...failure }, provider, options, terminal);
  return result.ok ? 0 : 1;
}

function print(
  report: Report,
  provider: ProviderConfiguration,
  options: TryOptions,
  terminal: Terminal,
): void {
  if (options.json === true) {
    terminal.out(`${JSON.stringify(report, null, 2)}\n`);
    return;
  }
  for (const { call, query, headers, body } of report.requests) {
    terminal.out(`${call}\n`);
    for (const [name, value] of Object.entries(query)) terminal.out(`  ?${name}=${value}\n`);
    for (const [name, value] of Object.entries(headers)) terminal.out(`  ${name}: ${value}\n`);
    terminal.out(body === undefined ? '\n' : `\n  ${readable(body, headers['content-type'])}\n\n`);
  }
  const places = Object.entries(provider.credentials).map(
    ([name, reference]) => `  ‹${name}› from ${describeReference(reference)}\n`,
  );
  if (places.length > 0) terminal.out(`where\n${places.join('')}`);
  for (const explained of report.answers) {
    terminal.out('\n');
    for (const { what, found } of explained) terminal.out(`${`${what}:`.padEnd(16)} ${found}\n`);
  }
  // Of the last request an explanation says it; of a step, and of one that was not answered, none does.
  const isTold = report.answers.some((explained) => explained.some(({ what }) => what === 'failure'));
  if (report.failure !== undefined && !isTold)
    terminal.out(`\nfailure:         ${report.failure.code}: ${report.failure.message}\n`);
}

/** A form's fields one a line. */
function readable(body: string, type: string | undefined): string {
  if (type !== 'application/x-www-form-urlencoded') return body;
  return body
    .split('&')
    .map((field) => decodeURIComponent(field.replaceAll('+', ' ')))
    .join('\n  &');
}
