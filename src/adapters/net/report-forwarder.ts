/**
 * Passes a reader's report of a refused token on to the replica that leads.
 *
 * Guarantee: the caller's token goes to the address that the Lease names and nowhere else, over a connection of its own and
 * past all proxies; the call ends with the caller's, and some seconds after the wait that it asked for.
 * Non-guarantee: no TLS, as between readers and replicas.
 */
import { PASSED_ON, type PassedAnswer, type PassedReport } from '../../core/rejection/rejection-reports.ts';
import { HttpFault, type HttpTransport } from '../../core/wire/http-call.ts';

const CONNECT_LIMIT_MS = 2_000;
/** Beyond what the leader waits for the outcome; shorter than readers wait, so that they hear that it does not answer. */
const ANSWER_LIMIT_MS = 4_000;

/**
 * @param address `10.0.0.7:8081`
 * @returns `undefined`: no answer came
 */
export async function forwardReport(
  transport: HttpTransport,
  address: string,
  { path, waitMs, bearer, body }: PassedReport,
  signal: AbortSignal,
): Promise<PassedAnswer | undefined> {
  try {
    const answer = await transport.send(
      {
        method: 'POST',
        // Put together as text: a path such as //host would be resolved to another host.
        url: new URL(`http://${address}${path}`),
        headers: {
          'content-type': 'application/json',
          [PASSED_ON]: '1',
          ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer.reveal()}` }),
        },
        body,
        connectLimitMs: CONNECT_LIMIT_MS,
        answerLimitMs: waitMs + ANSWER_LIMIT_MS,
      },
      signal,
    );
    if ('problem' in answer.body) return undefined;
    const retryAfter = answer.headers.get('retry-after')?.[0];
    return { status: answer.status, retryAfter, body: new TextDecoder().decode(answer.body.bytes) };
  } catch (error) {
    if (error instanceof HttpFault) return undefined;
    throw error;
  }
}
