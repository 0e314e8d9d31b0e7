import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

/** What the model knows of the machine, from one run of `npm run load`: tools/size/measured.json. */

const Amount = z.number().nonnegative();

/** CPU time for 1,000 messages by role, milliseconds. */
const Cpu = z.object({
  gateway: Amount,
  routing: Amount,
  ack: Amount,
  rabbitmq: Amount,
  postgres: Amount,
});
export type Cpu = z.output<typeof Cpu>;
export type Role = keyof Cpu;
export const ROLES = Object.keys(Cpu.shape) as Role[];

const Size = z.object({ gateways: Amount, routing: Amount, ack: Amount });

/** A closed loop: messages under way, and what became of them. */
const Loop = z.object({
  size: Size,
  /** Receipts go past ack where they can. */
  straight: z.boolean(),
  /** Messages of all pairs together. */
  underWay: Amount,
  perSecond: Amount,
  /** `load`: the load generator, on the same machine. */
  cpu: Cpu.extend({ load: Amount }),
});
export type Loop = z.output<typeof Loop>;

export const Measured = z.object({
  /** Which run of which commit on which machine. */
  source: z.string(),
  cores: z.int().positive(),
  loops: z.array(Loop).min(2),
  /** A rate at which nothing is shared, and most of the time goes into waking up. */
  slow: z.object({ rate: Amount, cpu: Cpu }),
  /** For 1,000 logins. */
  login: Cpu,
  /** For 1,000 messages into mailboxes, pulled, confirmed, and their receipts pulled. */
  mailbox: Cpu,
  /** Memory of an idle connection soon after its login, bytes. */
  idleBytes: Amount,
});
export type Measured = z.output<typeof Measured>;

export const MEASURED_FILE = fileURLToPath(new URL('measured.json', import.meta.url));

export const readMeasured = (): Measured => Measured.parse(JSON.parse(readFileSync(MEASURED_FILE, 'utf8')));
