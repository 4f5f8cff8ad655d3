/** Turns a JSON line of the log into prose for a terminal. */
export type Prettify = (line: string) => string;

/**
 * Loads pino-pretty, which a daemon that writes JSON never needs. It formats in this thread, line by line: its own stream
 * hands lines on only after the current turn.
 */
export async function loadPrettify({ color }: { readonly color: boolean }): Promise<Prettify> {
  const { prettyFactory } = await import('pino-pretty');
  return prettyFactory({ colorize: color, translateTime: "UTC:HH:MM:ss'Z'", hideObject: true });
}
