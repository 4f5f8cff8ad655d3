/**
 * What the environment and the flags of Node.js make of a process that holds secrets.
 *
 * Guarantee: with `NODE_DEBUG` or `NODE_DEBUG_NATIVE` nothing is started, because Node then prints requests, and with them
 * the URLs and keys that they are made of, to standard error; it reads them before any code of ours runs, so they cannot
 * be ignored. `NODE_TLS_REJECT_UNAUTHORIZED=0` is taken away: credentials go to nobody whose certificate is not good.
 * Non-guarantee: whoever may change the environment or the flags of this process may read its secrets in other ways too.
 * What such flags open is said and not prevented.
 */

export interface ProcessSafety {
  /** Why nothing may be started; `undefined`: nothing is in the way. */
  readonly refusal: string | undefined;
  /** What to change, for people. */
  readonly warnings: readonly string[];
}

const PRINTS_SECRETS = ['NODE_DEBUG', 'NODE_DEBUG_NATIVE'] as const;
const SKIPS_VERIFICATION = 'NODE_TLS_REJECT_UNAUTHORIZED';

/** Flags whose effect is that secrets can be read from outside, or lie in a file afterwards. */
const OPENING_FLAGS: readonly { readonly flag: RegExp; readonly effect: string }[] = [
  { flag: /^--inspect(?!-port)/, effect: 'opens a debugger, which reads tokens and credentials from memory' },
  { flag: /^--heapsnapshot-/, effect: 'writes memory, tokens and credentials included, to a file' },
  {
    flag: /^--(?:report-(?:on|uncaught)|experimental-report)/,
    effect: 'writes the environment, credentials included, to a file',
  },
  { flag: /^--(?:tls-keylog|trace-tls)/, effect: 'makes TLS connections readable' },
  {
    flag: /^--abort-on-uncaught-exception/,
    effect: 'leaves memory, tokens and credentials included, in a core dump',
  },
];

/**
 * Takes {@link SKIPS_VERIFICATION} out of `env`, which Node asks at each connection.
 * @param env the environment of this very process
 * @param execArgv flags of Node.js on the command line
 */
export function secureProcess(
  env: Record<string, string | undefined>,
  execArgv: readonly string[],
): ProcessSafety {
  const printing = PRINTS_SECRETS.find((name) => (env[name] ?? '') !== '');
  const warnings: string[] = [];
  if (env[SKIPS_VERIFICATION] === '0')
    warnings.push(
      `${SKIPS_VERIFICATION}=0 is ignored: certificates are always verified; name the issuer of a private one by NODE_EXTRA_CA_CERTS`,
    );
  delete env[SKIPS_VERIFICATION];
  const flags = [...execArgv, ...(env['NODE_OPTIONS'] ?? '').split(/\s+/)];
  for (const { flag, effect } of OPENING_FLAGS) {
    const found = flags.find((each) => flag.test(each));
    // What follows the name may be a path of a file that nobody but its owner needs to know.
    if (found !== undefined)
      warnings.push(`the Node.js flag ${found.split('=', 1)[0]} ${effect}: not for production`);
  }
  const refusal =
    printing === undefined
      ? undefined
      : `${printing} is set: Node.js would print URLs and keys to standard error; unset it, nothing was started`;
  return { refusal, warnings };
}
