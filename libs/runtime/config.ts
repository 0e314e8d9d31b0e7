import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { readSettingFiles } from './setting-files.ts';

/** An invalid setting: its name, and what it must be. Never quotes secrets. */
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
    return false; // the schema's error says what the file must be
  }
}

/** An address to fetch. It must not hold a password: the log of a failure would show it. */
export const webAddress = z
  .url({ protocol: /^https?$/, error: 'must be an address that begins with https:// (or http://)' })
  .refine((text) => !URL.parse(text)?.username && !URL.parse(text)?.password, {
    error: 'must not hold a user name or password',
  });

/**
 * Settings that every service has. `.meta()` goes into docs/CONFIGURATION.md: the unit, the meaning in
 * Markdown, and the default in words, where it is not a value.
 */
export const common = {
  HOST: z
    .string()
    .default('0.0.0.0')
    .transform((host) => host.replace(/^\[(.+)\]$/, '$1'))
    .meta({
      description:
        'Address to listen on: clients (gateway), metrics and probes (all). `::` takes IPv6 and IPv4; brackets are allowed.',
    }),
  PORT: integer(8080, 0, 65_535).meta({ description: 'Port to listen on; 0 takes a free one.' }),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .meta({
      description:
        '`trace`, `debug`, `info`, `warn`, `error`, `fatal` or `silent`. Logs are JSON lines on standard output, without ' +
        'bodies and tokens. `trace` writes a line for each step of each message, with its `from` and `id`.',
    }),
  DRAIN_TIMEOUT_MS: integer(10_000, 0).meta({
    unit: 'ms',
    description:
      'Longest orderly stop. Gateway: after `bye`, the time that clients have to answer messages in flight; the rest goes ' +
      'to the mailbox, and the connection closes with 1012 (`draining`). Routing and ack: the time for the current batch; ' +
      'the rest goes back to the broker. Webhook: the time for requests under way; likewise. Console: the time for actions under way.',
  }),
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .url({ protocol: /^https?$/, error: 'must be an address that begins with https:// or http://' })
    .refine((text) => !URL.parse(text)?.username && !URL.parse(text)?.password, {
      error: 'must not hold a user name or password: OTEL_EXPORTER_OTLP_HEADERS is for those',
    })
    .optional()
    .meta({
      description:
        'Address of an OpenTelemetry collector (OTLP over HTTP, as JSON; `/v1/traces` is added). Unset, nothing is ' +
        'traced. [More below](#traces).',
    }),
  OTEL_EXPORTER_OTLP_HEADERS: z.string().transform(headers).optional().meta({
    description: 'HTTP headers for the collector: `name=value`, separated by commas, values percent-encoded.',
  }),
  OTEL_TRACES_SAMPLER_ARG: z.coerce
    .number({ error: 'must be a number' })
    .min(0, { error: 'must be at least 0' })
    .max(1, { error: 'must be at most 1' })
    .default(1)
    .meta({
      unit: 'share',
      description: 'Share of messages that are traced, 0 to 1. The gateway that accepts a message decides.',
    }),
};

export interface TracingConfig {
  OTEL_EXPORTER_OTLP_ENDPOINT?: string | undefined;
  OTEL_EXPORTER_OTLP_HEADERS?: Record<string, string> | undefined;
  OTEL_TRACES_SAMPLER_ARG: number;
}

/** Never quotes the text: it may hold a key. */
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
 * An empty variable counts as unset, since compose files leave them so. NAME_FILE is the path of a file with NAME's value.
 *
 * @throws ConfigError that names every invalid variable
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
