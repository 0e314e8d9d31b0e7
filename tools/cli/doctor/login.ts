import { randomUUID } from 'node:crypto';
import type { Session } from '../../../libs/client/index.ts';
import type { Surroundings } from '../surroundings.ts';
import type { TargetOptions } from '../target/options.ts';
import { openSession } from '../target/session.ts';
import { Findings, said } from './finding.ts';

/** A clock that differs by more is a warning, milliseconds. Tokens are valid by the gateway's clock. */
const SKEW_MS = 2_000;

/** What logging in showed. */
export interface LoggedIn {
  findings: Findings;
  limits?: Session['limits'];
}

/** Logs in at one gateway as a device of its own, which stays for a moment. Reads no mailbox. */
export async function checkLogin(
  url: string,
  options: TargetOptions & { as: string },
  surroundings: Pick<Surroundings, 'env' | 'errors'>,
): Promise<LoggedIn> {
  const findings = new Findings(url);
  const device = `doctor-${randomUUID().slice(0, 8)}`;
  const began = Date.now();
  try {
    const as = options.token === undefined ? options.as : undefined;
    const { client, session } = await openSession({ ...options, url: [url] }, { as, device }, surroundings);
    const took = Date.now() - began;
    await client.close({ flushMs: 0 });
    findings.ok(`lets ${session.user} log in, within ${took} ms`);
    checkClock(session.at, began, took, findings);
    return { findings, limits: session.limits };
  } catch (error) {
    findings.problem(
      `no login: ${said(error)}`,
      "Compare the key of the tokens with the gateway's, and `exp` with its clock.",
    );
    return { findings };
  }
}

/** @param at the gateway's time, between `began` and `took` later */
export function checkClock(at: number, began: number, took: number, findings: Findings): void {
  const skew = at < began ? at - began : Math.max(0, at - began - took);
  if (Math.abs(skew) <= SKEW_MS) findings.ok('has the same time as this machine');
  else
    findings.warning(
      `its clock differs by ${(skew / 1_000).toFixed(1)} s from this machine's`,
      "Synchronise both with NTP: tokens expire by the gateway's clock, and `at` is its time.",
    );
}
