import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { ENDPOINTS } from '../endpoints.ts';
import { openapiDocument } from './document.ts';
import { OPERATIONS } from './operations.ts';
import { type JsonSchema, jsonSchema } from './schemas.ts';

/** The lint of the OpenAPI document: it keeps the specification, and its examples keep its schemas. */

interface Media {
  schema: { $ref?: string };
  example?: unknown;
  'x-line'?: { $ref: string };
}

const document = openapiDocument() as {
  paths: Record<
    string,
    Record<string, { operationId: string; requestBody?: { content: Record<string, Media> } }>
  >;
  components: Record<string, Record<string, JsonSchema>>;
};
const text = JSON.stringify(document);
const schemas = new Ajv2020({ strict: false, validateFormats: false }).addSchema(document, 'openapi');

test('it is a valid OpenAPI 3.1 document', async () => {
  const validator = new Validator();
  const { valid, errors } = await validator.validate(structuredClone(document));
  expect(errors).toBeUndefined();
  expect(valid).toBe(true);
  expect(validator.version).toBe('3.1');
});

test('an invalid one would be found', async () => {
  const broken = structuredClone(document);
  Object.assign(broken.paths['/messages'] ?? {}, { post: { responses: { 999: {} } } });
  expect((await new Validator().validate(broken)).valid).toBe(false);
});

test('every reference leads somewhere, and every component is referred to', () => {
  const references = new Set(Array.from(text.matchAll(/"#\/components\/(\w+\/\w+)"/g), ([, name]) => name));
  const components = Object.entries(document.components)
    .filter(([kind]) => kind !== 'securitySchemes')
    .flatMap(([kind, named]) => Object.keys(named).map((name) => `${kind}/${name}`));
  expect([...references].sort()).toEqual(components.sort());
});

test('the document has what the gateway serves', () => {
  const documented = OPERATIONS.map(({ method, path }) => `${method} ${path}`);
  const served = ENDPOINTS.map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`);
  expect(documented.sort()).toEqual(served.sort());
});

test('operations have names of their own, and the parameters that their paths name', () => {
  const ids = OPERATIONS.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { path, inPath = {} } of OPERATIONS) {
    const named = Array.from(path.matchAll(/\{(\w+)\}/g), ([, name]) => name);
    expect(Object.keys(inPath), path).toEqual(named);
  }
});

describe.each(OPERATIONS)('$id', ({ path, method, inPath = {} }) => {
  const { requestBody } = document.paths[path]?.[method] ?? {};

  test('its examples keep its schemas', () => {
    for (const [type, { schema, example, 'x-line': line }] of Object.entries(requestBody?.content ?? {})) {
      const lines = String(example).split('\n').slice(0, -1);
      const values = line ? lines.map((one): unknown => JSON.parse(one)) : [example];
      const validate = schemas.getSchema(`openapi${(line ?? schema).$ref ?? ''}`);
      for (const value of values) expect([validate?.(value), validate?.errors], type).toEqual([true, null]);
    }
    for (const { schema, example } of Object.values(inPath)) expect(schema.parse(example)).toBe(example);
  });
});

test('bounds that only a double has are left out', () => {
  expect(jsonSchema(z.int().min(0))).toEqual({ type: 'integer', minimum: 0, format: 'int64' });
  expect(text).not.toContain(String(Number.MAX_SAFE_INTEGER));
});
