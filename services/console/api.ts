import express, { type ErrorRequestHandler, type RequestHandler, Router } from 'express';
import { noStore } from '#libs/runtime/page.ts';
import type { Operator } from '../admin/operator.ts';
import { onlyWithToken } from './access/gate.ts';
import { action, type Surroundings } from './action.ts';
import type { ConsoleConfig } from './config.ts';
import { answerTo, ConsoleError } from './errors.ts';
import { confirmedLetters, confirmedUser, lettersOf, messageOf, mostOf, userOf } from './inputs.ts';
import { OverviewReader } from './overview/overview.ts';
import { OneAtATime } from './running.ts';
import { stepsInLogs } from './trace/logs.ts';

/** AMQP messages of `sixfold.dead` that one look goes through. */
const DEAD_LOOK = 1_000;
/** How long gateways may take to name their slow sessions, milliseconds. */
const SLOW_WAIT_MS = 3_000;

export interface ApiOptions extends Surroundings {
  config: ConsoleConfig;
  operator: Operator;
}

/** The requests of the page, all of them with the token. What they do is done by `admin`'s Operator. */
export function api(options: ApiOptions): Router {
  const { config, log } = options;
  const router = Router({ caseSensitive: true, strict: true });
  router.use(noStore, onlyWithToken(config, log), express.json({ limit: '64kb' }));
  addViews(router, options);
  addUsers(router, options);
  addDead(router, options);
  router.use(unknown, failed);
  return router;
}

const nothing = () => ({});

function addViews(router: Router, { config, operator, log, running }: ApiOptions): void {
  const overview = new OverviewReader(config.METRICS_URLS);
  router.get(
    '/overview',
    action({ log, running }, { name: 'overview', polled: true, read: nothing }, () => overview.read()),
  );
  router.get(
    '/partitions',
    action({ log, running }, { name: 'partitions', polled: true, read: nothing }, async () => ({
      partitions: await operator.partitions(),
    })),
  );
  router.get(
    '/slow',
    action({ log, running }, { name: 'slow', read: mostOf }, ({ most }) =>
      operator.slow({ most, waitMs: SLOW_WAIT_MS }),
    ),
  );
  router.get(
    '/trace',
    action({ log, running }, { name: 'trace', read: messageOf }, async ({ from, id, to }) => ({
      ...(await operator.message(from, id, to)),
      // Null: there are no logs to read here.
      steps: config.CONSOLE_LOGS === undefined ? null : await stepsInLogs(config.CONSOLE_LOGS, from, id),
    })),
  );
}

function addUsers(router: Router, { operator, log, running }: ApiOptions): void {
  router.get(
    '/users/:user',
    action({ log, running }, { name: 'user', read: userOf }, async ({ user }) => {
      const [mailbox, sessions, devices] = await Promise.all([
        operator.mailbox(user),
        operator.sessions(user),
        operator.devices(user),
      ]);
      return { user, mailbox, sessions, devices };
    }),
  );
  router.post(
    '/users/:user/disconnect',
    action({ log, running }, { name: 'disconnect', read: confirmedUser }, ({ user, device }) =>
      operator.disconnect(user, device),
    ),
  );
  router.post(
    '/users/:user/revoke',
    action({ log, running }, { name: 'revoke', read: confirmedUser }, async ({ user }) => ({
      at: await operator.revoke(user),
    })),
  );
}

function addDead(router: Router, { operator, log, running }: ApiOptions): void {
  const inTurn = new OneAtATime();
  router.get(
    '/dead',
    action({ log, running }, { name: 'dead list', read: nothing }, () =>
      inTurn.run(() => operator.lookAtDead(DEAD_LOOK)),
    ),
  );
  router.post(
    '/dead/requeue',
    action({ log, running }, { name: 'dead requeue', read: lettersOf }, ({ letters }) =>
      inTurn.run(() => operator.requeueDead(letters)),
    ),
  );
  router.post(
    '/dead/discard',
    action({ log, running }, { name: 'dead discard', read: confirmedLetters }, ({ letters }) =>
      inTurn.run(() => operator.discardDead(letters)),
    ),
  );
}

const unknown: RequestHandler = (_request, response) => {
  const { answer } = answerTo(new ConsoleError('bad_request', 'there is no such request'));
  response.status(404).json(answer);
};

/** A body that is no JSON, or too long. Never a stack. */
const failed: ErrorRequestHandler = (error, _request, response, next) => {
  if (response.headersSent) {
    next(error);
    return;
  }
  const { status, answer } = answerTo(new ConsoleError('bad_request', 'the body is no JSON, or too long'));
  response.status(status).json(answer);
};
