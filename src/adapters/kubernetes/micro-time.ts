/**
 * Kubernetes' MicroTime: RFC 3339 in UTC with exactly six digits of a second; the API server answers 400 to any other
 * number of them (`metav1.MicroTime`, layout `2006-01-02T15:04:05.000000Z07:00`).
 *
 * @param wallMs wall time in milliseconds
 * @param microseconds 0-999, below the milliseconds that our clock knows. A record that is written again must differ
 *   from the one before, also when the wall clock was set back: the server takes equal bytes for no change, and so do
 *   the stand-bys.
 */
export function formatMicroTime(wallMs: number, microseconds: number): string {
  const text = new Date(Math.floor(wallMs)).toISOString();
  return `${text.slice(0, -1)}${String(microseconds % 1000).padStart(3, '0')}Z`;
}
