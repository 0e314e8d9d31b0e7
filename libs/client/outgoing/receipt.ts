/** A receipt: an ack:N, or one from the mailbox. */
export interface Receipt {
  /** The message that it is about. */
  readonly id: string;
  /** The user that the message was for. */
  readonly to: string;
  /** The state of the message. */
  readonly state: 'stored' | 'delivered' | 'rejected' | 'read';
  /** The server's time, milliseconds since the Unix epoch. */
  readonly at: number;
  /** Why it is `rejected`. */
  readonly reason?: string | undefined;
}
