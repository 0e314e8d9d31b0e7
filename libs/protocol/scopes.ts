/** What a service token may be allowed to do (PROTOCOL: the same over HTTP). */
export const SCOPES = ['send', 'mailbox', 'presence', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];
