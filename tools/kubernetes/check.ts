import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** As far as every resource has it. */
export interface Resource {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
}

type JsonSchema = Exclude<Parameters<typeof z.fromJSONSchema>[0], boolean>;

/** JSON schemas by `apiVersion.Kind`: schemas/README.md says where they are from. */
const { $defs = {} } = JSON.parse(
  readFileSync(new URL('schemas/schemas.json', import.meta.url), 'utf8'),
) as JsonSchema;

/** @throws Error if there is no such definition */
function schemaOf(name: string): z.ZodType {
  if (!Object.hasOwn($defs, name)) throw new Error(`no schema of ${name} in tools/kubernetes/schemas`);
  return z.fromJSONSchema({ $ref: `#/$defs/${name}`, $defs });
}

/**
 * The part of `RabbitmqCluster` that we use, after the resource definition of RabbitMQ's Cluster Operator 2. No package
 * brings it.
 */
const rabbitmqCluster = () =>
  z.strictObject({
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
      resources: schemaOf('v1.ResourceRequirements'),
      affinity: schemaOf('v1.Affinity'),
      rabbitmq: z.strictObject({
        additionalPlugins: z.array(z.string()).optional(),
        additionalConfig: z.string().optional(),
      }),
    }),
  });

/**
 * Checks a manifest against the schema of its kind. Unknown fields are errors, too: a cluster drops them silently.
 * @throws Error with the path of each invalid field
 */
export function check(resource: Resource): void {
  const { apiVersion, kind } = resource;
  const schema =
    kind === 'RabbitmqCluster' ? rabbitmqCluster() : schemaOf(`${apiVersion.replaceAll('/', '.')}.${kind}`);
  const result = schema.safeParse(resource);
  if (!result.success) throw new Error(z.prettifyError(result.error));
}
