/**
 * An HTTP server that bounds what its callers may take: requests in size and time, connections and answers in number
 * ({@link guardConnections}). `stop` closes all connections at once, kept ones included.
 */
import { type FastifyInstance, type FastifyReply, fastify } from 'fastify';
import { guardConnections } from './connection-guard.ts';
import { chooseHost, describeListenError, reachableHost } from './listen-address.ts';

/** What one connection may take, and all together. */
export interface HttpLimits {
  /**
   * More than the kernel queues for a server that is busy (511): these are let in all at once when it gets on, and a
   * probe among them must not be closed for those behind it before it was heard. An idle one costs about 10 kB.
   */
  readonly maxConnections: number;
  /** Answers under way; a page or a scrape has up to a few hundred kB. */
  readonly maxAnswers: number;
  /** For a whole request: from the connection or, on a kept one, its first byte to its last. */
  readonly requestTimeoutMs: number;
  /** Node looks every so often whether a request is late; its default of 30 s would make 5 s up to 35 s. */
  readonly lookEveryMs: number;
  /** An answer of which nothing is taken for so long is given up. */
  readonly stalledMs: number;
}

export interface HttpServer {
  /** Where this machine reaches the server, without a slash at the end: `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly port: number;
  /** Closes the port and every connection. May be called again. */
  stop(): Promise<void>;
}

/** Prometheus scrapes every 15 to 60 s over a kept connection. */
const KEEP_ALIVE_MS = 65_000;
const MAX_HEADER_BYTES = 8_192;
const MAX_BODY_BYTES = 1_024;

/** Instead of the framework's own compilers, which a start would load in vain: no route has a schema. */
function refuseSchema(): never {
  throw new Error('a route has a schema, and there is nothing that compiles it');
}

export function createGuardedServer(limits: HttpLimits): FastifyInstance {
  const server = fastify({
    logger: false,
    requestTimeout: limits.requestTimeoutMs,
    connectionTimeout: limits.stalledMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    bodyLimit: MAX_BODY_BYTES,
    // A long name is one that is not known; the router's own refusal would repeat it.
    routerOptions: { maxParamLength: MAX_HEADER_BYTES },
    forceCloseConnections: true,
    schemaController: { compilersFactory: { buildValidator: refuseSchema, buildSerializer: refuseSchema } },
    // The framework's own text repeats the path.
    frameworkErrors: (_error, _request, reply: FastifyReply) => {
      void reply
        .code(400)
        .send({ error: 'the path is not valid: % must be followed by two hexadecimal digits of UTF-8' });
    },
    http: {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: limits.requestTimeoutMs,
      connectionsCheckingInterval: limits.lookEveryMs,
    },
  });
  const admit = guardConnections(server.server, limits);
  server.addHook('onRequest', async (request, reply) =>
    admit(request.raw, reply.raw) ? undefined : reply.hijack(),
  );
  return server;
}

/**
 * @param section of the configuration, for messages
 * @throws Error with a message for people when it cannot listen: port in use or not allowed, host not ours
 */
export async function listenOn(
  server: FastifyInstance,
  { host, port }: { readonly host: string; readonly port: number },
  section: string,
): Promise<HttpServer> {
  try {
    await server.listen({ host: await chooseHost(host), port });
  } catch (error) {
    await server.close();
    throw new Error(describeListenError(error, host, port, section), { cause: error });
  }
  const address = server.server.address();
  const actualPort = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `http://${reachableHost(host)}:${actualPort}`,
    port: actualPort,
    stop: async () => {
      await server.close();
    },
  };
}
