import { ConfigError } from '#libs/runtime/config.ts';
import { AdminError, type AdminCode } from '../admin/errors.ts';

/** Why a request failed: the codes of `admin`, and those of the console. */
export type ConsoleCode =
  | AdminCode
  | 'bad_request'
  | 'not_confirmed'
  | 'bad_host'
  | 'unauthorized'
  | 'rate_limited'
  | 'stopping'
  | 'failed';

/** HTTP status of each code, and what the operator can do. */
const ANSWERS: Record<ConsoleCode, { status: number; advice: string }> = {
  bad_request: { status: 400, advice: 'Correct the field that the message names, and try again.' },
  bad_usage: { status: 400, advice: 'Correct the field that the message names, and try again.' },
  not_confirmed: { status: 400, advice: 'Confirm the action, then send it again.' },
  unauthorized: {
    status: 401,
    advice:
      'Log in with the token: `npm run console` prints it; with docker compose: docker compose exec console cat /run/sixfold/console-token',
  },
  bad_host: { status: 403, advice: 'Open the console as http://127.0.0.1:PORT/ or http://localhost:PORT/.' },
  not_found: { status: 404, advice: 'Check the name. What was there may be gone by now: look again.' },
  not_requeued: {
    status: 409,
    advice: 'Read the reason at each letter; the letters are still in sixfold.dead.',
  },
  rate_limited: { status: 429, advice: 'Wait a minute, then log in with the right token.' },
  bad_config: { status: 500, advice: 'Correct the setting that the message names, and restart the console.' },
  failed: { status: 500, advice: 'This is a bug of the console: its log has the details.' },
  stopping: { status: 503, advice: 'The console is being stopped. Start it again, and reload the page.' },
  database_unreachable: {
    status: 503,
    advice: 'See whether PostgreSQL runs, and whether DATABASE_URL of the console is right; then try again.',
  },
  broker_unreachable: {
    status: 503,
    advice: 'See whether RabbitMQ runs, and whether AMQP_URL of the console is right; then try again.',
  },
  refused: {
    status: 503,
    advice:
      'Give the user of the console the rights of deploy/postgres/operator.sql and deploy/rabbitmq/user.sh, then try again.',
  },
  not_set_up: {
    status: 503,
    advice:
      'Start routing once with this broker and database, and give the console the same ROUTE_PARTITIONS as routing.',
  },
  no_answer: {
    status: 504,
    advice:
      'See whether routing and the gateways are ready (Overview). The order is in the queue: look again in a while.',
  },
};

/** A refusal of the console itself. */
export class ConsoleError extends Error {
  readonly code: ConsoleCode;

  constructor(code: ConsoleCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** The body of an error's answer. */
export interface ErrorAnswer {
  code: ConsoleCode;
  message: string;
  /** What the operator can do. */
  advice: string;
}

/** What the client is told. The text of an unexpected error stays in the log. */
export function answerTo(error: unknown): { status: number; answer: ErrorAnswer } {
  const known = error instanceof AdminError || error instanceof ConsoleError || error instanceof ConfigError;
  const code = known ? error.code : 'failed';
  const { status, advice } = ANSWERS[code];
  return { status, answer: { code, message: known ? error.message : 'an unexpected error', advice } };
}
