/** `alert-test`: a labelled test alert to every sink, so that the first real one is not the first of all. */
import { sendTestAlerts, type TestResult } from '../wiring/alerting.ts';
import { connect } from '../wiring/connections.ts';
import { type ConfigurationOptions, createCommandPorts, loadOrExplain, refuse } from './configured.ts';
import type { ExitCode, Terminal } from './terminal.ts';

export async function alertTest(options: ConfigurationOptions, terminal: Terminal): Promise<ExitCode> {
  // Only what is told about has to be there: a machine that may page people need not hold the providers' credentials.
  const loaded = await loadOrExplain(options, terminal, { checksEnv: false });
  if (loaded === undefined) return 2;
  const { configuration, path } = loaded;
  if (configuration.alerts.sinks.length === 0) {
    const message = `${path}: no alert sinks configured (alerts.sinks is empty); nothing was sent`;
    return refuse(message, { ...options, config: path }, terminal);
  }
  const stopping = new AbortController();
  void terminal.stopRequest().then((signal) => stopping.abort(new Error(signal)));
  const ports = createCommandPorts(terminal);
  await using connections = connect(configuration, ports);
  const { credentials: store } = connections;
  const results = await sendTestAlerts(configuration, { ...ports, store }, stopping.signal);
  terminal.out(
    options.json === true ? `${JSON.stringify(results.map(describe))}\n` : results.map(tell).join(''),
  );
  return results.every(({ result }) => result.ok) ? 0 : 1;
}

function describe({ sink, result }: TestResult) {
  return result.ok
    ? { sink, ok: true }
    : { sink, ok: false, code: result.failure.code, message: result.failure.message };
}

function tell({ sink, result }: TestResult): string {
  return result.ok
    ? `ok    ${sink}: took the test alert\n`
    : `FAIL  ${sink}: ${result.failure.code}: ${result.failure.message}\n`;
}
