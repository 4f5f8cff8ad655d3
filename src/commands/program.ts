/** The command line: names, options, help texts and exit codes. */

import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { explainFault } from '../core/fault.ts';
import { VERSION } from '../core/version.ts';
import type { CheckOptions } from './check.ts';
import type { ConfigurationOptions } from './configured.ts';
import type { RunOptions } from './run.ts';
import type { SandboxCommandOptions } from './sandbox.ts';
import type { SchemaName } from './schema.ts';
import type { ExitCode, Terminal } from './terminal.ts';
import type { TryOptions } from './try.ts';

interface Program {
  /** @param args without the names of node and script */
  run(args: readonly string[]): Promise<ExitCode>;
}

const EXIT_CODES = `
Exit codes:
  0  done
  1  something failed at run time, or the command was stopped before it was done; standard error says what
  2  wrong usage or configuration; nothing was started`;

const JSON_OPTION = ['--json', 'print JSON'] as const;

/** Commands are imported when they run: `plan` need not pay for the sandbox. */
export function createProgram(terminal: Terminal): Program {
  let exitCode: ExitCode = 0;
  const program = new Command('token-refresher')
    .description('Keeps the access tokens of any API fresh in AWS Secrets Manager or Kubernetes.')
    .version(VERSION)
    .exitOverride()
    .configureOutput({ writeOut: (text) => terminal.out(text), writeErr: (text) => terminal.err(text) })
    .showHelpAfterError('(--help says more)')
    .addHelpText('after', EXIT_CODES)
    .hook('preAction', async () => {
      const { setUpSchemas } = await import('./zod-settings.ts');
      setUpSchemas();
    });

  const command = (name: string, description: string, examples: readonly string[]): Command =>
    program
      .command(name)
      .description(description)
      .addHelpText(
        'after',
        ['\nExamples:', ...examples.map((each) => `  token-refresher ${each}`)].join('\n'),
      );
  const configured = (...parts: Parameters<typeof command>): Command =>
    command(...parts).option('--config <file>', 'configuration (YAML); or set TOKEN_REFRESHER_CONFIG');
  /** Commands that change nothing, when asked to stop, leave everything as it is, at once. */
  const endOnStop = async (work: Promise<ExitCode>, options: ConfigurationOptions): Promise<void> => {
    const stopped = terminal.stopRequest().then(async (signal) => {
      const { complainOfStop } = await import('./configured.ts');
      return complainOfStop(signal, options, terminal);
    });
    exitCode = await Promise.race([work, stopped]);
  };

  configured('run', 'refresh tokens until SIGTERM or SIGINT: the daemon', [
    'run --config /etc/token-refresher/config.yaml',
    'run --once --config config.yaml',
  ])
    .option('--once', 'refresh what is due and end; exits 1 if anything failed (for a CronJob or a shell)')
    .action(async (options: RunOptions) => {
      const { run } = await import('./run.ts');
      exitCode = await run(options, terminal);
    });

  configured('check', 'check the configuration, without starting anything', [
    'check --config config.yaml',
    'check --live --json --config config.yaml',
  ])
    .option(
      '--live',
      'also read credentials, ask each provider for a token (dropped; not where that would spend a refresh token) and look at the secrets; writes nothing',
    )
    .option(...JSON_OPTION)
    .action(async (options: CheckOptions) => {
      const { check } = await import('./check.ts');
      await endOnStop(check(options, terminal), options);
    });

  configured(
    'plan',
    'show what the configuration means for each token: cadence, cron, margin, writes a day',
    ['plan --config config/example.yaml', 'plan --json --config config.yaml'],
  )
    .option(...JSON_OPTION)
    .action(async (options: ConfigurationOptions) => {
      const { plan } = await import('./plan.ts');
      await endOnStop(plan(options, terminal), options);
    });

  configured('refresh', 'fetch and publish a token now, whether it is due or not', [
    'refresh acme --config config.yaml',
    'refresh acme/ayu --json',
  ])
    .argument('<name>', 'a token (acme, acme/ayu), or a provider for all its tokens')
    .option(...JSON_OPTION)
    .action(async (name: string, options: ConfigurationOptions) => {
      const { refresh } = await import('./refresh.ts');
      exitCode = await refresh(name, options, terminal);
    });

  configured('status', 'show the state of each published token; exits 1 unless all are valid', [
    'status --config config.yaml',
    'status --json --config config.yaml',
  ])
    .option(...JSON_OPTION)
    .action(async (options: ConfigurationOptions) => {
      const { status } = await import('./status.ts');
      await endOnStop(status(options, terminal), options);
    });

  configured('alert-test', 'send a labelled test alert to every sink; exits 1 if any sink rejects it', [
    'alert-test --config config.yaml',
    'alert-test --json',
  ])
    .option(...JSON_OPTION)
    .action(async (options: ConfigurationOptions) => {
      const { alertTest } = await import('./alert-test.ts');
      exitCode = await alertTest(options, terminal);
    });

  configured('try', "show a provider's request, and what its rules find in an answer; never a secret", [
    'try my-api --config config.yaml',
    'try my-api --send',
    'try my-api --answer answer.json',
  ])
    .argument('<name>', 'a provider, or one of its tokens (acme/ayu)')
    .option('--send', 'send it once, and show what each rule found in the answer; the token is dropped')
    .option('--answer <file>', 'read a recorded answer instead: its body, or what curl -i prints')
    .option(...JSON_OPTION)
    .action(async (name: string, options: TryOptions) => {
      const { tryProvider } = await import('./try.ts');
      await endOnStop(tryProvider(name, options, terminal), options);
    });

  command('presets', 'list the APIs that need no description of your own', ['presets', 'presets --json'])
    .option(...JSON_OPTION)
    .action(async (options: { json?: boolean }) => {
      const { presets } = await import('./presets.ts');
      exitCode = presets(options, terminal);
    });

  command('init', 'print a provider to paste into a configuration', ['init paypal', 'init oauth2'])
    .argument('<preset>', 'a preset, or oauth2, http or snap for an API of your own')
    .action(async (name: string) => {
      const { init } = await import('./init.ts');
      exitCode = init(name, terminal);
    });

  command(
    'schema',
    'print the JSON Schema of the configuration, of the document that readers find, or of what a webhook is sent',
    ['schema > config/schema.json', 'schema token-document'],
  )
    .addArgument(
      new Argument('[name]')
        .choices(['configuration', 'token-document', 'alert-notification'])
        .default('configuration'),
    )
    .action(async (name: SchemaName) => {
      const { schema } = await import('./schema.ts');
      exitCode = schema(name, terminal);
    });

  command('sandbox', 'try it: simulated providers, a store and the daemon, all on this machine', [
    'sandbox',
    'sandbox --fault store:throttle@150s+30s',
    'sandbox --store kubernetes',
    'sandbox --upstreams-only --speed 1',
  ])
    .addOption(
      new Option('--speed <factor>', 'divide all lifetimes by this factor').argParser(parseSpeed).default(15),
    )
    .option('--fault <spec>', 'TARGET:FAULT[=VALUE][@START][+DURATION], may be repeated', collect, [])
    .addOption(
      new Option('--store <kind>', 'where tokens are published: Secrets Manager, or Secrets of Kubernetes')
        .choices(['aws', 'kubernetes'])
        .default('aws'),
    )
    .option('--upstreams-only', 'start the APIs and the store, and print how to run the daemon against them')
    .addOption(
      new Option(
        '--version-wall <count>',
        'versions a secret may get in the (shrunken) day; 144 by default',
      ).argParser(parseCount),
    )
    .action(async (options: SandboxCommandOptions) => {
      const { sandbox } = await import('./sandbox.ts');
      exitCode = await sandbox(options, terminal);
    });

  return {
    run: async (args) => {
      try {
        await program.parseAsync(args, { from: 'user' });
        return exitCode;
      } catch (error) {
        // Commander has said what is wrong; help and version end here too, with code 0.
        if (error instanceof CommanderError && error.exitCode === 0) return 0;
        const isUsage = error instanceof CommanderError;
        const message = isUsage ? error.message : explainFault(error);
        if (!isUsage) terminal.err(`${message}\n`);
        if (args.includes('--json')) terminal.out(`${JSON.stringify({ problems: [{ message }] })}\n`);
        return isUsage ? 2 : 1;
      }
    },
  };
}

function parseSpeed(text: string): number {
  const speed = Number(text);
  // Beyond 60 a fifteen-minute token lives less than 15 s, which leaves no time between two ticks of a second.
  if (!(speed >= 1 && speed <= 60)) throw new InvalidArgumentError('Allowed: a number from 1 to 60.');
  return speed;
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!(Number.isInteger(count) && count >= 1))
    throw new InvalidArgumentError('Allowed: a whole number, 1 or more.');
  return count;
}

function collect(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, value];
}
