import { Metrics } from '#libs/runtime/metrics-text.ts';

export { type Labels, Metrics } from '#libs/runtime/metrics-text.ts';

/** Reads a process's metrics now. */
export async function readMetrics(http: string, path = '/metrics'): Promise<Metrics> {
  const response = await fetch(http + path);
  if (!response.ok) throw new Error(`${http}${path} answered ${response.status}`);
  return new Metrics(await response.text());
}
