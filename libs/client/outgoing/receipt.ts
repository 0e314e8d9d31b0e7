/** What the outbox reads of a receipt: an ack:N, or one from the mailbox. */
export interface Receipt {
  readonly id: string;
  readonly to: string;
  readonly state: 'stored' | 'delivered' | 'rejected';
  readonly at: number;
  readonly reason?: string | undefined;
}
