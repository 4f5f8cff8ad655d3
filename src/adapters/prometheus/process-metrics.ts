import { performance } from 'node:perf_hooks';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Clock } from '../../core/ports.ts';
import { METRIC } from './metric-list.ts';

export interface ProcessMetrics {
  /** Reads the process's figures now; called once per scrape. */
  measure(): void;
}

/**
 * The few figures about the process that an operator looks at. prom-client's own collection of defaults is all or
 * nothing, samples the event loop a hundred times a second and costs 0.7 % of an idle core; these cost nothing between
 * scrapes. Event-loop delay needs such a sampler; utilization shows a busy loop without one, and a loop that was
 * blocked for long shows in `ticks_missed_total`.
 */
export function createProcessMetrics(registry: Registry, clock: Pick<Clock, 'now'>): ProcessMetrics {
  const registers = [registry];
  const cpu = new Counter({ name: METRIC.processCpu.name, help: METRIC.processCpu.help, registers });
  const memory = new Gauge({ name: METRIC.processMemory.name, help: METRIC.processMemory.help, registers });
  const start = new Gauge({ name: METRIC.processStart.name, help: METRIC.processStart.help, registers });
  const utilization = new Gauge({
    name: METRIC.eventLoopUtilization.name,
    help: METRIC.eventLoopUtilization.help,
    registers,
  });

  start.set(clock.now() / 1000 - process.uptime());
  let previousCpuSeconds = 0;
  let previousLoop = performance.eventLoopUtilization();

  return {
    measure: () => {
      const { user, system } = process.cpuUsage();
      const cpuSeconds = (user + system) / 1e6;
      cpu.inc(Math.max(0, cpuSeconds - previousCpuSeconds));
      previousCpuSeconds = cpuSeconds;
      memory.set(process.memoryUsage.rss());
      const loop = performance.eventLoopUtilization();
      utilization.set(performance.eventLoopUtilization(loop, previousLoop).utilization);
      previousLoop = loop;
    },
  };
}
