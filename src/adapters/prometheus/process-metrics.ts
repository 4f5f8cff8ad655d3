import { performance } from 'node:perf_hooks';
import type { Counter, Gauge } from 'prom-client';
import type { Clock } from '../../core/ports.ts';

interface ProcessMetrics {
  readonly cpu: Counter;
  readonly memory: Gauge;
  readonly start: Gauge;
  readonly utilization: Gauge;
}

/**
 * The few figures about the process that an operator looks at. prom-client's own collection of defaults is all or
 * nothing, samples the event loop a hundred times a second and costs 0.7 % of an idle core; these cost nothing between
 * scrapes. Event-loop delay needs such a sampler; utilization shows a busy loop without one, and a loop that was
 * blocked for long shows in `ticks_missed_total`.
 * @returns reads the process's figures now; called once per scrape
 */
export function measureProcess(metrics: ProcessMetrics, clock: Pick<Clock, 'now'>): () => void {
  const { cpu, memory, start, utilization } = metrics;
  start.set(clock.now() / 1000 - process.uptime());
  let previousCpuSeconds = 0;
  let previousLoop = performance.eventLoopUtilization();

  return () => {
    const { user, system } = process.cpuUsage();
    const cpuSeconds = (user + system) / 1e6;
    cpu.inc(Math.max(0, cpuSeconds - previousCpuSeconds));
    previousCpuSeconds = cpuSeconds;
    memory.set(process.memoryUsage.rss());
    const loop = performance.eventLoopUtilization();
    utilization.set(performance.eventLoopUtilization(loop, previousLoop).utilization);
    previousLoop = loop;
  };
}
