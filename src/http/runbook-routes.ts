/** `/runbook` and `/runbook/NAME`, which are made once. */
import type { FastifyInstance } from 'fastify';
import { type MadeAnswer, sendMade } from './status-routes.ts';

/** What there is to read about alerts and failure codes. */
export interface RunbookSource {
  /** @param name empty: the list of all */
  page(name: string): MadeAnswer;
}

export const RUNBOOK_PATH = '/runbook';
/** One page, whether there is one of that name or not. */
export const RUNBOOK_PAGE = /^\/runbook\/[^/]*$/;

export function addRunbookRoutes(server: FastifyInstance, source: RunbookSource): void {
  server.get(RUNBOOK_PATH, (_request, reply) => sendMade(reply, source.page('')));
  // Its links are relative, and would lead elsewhere from there.
  server.get(`${RUNBOOK_PATH}/`, (_request, reply) => reply.redirect('../runbook', 308));
  server.get<{ Params: { name: string } }>(`${RUNBOOK_PATH}/:name`, ({ params }, reply) =>
    sendMade(reply, source.page(params.name)),
  );
}
