/** How far the login on a connection has come. All times are milliseconds of Date.now(). */
export class LoginState {
  /** When the pending login:R was read; 0 when none is pending. */
  pendingSince = 0;
  /** A readable login:R came, so later packets are not the first. */
  tried = false;
  /** When the next login:R is due. */
  deadline: number;

  constructor(deadline: number) {
    this.deadline = deadline;
  }
}
