import { devices, removeDevice } from './devices.ts';
import type { Endpoint } from './endpoint.ts';
import { mailbox } from './mailbox.ts';
import { mailboxConfirm } from './mailbox-confirm.ts';
import { messages } from './messages.ts';
import { openapi } from './openapi.ts';
import { presence } from './presence.ts';
import { read } from './read.ts';
import { eraseUser, revokeUser } from './users.ts';

/** All that is served under /v1. */
export const ENDPOINTS: readonly Endpoint[] = [
  messages,
  mailbox,
  mailboxConfirm,
  read,
  presence,
  devices,
  removeDevice,
  revokeUser,
  eraseUser,
  openapi,
];
