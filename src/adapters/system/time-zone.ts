/**
 * Puts the process into UTC. Call it before anything else does.
 *
 * node-cron 4.6 cuts milliseconds off with `Date.setMilliseconds`, which works in the zone of the process, whatever the
 * zone of the task: in the hour that a zone with daylight saving repeats, its clock is an hour slow, so that it fires
 * nothing and spins until that hour is over. Nothing else in the program reads local time.
 */
export function leaveLocalTime(): void {
  process.env['TZ'] = 'Etc/UTC';
}
