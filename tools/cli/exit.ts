/** Exit codes of the command line; README.md lists them. */
export const EXIT = {
  done: 0,
  /** An error that has no code of its own; `doctor` found something wrong. */
  failed: 1,
  /** The command line itself is wrong. */
  usage: 2,
  /** No session in time. */
  unreachable: 3,
  /** The gateway refused the login, or ended the session for good. */
  refused: 4,
  /** A message was rejected, or refused. */
  rejected: 5,
  /** A message was accepted, and did not reach the wanted state in time. */
  waiting: 6,
  /** A message was not accepted in time. */
  unsent: 7,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** A command failed. The message is one sentence that says what to do. */
export class CliError extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}
