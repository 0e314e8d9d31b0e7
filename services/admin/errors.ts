/** Why a command failed, for programs; each stands in docs/OPERATIONS.md. */
export const ADMIN_CODES = {
  bad_usage: 'no such command or option, or a value that is off',
  bad_config: 'a setting cannot be used',
  database_unreachable: 'no answer from the database',
  broker_unreachable: 'no answer from the broker',
  refused: 'the user of the database or the broker is not known, or may not do this',
  not_set_up: 'no service has run here yet: its tables or queues are missing',
  not_found: 'there is no such session or letter',
  no_answer: 'a gateway did not answer, or did not do it, in time',
  not_requeued: 'a letter could not be put back; it is still where it was',
} as const;

export type AdminCode = keyof typeof ADMIN_CODES;

/** A command failed, wholly or in part. */
export class AdminError extends Error {
  readonly code: AdminCode;

  constructor(code: AdminCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
