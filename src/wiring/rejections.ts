/** Readers' reports of refused tokens, as a configuration describes it: who may send them, and where a stand-by passes them on. */
import { networkInterfaces } from 'node:os';
import { FileLanes } from '../adapters/files/file-lanes.ts';
import { ApiClient } from '../adapters/kubernetes/api-client.ts';
import { NAMESPACE_FILE } from '../adapters/kubernetes/api-server.ts';
import {
  type TokenReview,
  TokenReviewer,
  type TokenReviewerOptions,
} from '../adapters/kubernetes/token-reviewer.ts';
import { createHttpTransport } from '../adapters/net/http-transport.ts';
import { forwardReport } from '../adapters/net/report-forwarder.ts';
import type { Configuration, RejectionsConfiguration } from '../config/configuration.ts';
import type { Board } from '../core/board.ts';
import { describeReference } from '../core/credential/credential-reference.ts';
import type { RejectionReports } from '../core/rejection/rejection-reports.ts';
import { matchesToken } from '../core/rejection/token-pattern.ts';
import { fail, type Result, succeed } from '../core/result.ts';
import { SecretText } from '../core/secret-text.ts';
import { isBearer } from '../core/wire/bearer-token.ts';
import type { HttpServer } from '../http/guarded-server.ts';
import {
  type Authenticate,
  type Authentication,
  type ReportLeader,
  startRejectionServer,
} from '../http/rejection-routes.ts';
import type { AlertingPorts } from './alerting.ts';
import { type ConnectionPorts, createReferenceReader } from './connections.ts';
import { findApiServer } from './coordination.ts';

export interface RejectionsPorts extends AlertingPorts {
  readonly board: Pick<Board, 'leadership'>;
  readonly onFault: (error: unknown) => void;
}

/** Where reports are taken; its end leaves nothing behind. */
export interface Rejections {
  /** `10.0.0.7:8081`, where other replicas reach it; `undefined` before it listens, and where that is not known. */
  readonly address: string | undefined;
  /** @throws when it cannot listen */
  start(reports: RejectionReports): Promise<void>;
  stop(): Promise<void>;
}

const BEARER_CALLER = 'bearer';
const UNKNOWN_RETRY_MS = 5_000;
/** Whoever sends made-up tokens must not fill the log with them. */
const BUSY_QUIET_MS = 600_000;
const BUSY =
  'too many callers that were not seen before report at once, so some of those are told to try again; callers of the last ' +
  'hour are not affected';

/** Why callers cannot be authenticated with this configuration here; `undefined` when they can. */
export function findRejectionsProblem(
  { rejections, coordination }: Configuration,
  readEnv: ConnectionPorts['readEnv'],
): string | undefined {
  if (rejections === undefined || rejections.allow.length === 0) return undefined;
  if (findApiServer(coordination, readEnv) !== undefined) return undefined;
  return (
    'rejections.allow names service accounts, but this is no pod (KUBERNETES_SERVICE_HOST is not set), so that nothing can ' +
    'confirm their tokens: set coordination.apiServer, or use rejections.bearer'
  );
}

/**
 * Whether the API server answers about the tokens of callers, found by asking about one that is nobody's.
 * @returns what is wrong, for people; `undefined` when nothing is
 */
export async function findReviewProblem(
  rejections: RejectionsConfiguration,
  { coordination }: Configuration,
  ports: Pick<RejectionsPorts, 'clock' | 'readEnv' | 'files'>,
): Promise<string | undefined> {
  const reviews = createReviews(rejections, coordination, ports);
  if (reviews === undefined) return undefined;
  try {
    const review = await reviews.reviewer.review(new SecretText('check'));
    return review.kind === 'unknown' ? review.problem : undefined;
  } finally {
    reviews.close();
  }
}

/**
 * Reads what readers outside of Kubernetes have to send; `undefined`: they cannot report. One for all callers, so that many
 * at once make one read, whatever they send.
 */
export function createBearerReader(
  { bearer }: Pick<RejectionsConfiguration, 'bearer'>,
  ports: Parameters<typeof createReferenceReader>[1],
): ((signal: AbortSignal) => Promise<Result<SecretText>>) | undefined {
  if (bearer === undefined) return undefined;
  const read = createReferenceReader({ [BEARER_CALLER]: bearer }, ports);
  return async (signal) => {
    const { credentials } = await read(signal);
    if (!credentials.ok) return credentials;
    const token = credentials.value.get(BEARER_CALLER);
    if (token !== undefined && isBearer(token)) return succeed(token);
    const message = `credential ${BEARER_CALLER}: ${describeReference(bearer)} holds a space, line break or non-ASCII character, which no caller can send`;
    return fail({ code: 'credentials-rejected', retry: 'needs-human', message });
  };
}

