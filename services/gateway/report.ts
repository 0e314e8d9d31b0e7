import type { SlowSessionsReport, SlowSession } from '#libs/broker/slow-sessions-report.ts';
import type { Session } from './session.ts';

const stateOf = ({ user, device, id, since, window, connection }: Session, now: number): SlowSession => ({
  user,
  device,
  session: id,
  since,
  messages: window.size,
  waitingBytes: window.waitingBytes,
  unansweredMs: window.oldestSentAt === undefined ? null : Math.max(0, now - window.oldestSentAt),
  sendBufferBytes: connection.sendBufferBytes,
});

/** The slowest first: by unconfirmed messages, then by unread bytes. */
const worse = (a: SlowSession, b: SlowSession) =>
  b.messages - a.messages || b.sendBufferBytes - a.sendBufferBytes;

/** The slowest sessions now. @param most sessions to name */
export function reportOf(
  gateway: string,
  sessions: Iterable<Session>,
  most: number,
  now = Date.now(),
): SlowSessionsReport {
  const present = [...sessions].filter(({ registered }) => registered);
  const unsettled = present
    .map((session) => stateOf(session, now))
    .filter(({ messages, sendBufferBytes }) => messages > 0 || sendBufferBytes > 0);
  return {
    gateway,
    sessions: present.length,
    unsettled: unsettled.length,
    slow: unsettled.sort(worse).slice(0, most),
  };
}
