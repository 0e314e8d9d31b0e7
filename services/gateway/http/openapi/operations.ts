import { HttpMailboxQuery } from '#libs/protocol/http.ts';
import { DeviceId, UserId } from '#libs/protocol/names.ts';
import type { z } from 'zod';
import type { SchemaName } from './schemas.ts';

/** An answer with success: what it means, and its body, by content type. */
export interface Success {
  readonly meaning: string;
  /** Without a schema: any object. */
  readonly content?: Readonly<Record<string, SchemaName | undefined>>;
}

/** One request of the API, as data. */
export interface Operation {
  readonly id: string;
  readonly method: 'get' | 'post' | 'delete';
  readonly path: string;
  readonly tag: 'messages' | 'mailbox' | 'presence' | 'users' | 'about';
  readonly summary: string;
  /** What its token may be. */
  readonly access?: string;
  readonly inPath?: Readonly<Record<string, Parameter>>;
  readonly query?: z.ZodObject;
  /** The body by content type, with an example. */
  readonly body?: Readonly<Record<string, { readonly schema: SchemaName; readonly example: unknown }>>;
  readonly success: Readonly<Record<number, Success>>;
  /** Refusals besides those that every operation, or one with a body, has. */
  readonly refusals?: readonly number[];
}

interface Parameter {
  readonly schema: z.ZodType;
  readonly example: string;
  readonly description: string;
}

const JSON_TYPE = 'application/json';
const USER: Parameter = { schema: UserId, example: 'bob', description: 'A user id.' };
const DEVICE: Parameter = { schema: DeviceId, example: 'phone', description: 'A synced device of the user.' };
const DONE: Success = { meaning: 'Done.' };

const json = (schema: SchemaName) => ({ [JSON_TYPE]: schema });
const body = (schema: SchemaName, example: unknown) => ({ [JSON_TYPE]: { schema, example } });

const ORDER = {
  id: 'order-17-shipped',
  from: 'shop',
  to: 'bob',
  body: { text: 'your parcel is on its way' },
};
const SALE = { id: 'sale-1', from: 'shop', to: ['bob', 'carol'], body: 'the sale begins', ttl: 86_400 };

const SEND: Operation = {
  id: 'sendMessage',
  method: 'post',
  path: '/messages',
  tag: 'messages',
  summary: 'Send a message, or up to 1,000 as NDJSON (1 MiB), one on each line.',
  access: 'A service token needs the scope `send`.',
  body: {
    ...body('Message', ORDER),
    'application/x-ndjson': {
      schema: 'Message',
      example: `${JSON.stringify(ORDER)}\n${JSON.stringify(SALE)}\n`,
    },
  },
  success: {
    202: { meaning: 'The message is durably accepted.', content: json('Accepted') },
    200: {
      meaning: 'To NDJSON: a line for each message, in order.',
      content: { 'application/x-ndjson': 'LineResult' },
    },
  },
};

const MAILBOX: readonly Operation[] = [
  {
    id: 'readMailbox',
    method: 'get',
    path: '/mailbox',
    tag: 'mailbox',
    summary: 'A page of a mailbox, oldest entries first. Confirm its keys to get the next.',
    access: 'A service token needs the scope `mailbox`.',
    query: HttpMailboxQuery,
    success: { 200: { meaning: 'The page.', content: json('MailboxPage') } },
    refusals: [404],
  },
  {
    id: 'confirmMailbox',
    method: 'post',
    path: '/mailbox/confirm',
    tag: 'mailbox',
    summary: 'Delete mailbox entries. Their senders are told `delivered`.',
    access: 'A service token needs the scope `mailbox`.',
    body: body('Confirm', { user: 'bob', keys: ['m1'] }),
    success: { 204: DONE },
  },
  {
    id: 'markRead',
    method: 'post',
    path: '/read',
    tag: 'mailbox',
    summary: 'Tell the senders that the user has seen their messages.',
    access: 'A service token needs the scope `mailbox`.',
    body: body('Read', { user: 'bob', items: [{ from: 'shop', id: 'order-17-shipped', read: 'its proof' }] }),
    success: { 202: { meaning: 'Durably accepted. An item with a wrong proof has no effect.' } },
  },
];

const USERS: readonly Operation[] = [
  {
    id: 'presence',
    method: 'post',
    path: '/presence',
    tag: 'presence',
    summary: 'Where up to 100 users are connected now: a hint, never a promise.',
    access: 'Needs a service token with the scope `presence`.',
    body: body('PresenceQuestion', { users: ['bob', 'carol'] }),
    success: { 200: { meaning: 'By user.', content: json('Presence') } },
  },
  {
    id: 'listDevices',
    method: 'get',
    path: '/users/{user}/devices',
    tag: 'users',
    summary: 'The synced devices of a user.',
    access: "The user's own token, or a service token with the scope `admin`.",
    inPath: { user: USER },
    success: { 200: { meaning: 'The devices.', content: json('Devices') } },
  },
  {
    id: 'removeDevice',
    method: 'delete',
    path: '/users/{user}/devices/{device}',
    tag: 'users',
    summary: 'Remove a synced device with its mailbox. A connected one is logged out.',
    access: "The user's own token, or a service token with the scope `admin`.",
    inPath: { user: USER, device: DEVICE },
    success: { 204: { meaning: 'There is no such device any more, or there was none.' } },
  },
  {
    id: 'revokeUser',
    method: 'post',
    path: '/users/{user}/revoke',
    tag: 'users',
    summary: "End a user's sessions, and refuse the tokens issued before.",
    access: 'Needs a service token with the scope `admin`.',
    inPath: { user: USER },
    success: { 204: DONE },
  },
  {
    id: 'eraseUser',
    method: 'delete',
    path: '/users/{user}',
    tag: 'users',
    summary:
      'Erase a user: sessions, devices, mailbox and receipts. Its senders are told `rejected`, `expired`.',
    access: 'Needs a service token with the scope `admin`.',
    inPath: { user: USER },
    success: { 204: { meaning: 'Nothing of the user is left.' } },
  },
];

/** The one request that needs no token. */
const ABOUT: Operation = {
  id: 'openapi',
  method: 'get',
  path: '/openapi.json',
  tag: 'about',
  summary: 'This document.',
  success: { 200: { meaning: 'The document.', content: { [JSON_TYPE]: undefined } } },
};

/** All requests under /v1. */
export const OPERATIONS: readonly Operation[] = [SEND, ...MAILBOX, ...USERS, ABOUT];
