import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { readSettingFiles } from './setting-files.ts';

/** A setting that cannot be used: which one, and what it must be. Never quotes secrets. */
export class ConfigError extends Error {
  readonly code = 'bad_config';
}

/** A whole number with bounds; the unit stands in the variable's name. */
export const integer = (fallback: number, min = 1, max = Number.MAX_SAFE_INTEGER) =>
  z.coerce
    .number({ error: 'must be a number' })
    .int({ error: 'must be a whole number' })
    .min(min, { error: `must be at least ${min}` })
    .max(max, { error: `must be at most ${max}` })
    .default(fallback);

/** A number that may have a fraction. */
export const decimal = (fallback: number, above = 0) =>
  z.coerce
    .number({ error: 'must be a number' })
    .gt(above, { error: `must be above ${above}` })
    .default(fallback);

/** An address such as `postgres://…` or `amqp://…`. */
export const address = (fallback: string, ...schemes: string[]) =>
  z
    .string()
    .default(fallback)
    .refine((value) => schemes.some((scheme) => value.startsWith(`${scheme}://`)), {
      error: `must start with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`,
    });

/** Path of a file with certificates in PEM. Optional. */
export const certificates = () =>
  z
    .string()
    .refine(holdsCertificate, { error: 'must be the path of a file with certificates in PEM' })
    .optional();

function holdsCertificate(path: string): boolean {
  try {
    return new X509Certificate(readFileSync(path)).subject !== '';
  } catch {
    return false; // what it must be says more than why it could not be read
  }
}

/** Settings that every service has. */
export const common = {
  /** Address to listen on for clients, metrics and probes; IPv6 with or without brackets. */
  HOST: z
    .string()
    .default('0.0.0.0')
    .transform((host) => host.replace(/^\[(.+)\]$/, '$1')),
  /** Port to listen on; 0 takes a free one. */
  PORT: integer(8080, 0, 65_535),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  /** Where spans of messages go: an OpenTelemetry collector (OTLP over HTTP). Unset, there are none. */
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .url({ protocol: /^https?$/, error: 'must be an address that begins with https:// or http://' })
    .refine((text) => !URL.parse(text)?.username && !URL.parse(text)?.password, {
      error: 'must not hold a user name or password: OTEL_EXPORTER_OTLP_HEADERS is for those',
    })
    .optional(),
  /** HTTP headers for it, `name=value`, separated by commas, values percent-encoded. */
  OTEL_EXPORTER_OTLP_HEADERS: z.string().transform(headers).optional(),
  /** Share of messages that are traced, 0 to 1; decided where the message is accepted. */
  OTEL_TRACES_SAMPLER_ARG: z.coerce
    .number({ error: 'must be a number' })
    .min(0, { error: 'must be at least 0' })
    .max(1, { error: 'must be at most 1' })
    .default(1),
};

export interface TracingConfig {
  OTEL_EXPORTER_OTLP_ENDPOINT?: string | undefined;
  OTEL_EXPORTER_OTLP_HEADERS?: Record<string, string> | undefined;
  OTEL_TRACES_SAMPLER_ARG: number;
}

/** Never quotes what it reads: it may hold a key. */
function headers(text: string, context: z.RefinementCtx): Record<string, string> {
  const read = /^\s*([\w-]+)\s*=\s*([^\s,;]+)\s*$/;
  const found = text.split(',').map((pair) => read.exec(pair));
  if (found.every((pair) => pair !== null))
    try {
      return Object.fromEntries(found.map(([, name = '', value = '']) => [name, decodeURIComponent(value)]));
    } catch {
      // not percent-encoded: said below
    }
  context.addIssue({ code: 'custom', message: 'must be name=value, separated by commas, percent-encoded' });
  return z.NEVER;
}

/**
 * Reads settings from the environment, once, at start.
 * An empty variable counts as unset, as compose files leave them. NAME_FILE is the path of a file that holds NAME.
 *
 * @throws ConfigError that names every variable that is off
 */
export function readConfig<S extends z.ZodRawShape>(shape: S, env: NodeJS.ProcessEnv = process.env) {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const { values, faults } = readSettingFiles(Object.keys(shape), set);
  const read = z.object(shape).safeParse({ ...set, ...values });
  if (read.success && faults.length === 0) return read.data;
  const lines = [
    ...faults.map(({ name, message }) => `  ${name} ${message}`),
    ...(read.error?.issues ?? []).map((issue) => `  ${issue.path.join('.')} ${issue.message}`),
  ];
  throw new ConfigError(`these settings (environment variables) cannot be used:\n${lines.join('\n')}`);
}
