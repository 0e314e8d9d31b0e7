import { createHash, timingSafeEqual } from 'node:crypto';
import type { RequestHandler } from 'express';
import { TokenBucket } from 'limiter';
import { isLoopbackHost } from '#libs/runtime/loopback.ts';
import type { Logger } from '#libs/runtime/logger.ts';
import type { ConsoleConfig } from '../config.ts';
import { answerTo, ConsoleError } from '../errors.ts';
import { countRefused } from '../metrics.ts';
import { whoOf } from './who.ts';

const MINUTE_MS = 60_000;

/** Takes as long for every text: digests have one length. */
export function isToken(given: string, wanted: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}

/** Only by a loopback name: no page of another name reaches us by a DNS entry that points here. */
export const onlyLoopbackNames: RequestHandler = ({ headers }, response, next) => {
  if (isLoopbackHost(headers.host)) {
    next();
    return;
  }
  countRefused('bad_host');
  const { status, answer } = answerTo(
    new ConsoleError('bad_host', 'the console is not served under this name'),
  );
  response.status(status).json(answer);
};

/** Lets pass who has the token. Wrong ones are logged, up to a rate; a wrong one never locks the operator out. */
export function onlyWithToken(config: ConsoleConfig, log: Logger): RequestHandler {
  const perMinute = config.CONSOLE_FAILED_LOGINS_PER_MIN;
  const failures = new TokenBucket({
    bucketSize: perMinute,
    tokensPerInterval: perMinute,
    interval: MINUTE_MS,
  });
  failures.content = perMinute;
  return (request, response, next) => {
    const [, token] = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '') ?? [];
    if (token !== undefined && isToken(token, config.CONSOLE_TOKEN)) {
      next();
      return;
    }
    const code = failures.tryRemoveTokens(1) ? 'unauthorized' : 'rate_limited';
    countRefused(code);
    if (code === 'unauthorized')
      log.warn({ who: whoOf(request), token: token ? 'wrong' : 'none' }, 'login refused');
    const message = code === 'unauthorized' ? 'the token is missing or wrong' : 'too many wrong tokens';
    const { status, answer } = answerTo(new ConsoleError(code, message));
    response.status(status).json(answer);
  };
}
