import { z } from 'zod';
import { ackConfig } from '../../services/ack/config.ts';
import { gatewayConfig } from '../../services/gateway/config.ts';
import { routingConfig } from '../../services/routing/config.ts';

/** A setting as the services read it. */
export interface Setting {
  name: string;
  /** As text; undefined when there is none, or it depends on the machine. */
  default: string | undefined;
  /** Services that read it. */
  services: string[];
}

/** Settings whose default is made at start, from the machine's own name and the like. */
const DYNAMIC = ['GATEWAY_ID'];

/** Every setting of every service. @throws Error when two services give one setting different defaults */
export function settings(): Setting[] {
  const found = new Map<string, Setting>();
  const services = { gateway: gatewayConfig, routing: routingConfig, ack: ackConfig };
  for (const [service, config] of Object.entries(services))
    for (const [name, schema] of Object.entries<z.ZodType>(config)) {
      const setting = { name, default: defaultOf(name, schema), services: [service] };
      const other = found.get(name);
      if (other && other.default !== setting.default) throw new Error(`${name} has two defaults`);
      if (other) other.services.push(service);
      else found.set(name, setting);
    }
  return [...found.values()];
}

function defaultOf(name: string, schema: z.ZodType): string | undefined {
  if (DYNAMIC.includes(name)) return undefined;
  const value = z.parse(schema, undefined) as string | number | string[] | undefined;
  return value === undefined ? undefined : String(value);
}
