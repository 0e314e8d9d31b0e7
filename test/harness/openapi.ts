import { Ajv2020 } from 'ajv/dist/2020.js';

/** What the document says of one body: its schema, or the schema of each line. */
export interface Media {
  schema: { $ref?: string };
  example?: unknown;
  'x-line'?: { $ref: string };
}

interface Answer {
  $ref?: string;
  headers?: Record<string, unknown>;
  content?: Record<string, Media>;
}

/** An operation as the document describes it. */
export interface Operation {
  operationId: string;
  path: string;
  method: string;
  security?: unknown[];
  parameters?: { name: string; in: 'path' | 'query'; example?: string }[];
  requestBody?: { content: Record<string, Media> };
  responses: Record<string, Answer>;
}

interface Document {
  paths: Record<string, Record<string, Omit<Operation, 'path' | 'method'>>>;
  components: { schemas: Record<string, object>; responses: Record<string, Answer> };
}

/** Checks answers against an OpenAPI document. Fields that it does not list are refused here, unlike by clients. */
export class OpenApi {
  readonly operations: Operation[];
  readonly #document: Document;
  readonly #ajv: Ajv2020;

  constructor(json: object) {
    const document = json as Document;
    this.#document = document;
    this.operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, rest]) => ({ path, method, ...rest })),
    );
    this.#ajv = new Ajv2020({ strict: false, validateFormats: false });
    this.#ajv.addSchema(closed(document) as object, 'openapi');
  }

  /** @throws Error when the document does not describe this answer */
  check({ operationId, responses }: Operation, status: number, headers: Headers, text: string): void {
    const named = responses[status];
    if (!named) throw new Error(`${operationId}: ${status} is not in the document: ${text}`);
    const { headers: demanded = {}, content } = this.#resolve(named);
    for (const name of Object.keys(demanded))
      if (!headers.has(name)) throw new Error(`${operationId}: ${status} without ${name}`);
    const [type = ''] = (headers.get('content-type') ?? '').split(';');
    if (!content && text === '') return;
    const media = content?.[type];
    if (!media) throw new Error(`${operationId}: ${status} with the type ${type}: ${text}`);
    const lines = media['x-line'] ? text.split('\n').slice(0, -1) : [text];
    for (const line of lines) this.#validate(media['x-line'] ?? media.schema, JSON.parse(line), operationId);
  }

  #resolve(answer: Answer): Answer {
    const name = answer.$ref?.split('/').at(-1);
    return name === undefined ? answer : (this.#document.components.responses[name] ?? {});
  }

  #validate({ $ref }: { $ref?: string }, value: unknown, operationId: string): void {
    if ($ref === undefined) return;
    const validate = this.#ajv.getSchema(`openapi${$ref}`);
    if (!validate?.(value))
      throw new Error(
        `${operationId}: ${JSON.stringify(value)}: ${JSON.stringify(validate?.errors ?? 'no schema')}`,
      );
  }
}

/** The same schemas, whose objects have no other fields than they name. */
function closed(schema: unknown): unknown {
  if (typeof schema !== 'object' || schema === null) return schema;
  if (Array.isArray(schema)) return schema.map(closed);
  const inner = Object.fromEntries(Object.entries(schema).map(([name, value]) => [name, closed(value)]));
  const isOpen = inner['type'] === 'object' && 'properties' in inner && !('additionalProperties' in inner);
  return isOpen ? { ...inner, additionalProperties: false } : inner;
}
