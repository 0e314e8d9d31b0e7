import { z } from 'zod';
import {
  HttpAccepted,
  HttpConfirm,
  HttpDevices,
  HttpLineResult,
  HttpMailboxPage,
  HttpMessage,
  HttpPresence,
  HttpPresenceQuestion,
  HttpProblem,
  HttpRead,
} from '#libs/protocol/http.ts';

/** The named schemas of the document: each is one of the gateway's own. */
const NAMED = {
  Message: HttpMessage.meta({ description: 'A message to send. It is named by its sender and `id`.' }),
  Accepted: HttpAccepted.meta({
    description: 'The message is durably accepted; `at` in ms since the epoch.',
  }),
  LineResult: HttpLineResult.meta({ description: 'The answer to one line of a batch.' }),
  MailboxPage: HttpMailboxPage.meta({
    description: 'Mailbox entries, oldest first. They stay until confirmed.',
  }),
  Confirm: HttpConfirm.meta({ description: 'Keys of mailbox entries to delete.' }),
  Read: HttpRead.meta({ description: 'Messages that the user has seen, each with the proof it came with.' }),
  PresenceQuestion: HttpPresenceQuestion.meta({ description: 'Users whose presence is asked for.' }),
  Presence: HttpPresence.meta({
    description: 'Where these users are connected now: a hint, never a promise.',
  }),
  Devices: HttpDevices.meta({
    description: 'Synced devices; `since` is their first login, in ms since the epoch.',
  }),
  Problem: HttpProblem.meta({ description: 'Why a request was refused; `re` names the message.' }),
} as const;

export type SchemaName = keyof typeof NAMED;

/** A JSON Schema (draft 2020-12, as OpenAPI 3.1 has it). */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** The schema as input: a later version may add fields. */
export function jsonSchema(schema: z.ZodType): JsonSchema {
  const made = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema: part }) => {
      // The bounds of a double's integers say nothing to a reader.
      if (part.maximum === Number.MAX_SAFE_INTEGER) delete part.maximum;
      if (part.minimum === Number.MIN_SAFE_INTEGER) delete part.minimum;
      if (part.type === 'integer') part.format = 'int64';
    },
  });
  delete made.$schema; // the document says it for all
  return { ...made };
}

/** What the document has under `components.schemas`. */
export const namedSchemas = (): Record<string, JsonSchema> =>
  Object.fromEntries(Object.entries(NAMED).map(([name, schema]) => [name, jsonSchema(schema)]));

export const reference = (name: SchemaName): JsonSchema => ({ $ref: `#/components/schemas/${name}` });
