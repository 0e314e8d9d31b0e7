import type { z } from 'zod';
import { type Operation, OPERATIONS, type Success } from './operations.ts';
import { type JsonSchema, jsonSchema, namedSchemas, reference, type SchemaName } from './schemas.ts';

/** Refusals by status: their meaning. The code in each is one of the table in the protocol. */
const REFUSALS: Readonly<Record<number, string>> = {
  400: 'The request breaks a rule (`bad_packet`); `message` says which field and why.',
  401: 'The token is missing, malformed, expired, revoked, or not signed by a trusted key (`unauthorized`).',
  403: 'The token may not do this (`forbidden`); `message` names the scope or user that is missing.',
  404: 'The device is not a synced one (`bad_packet`).',
  408: 'The body did not come in time (`bad_packet`).',
  413: 'The body is too large (`bad_packet`).',
  415: 'The body has another content type or encoding (`bad_packet`).',
  429: "Too many requests of this token's `sub` (`rate_limited`).",
  503: 'The servers cannot take the request now, or did not confirm it in time (`unavailable`). Send it again.',
};

/** With a token; with a body, too. */
const OF_TOKENS = [400, 401, 403, 429];
const OF_BODIES = [408, 413, 415];
/** Of every request. */
const ALWAYS = [503];

const DESCRIPTION = `The HTTP API of every gateway, for back ends, and for clients that cannot hold a WebSocket.

A user's token acts as its \`sub\`. A service token has the claim \`sixfold\` = \`{as, scopes}\`; it acts as the user that a
request names in \`from\` or \`user\`. A body may have at most as many bytes as the setting \`MAX_PACKET_BYTES\` says, and 1 MiB
as NDJSON. 404 and 405 also answer paths and methods that are not listed here.`;

const TAGS = {
  messages: 'Send messages.',
  mailbox: 'Read and confirm what waits for a user.',
  presence: 'See where users are connected.',
  users: 'Manage the devices and the data of a user.',
  about: 'Describe the API.',
};

/** The API as an OpenAPI 3.1 document, from the gateway's own schemas. */
export function openapiDocument(): JsonSchema {
  const paths = Object.fromEntries(
    Array.from(
      Map.groupBy(OPERATIONS, ({ path }) => path),
      ([path, some]) => [path, Object.fromEntries(some.map((one) => [one.method, operation(one)]))],
    ),
  );
  return {
    openapi: '3.1.0',
    info: {
      title: 'Sixfold over HTTP',
      version: '1',
      description: DESCRIPTION,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/v1', description: 'This gateway.' }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'As in a login.' },
      },
      responses: Object.fromEntries(
        Object.keys(REFUSALS).map((status) => [nameOf(status), refusal(Number(status))]),
      ),
      schemas: namedSchemas(),
    },
  };
}

function operation(one: Operation): JsonSchema {
  const { id, tag, summary, access, body } = one;
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(access === undefined ? { security: [] } : { description: access }),
    ...(hasParameters(one) && { parameters: parameters(one) }),
    ...(body && { requestBody: requestBody(body) }),
    responses: responses(one),
  };
}

const hasParameters = ({ inPath, query }: Operation) => inPath !== undefined || query !== undefined;

function parameters({ inPath = {}, query }: Operation): JsonSchema[] {
  const named = Object.entries(inPath).map(([name, { schema, example, description }]) => {
    return { name, in: 'path', required: true, description, schema: jsonSchema(schema), example };
  });
  const asked = Object.entries<z.ZodType>(query?.shape ?? {}).map(([name, schema]) => {
    const { description, ...rest } = jsonSchema(schema);
    return { name, in: 'query', ...(description !== undefined && { description }), schema: rest };
  });
  return [...named, ...asked];
}

const requestBody = (body: NonNullable<Operation['body']>): JsonSchema => ({
  required: true,
  content: Object.fromEntries(
    Object.entries(body).map(([type, { schema, example }]) => [type, { ...media(type, schema), example }]),
  ),
});

function responses({ access, body, success, refusals = [] }: Operation): JsonSchema {
  const refused = [
    ...(access === undefined ? [] : OF_TOKENS),
    ...(body ? OF_BODIES : []),
    ...refusals,
    ...ALWAYS,
  ];
  return {
    ...Object.fromEntries(Object.entries(success).map(([status, one]) => [status, answer(one)])),
    ...Object.fromEntries(
      refused.map((status) => [status, { $ref: `#/components/responses/${nameOf(status)}` }]),
    ),
  };
}

function answer({ meaning, content }: Success): JsonSchema {
  const types = Object.entries(content ?? {}).map(([type, name]) => [type, media(type, name)]);
  return { description: meaning, ...(content && { content: Object.fromEntries(types) as JsonSchema }) };
}

/** Each line of NDJSON is one value of the schema, for which OpenAPI 3.1 has no word. */
function media(type: string, name: SchemaName | undefined): JsonSchema {
  if (name === undefined) return { schema: { type: 'object' } };
  if (type === 'application/json') return { schema: reference(name) };
  return { schema: { type: 'string', description: `Lines, each a ${name}.` }, 'x-line': reference(name) };
}

const nameOf = (status: number | string) => `Refused${status}`;

function refusal(status: number): JsonSchema {
  const waits = status === 429 || status === 503;
  const retryAfter = { description: 'Seconds until a retry.', schema: { type: 'integer', minimum: 0 } };
  return {
    description: REFUSALS[status],
    ...(waits && { headers: { 'Retry-After': retryAfter } }),
    content: { 'application/json': { schema: reference('Problem') } },
  };
}