/** `undefined`: no service account may report, or there is no API server. */
function createReviews(
  { allow, audience }: RejectionsConfiguration,
  coordination: Configuration['coordination'],
  { clock, readEnv, files = new FileLanes(clock) }: Pick<RejectionsPorts, 'clock' | 'readEnv' | 'files'>,
  onCall?: TokenReviewerOptions['onCall'],
): { readonly reviewer: TokenReviewer; close(): void } | undefined {
  const apiServer = allow.length === 0 ? undefined : findApiServer(coordination, readEnv);
  if (apiServer === undefined) return undefined;
  const client = new ApiClient({ apiServer, namespace: { file: NAMESPACE_FILE }, clock, files });
  const reviewer = new TokenReviewer({ client, audience, clock, onCall });
  return {
    reviewer,
    close: () => {
      reviewer.close();
      client.close();
    },
  };
}

/** `undefined`: readers cannot report. Listens to nothing yet. */
export function createRejections(
  configuration: Configuration,
  ports: RejectionsPorts,
): Rejections | undefined {
  const { rejections } = configuration;
  if (rejections === undefined) return undefined;
  const { board, clock, readEnv } = ports;
  const callers = createCallers(rejections, configuration, ports);
  const transport = createHttpTransport({ clock, readEnv: undefined });
  let server: HttpServer | undefined;
  const findLeader = (): ReportLeader | undefined => {
    const { other } = board.leadership;
    if (other === undefined || !other.isOurs) return undefined;
    const { name, reach, rejectionsAt } = other;
    if (rejectionsAt === undefined) return { name, reach };
    return { name, reach, pass: (report, signal) => forwardReport(transport, rejectionsAt, report, signal) };
  };
  return {
    get address() {
      const host = server === undefined ? undefined : findOwnAddress(readEnv);
      return host === undefined ? undefined : `${host}:${server?.port}`;
    },
    start: async (reports) => {
      const { authenticate } = callers;
      server = await startRejectionServer({ ...ports, ...rejections, reports, authenticate, findLeader });
    },
    stop: async () => {
      callers.close();
      await server?.stop();
    },
  };
}

interface Callers {
  readonly authenticate: Authenticate;
  close(): void;
}

function createCallers(
  rejections: RejectionsConfiguration,
  { coordination }: Configuration,
  ports: RejectionsPorts,
): Callers {
  const { allow } = rejections;
  const { clock, events, files = new FileLanes(clock) } = ports;
  /** Tells why callers cannot be authenticated, once until that is over; of the bearer token and of reviews apart. */
  const createReport = (): ((problem: string | undefined) => void) => {
    let reported: string | undefined;
    return (problem) => {
      if (problem !== undefined && problem !== reported) events({ event: 'callers-unknown', problem });
      reported = problem;
    };
  };
  const reportBearer = createReport();
  const readBearer = createBearerReader(rejections, { ...ports, files });
  const reviews = createReviews(rejections, coordination, { ...ports, files }, createReport());
  let busyQuietUntilMs = Number.NEGATIVE_INFINITY;
  const reportBusy = (): string => {
    const nowMs = clock.monotonicMs();
    if (nowMs >= busyQuietUntilMs) {
      busyQuietUntilMs = nowMs + BUSY_QUIET_MS;
      events({ event: 'callers-unknown', problem: BUSY });
    }
    return BUSY;
  };

  return {
    authenticate: async (token, signal) => {
      let problem: string | undefined;
      const bearer = await readBearer?.(signal);
      if (bearer !== undefined) {
        if (!bearer.ok) problem = bearer.failure.message;
        reportBearer(problem);
        // Hashes are compared: how much of one is right says nothing of the token.
        if (bearer.ok && bearer.value.fingerprint() === token.fingerprint())
          return { kind: 'caller', name: BEARER_CALLER, mayReport: () => true };
      }
      const review = await reviews?.reviewer.review(token);
      if (review?.kind === 'busy') problem ??= reportBusy();
      else if (review?.kind === 'unknown') problem = review.problem;
      return describe(review, problem, allow);
    },
    close: () => reviews?.close(),
  };
}

function describe(
  review: TokenReview | undefined,
  problem: string | undefined,
  allow: RejectionsConfiguration['allow'],
): Authentication {
  if (review?.kind === 'account') {
    const { account } = review;
    const patterns = allow.flatMap(({ serviceAccount, tokens }) =>
      serviceAccount === account ? tokens : [],
    );
    return {
      kind: 'caller',
      name: account,
      mayReport: (token) => patterns.some((pattern) => matchesToken(pattern, token)),
    };
  }
  if (problem === undefined) return { kind: 'refused' };
  const patienceMs = (review?.kind === 'unknown' ? review.retryAfterMs : undefined) ?? 0;
  return { kind: 'unavailable', retryAfterMs: Math.max(UNKNOWN_RETRY_MS, patienceMs) };
}

const LINK_LOCAL = /^(?:fe80:|169\.254\.)/i;

/** `POD_IP`, else the first address of this machine that others may reach; those of IPv6 in brackets. */
function findOwnAddress(readEnv: ConnectionPorts['readEnv']): string | undefined {
  const own =
    readEnv('POD_IP') ??
    Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .find(({ internal, address }) => !internal && !LINK_LOCAL.test(address))?.address;
  return own?.includes(':') === true ? `[${own}]` : own;
}
