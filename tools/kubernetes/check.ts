import { Affinity } from 'kubernetes-models/v1/Affinity';
import { ResourceRequirements } from 'kubernetes-models/v1/ResourceRequirements';
import { z } from 'zod';
import { unread, watch } from './watch.ts';

/** As far as every resource has it. */
export interface Resource {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
}

interface Checker {
  prototype: { validate: (this: unknown) => void };
}

/**
 * The part of `RabbitmqCluster` that we use, after the resource definition of RabbitMQ's Cluster Operator 2. No package
 * brings it.
 */
const RabbitmqCluster = z.strictObject({
  apiVersion: z.literal('rabbitmq.com/v1beta1'),
  kind: z.literal('RabbitmqCluster'),
  metadata: z.strictObject({ name: z.string(), labels: z.record(z.string(), z.string()).optional() }),
  spec: z.strictObject({
    replicas: z.union([z.literal(1), z.literal(3), z.literal(5)]),
    image: z.string(),
    terminationGracePeriodSeconds: z.int().nonnegative(),
    persistence: z.strictObject({
      storage: z.string().regex(/^\d+[KMGT]i$/),
      storageClassName: z.string().optional(),
    }),
    resources: z.unknown(),
    affinity: z.unknown(),
    rabbitmq: z.strictObject({
      additionalPlugins: z.array(z.string()).optional(),
      additionalConfig: z.string().optional(),
    }),
  }),
});

/**
 * Checks a manifest against the schema of its kind. Fields that the schema does not know are faults, too: a cluster
 * would drop them in silence.
 * @throws Error that says what is off
 */
export async function check(resource: Resource): Promise<void> {
  const { apiVersion, kind } = resource;
  if (kind === 'RabbitmqCluster') {
    const { spec } = RabbitmqCluster.parse(resource);
    against(Affinity, spec.affinity);
    against(ResourceRequirements, spec.resources);
    return;
  }
  const source = apiVersion.startsWith('monitoring.coreos.com/')
    ? '@kubernetes-models/prometheus-operator'
    : 'kubernetes-models';
  const module = (await import(`${source}/${apiVersion}/${kind}`)) as Record<string, Checker>;
  const checker = module[kind];
  if (!checker) throw new Error(`there is no ${kind} in ${apiVersion}`);
  against(checker, resource);
}

function against(checker: Checker, value: unknown): void {
  const seen = new Set<string>();
  checker.prototype.validate.call(watch(value, seen));
  const unknown = unread(value, seen);
  if (unknown.length > 0) throw new Error(`no such field: ${unknown.join(', ')}`);
}
