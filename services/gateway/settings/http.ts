import { decimal, integer } from '#libs/runtime/config.ts';

/** Limits of HTTP. */
export const httpConfig = {
  SERVICE_RATE_LIMIT_PER_S: decimal(1_000).meta({
    unit: 'packets/s',
    description:
      'The rate of a service token over HTTP, for each `sub` and gateway; a request above it gets 429. A request is one ' +
      'packet; ten receivers are one, and so are ten lines of a batch. User tokens have `RATE_LIMIT_PER_S` and ' +
      '`RATE_BURST` over HTTP, too.',
  }),
  SERVICE_RATE_BURST: integer(2_000).meta({
    unit: 'packets',
    description: 'Size of that token bucket.',
  }),
  MAX_HTTP_REQUESTS: integer(500).meta({
    unit: 'requests',
    description:
      'Most requests under `/v1` at a time; a further one gets 503. Each may hold about 400 KB: half a megabyte of a batch ' +
      'and its answers.',
  }),
};
