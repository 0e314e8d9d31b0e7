import { globSync } from 'node:fs';
import { join } from 'node:path';
import { register } from 'prom-client';
import { exportGauges } from '../../services/gateway/gauges.ts';
import { REPOSITORY } from '../stack/environment.ts';

/** A metric as the code registers it. */
export interface Metric {
  name: string;
  type: string;
  labels: string[];
}

/** Every metric of ours: all metrics files are loaded, and Prometheus' own register tells what they made. */
export async function metrics(): Promise<Metric[]> {
  for (const file of globSync('{libs,services}/**/metrics.ts', { cwd: REPOSITORY }))
    await import(join(REPOSITORY, file));
  exportGauges({ sessions: new Map(), connections: new Set(), authorizer: undefined });
  return register.getMetricsAsArray().map((metric) => ({
    name: metric.name,
    type: String(metric.type),
    labels: 'labelNames' in metric ? (metric.labelNames as string[]) : [],
  }));
}
