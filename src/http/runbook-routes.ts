/** `/runbook` and `/runbook/NAME`, which are made once. */
import type { FastifyInstance, FastifyReply } from 'fastify';

/** What there is to read about alerts and failure codes. */
export interface RunbookSource {
  /** @param name empty: the list of all */
  page(name: string): {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  };
}

export const RUNBOOK_PATH = '/runbook';

export function addRunbookRoutes(server: FastifyInstance, source: RunbookSource): void {
  const send = (reply: FastifyReply, name: string): FastifyReply => {
    const { status, headers, body } = source.page(name);
    return reply.code(status).headers(headers).send(body);
  };
  server.get(RUNBOOK_PATH, (_request, reply) => send(reply, ''));
  server.get<{ Params: { name: string } }>(`${RUNBOOK_PATH}/:name`, ({ params }, reply) =>
    send(reply, params.name),
  );
}
