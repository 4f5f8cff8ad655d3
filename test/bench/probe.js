/**
 * Preloaded into a measured process: answers the bench's questions about memory and CPU.
 * Plain JavaScript, because stripping types would cost the measured process memory and time.
 */
process.on('message', ({ id, question }) => {
  process.send?.({ id, answer: question === 'memory' ? measureMemory() : measureCpu() });
});
// Nobody is left to stop it.
process.on('disconnect', () => process.exit(1));
// The bench keeps no program alive that has ended.
process.channel?.unref();

function measureCpu() {
  const { user, system } = process.cpuUsage();
  return { cpuMs: (user + system) / 1000 };
}

/** After a full collection; twice, because finalizers free more. */
function measureMemory() {
  globalThis.gc?.();
  globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  return { rssBytes: rss, heapUsedBytes: heapUsed };
}
