import { z } from 'zod';
import { common, ConfigError, integer, readConfig } from '#libs/runtime/config.ts';
import { adminConfig } from '../admin/config.ts';
import { targetsOf } from './overview/targets.ts';

/** Shortest token, characters: at any rate of guesses it is found in no time that counts. */
const MIN_TOKEN_LENGTH = 32;

/** Settings of the console only. */
export const consoleSettings = {
  CONSOLE_HOST: z
    .string()
    .default('127.0.0.1')
    .meta({
      description:
        'Address that the console listens on. Anything else than a loopback address is for containers, whose port is ' +
        'published on 127.0.0.1 only: the page is served under loopback names and no other.',
    }),
  CONSOLE_PORT: integer(8090, 0, 65_535).meta({ description: 'Port of the console; 0 takes a free one.' }),
  CONSOLE_TOKEN: z
    .string()
    .refine((token) => token.length >= MIN_TOKEN_LENGTH && /^[\x21-\x7e]+$/.test(token), {
      error: `must have at least ${MIN_TOKEN_LENGTH} characters, printable and without spaces`,
    })
    .optional()
    .meta({
      default: 'none; needed',
      description:
        `It grants the rights of \`admin\`. At least ${MIN_TOKEN_LENGTH} characters. \`npm run console\` makes one at ` +
        'each start.',
    }),
  CONSOLE_FAILED_LOGINS_PER_MIN: integer(10).meta({
    unit: 'logins/min',
    description:
      'Wrong tokens that are answered with 401 and logged; a further one gets 429. All are counted in ' +
      '`sixfold_console_refused_total`. The right token is always taken.',
  }),
  METRICS_URLS: z
    .string()
    .default('')
    .transform((text, context) => {
      const targets = targetsOf(text);
      if (!targets)
        context.addIssue('must be addresses such as http://gateway:8080, or gateway-1=http://…, with commas');
      return targets ?? z.NEVER;
    })
    .meta({
      default: 'none',
      description:
        'Where services serve `/metrics`, separated by commas: `http://gateway:8080`, or with a name, ' +
        '`gateway-1=http://127.0.0.1:8080`. Every address of a DNS name is one process. Certificates are not checked.',
    }),
  CONSOLE_LOGS: z.string().optional().meta({
    description:
      'Folder with the logs of the services (`*.log`), for the steps of a message. `npm run console` sets it.',
  }),
};

const {
  LOG_LEVEL,
  DRAIN_TIMEOUT_MS,
  OTEL_EXPORTER_OTLP_ENDPOINT,
  OTEL_EXPORTER_OTLP_HEADERS,
  OTEL_TRACES_SAMPLER_ARG,
} = common;

/** Every setting of the console. */
export const consoleConfig = {
  LOG_LEVEL,
  DRAIN_TIMEOUT_MS,
  OTEL_EXPORTER_OTLP_ENDPOINT,
  OTEL_EXPORTER_OTLP_HEADERS,
  OTEL_TRACES_SAMPLER_ARG,
  ...adminConfig,
  ...consoleSettings,
};

/** @throws ConfigError */
export function readConsoleConfig(env: NodeJS.ProcessEnv = process.env) {
  const config = readConfig(consoleConfig, env);
  const { CONSOLE_TOKEN } = config;
  if (CONSOLE_TOKEN === undefined)
    throw new ConfigError('CONSOLE_TOKEN must be set; `openssl rand -hex 32` makes one');
  return { ...config, CONSOLE_TOKEN };
}
export type ConsoleConfig = ReturnType<typeof readConsoleConfig>;
