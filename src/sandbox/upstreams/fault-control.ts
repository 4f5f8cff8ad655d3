import { isJsonObject, parseJson } from '../../core/wire/json.ts';
import type { FaultSchedule } from '../fault-schedule.ts';
import { parseFault } from '../fault-syntax.ts';

export const FAULT_CONTROL_PATH = '/_sandbox/faults';

export interface ControlRequest {
  readonly method: string;
  readonly contentType: string | undefined;
  readonly body: string;
}

/**
 * The control endpoint, for people and scripts: `GET` lists the faults, `POST {"fault": "pivot:503+90s"}` adds one
 * whose window begins now, `DELETE` removes all.
 */
export function controlFaults(
  request: ControlRequest,
  schedule: FaultSchedule,
  providers: readonly string[],
): { readonly status: number; readonly body: string } {
  switch (request.method) {
    case 'GET':
      return answer(200, { faults: schedule.list() });
    case 'DELETE':
      schedule.clear();
      return answer(200, { faults: [] });
    case 'POST': {
      // A page in a browser can post anything to loopback except JSON, for which the browser would ask first.
      if (request.contentType?.split(';')[0]?.trim().toLowerCase() !== 'application/json') {
        return answer(415, { error: 'send content-type: application/json' });
      }
      const body = parseJson(request.body);
      if (!isJsonObject(body) || typeof body['fault'] !== 'string' || Object.keys(body).length !== 1) {
        return answer(400, { error: 'expected {"fault": "TARGET:FAULT[=VALUE][@START][+DURATION]"}' });
      }
      const parsed = parseFault(body['fault'], providers);
      if (!parsed.ok) return answer(400, { error: parsed.message });
      schedule.add(parsed.fault);
      return answer(201, { faults: schedule.list() });
    }
    default:
      return answer(405, { error: 'GET, POST or DELETE' });
  }
}

function answer(status: number, body: object) {
  return { status, body: JSON.stringify(body) };
}
