import type { Receivers } from '#libs/protocol/names.ts';
import type { Authorizer, Decision } from './authorizer.ts';
import type { CanSend } from './can-send.ts';
import type { DecisionQueue } from './decision-queue.ts';

/** Who asks. */
export interface Sender {
  readonly user: string;
  /** The claim of the token; undefined: everybody. */
  readonly canSend: CanSend | undefined;
  readonly decisions: DecisionQueue;
}

/** Undefined: the tokens alone say who may write to whom. */
export type AskedAuthorizer = Pick<Authorizer, 'decide' | 'reserve'> | undefined;

/** `refused`: those of a list whom the sender may not write to. */
type OnVerdict = (decision: Decision, refused?: string[]) => void;

/**
 * Asks the token and the operator whether a user may write to the receivers of a packet.
 *
 * @param onVerdict called once, for the packets of one sender to one receiver in the order of asking
 */
export function askIfAllowed(
  authorizer: AskedAuthorizer,
  sender: Sender,
  { to, bodyText }: { to: Receivers; bodyText: string },
  onVerdict: OnVerdict,
): void {
  const { user: from, canSend, decisions } = sender;
  if (typeof to !== 'string') askAboutList(authorizer, sender, to, bodyText, onVerdict);
  else if (canSend?.(to) === false) onVerdict('forbidden');
  else if (!authorizer) onVerdict('allowed');
  else if (!decisions.held) authorizer.decide({ from, to, bodyText }, onVerdict);
  else {
    const release = authorizer.reserve(bodyText);
    if (!release) onVerdict('unknown');
    else
      decisions.run(() => {
        release();
        authorizer.decide({ from, to, bodyText }, onVerdict);
      });
  }
}

/** One refusal refuses the whole list, and all of them are named: the verdict waits for the last answer. */
function askAboutList(
  authorizer: AskedAuthorizer,
  { user: from, canSend, decisions }: Sender,
  to: readonly string[],
  bodyText: string,
  onVerdict: OnVerdict,
): void {
  const refused = to.filter((user) => canSend?.(user) === false);
  const asked = to.filter((user) => !refused.includes(user));
  if (!authorizer || asked.length === 0) {
    onVerdict(refused.length > 0 ? 'forbidden' : 'allowed', refused);
    return;
  }
  const release = authorizer.reserve(bodyText);
  if (!release) {
    onVerdict('unknown');
    return;
  }
  decisions.run(() => {
    const goOn = decisions.hold();
    let left = asked.length;
    let unknown = false;
    for (const user of asked)
      authorizer.decide({ from, to: user, bodyText: '' }, (decision) => {
        if (decision === 'forbidden') refused.push(user);
        else if (decision === 'unknown') unknown = true;
        if (--left > 0) return;
        release();
        onVerdict(refused.length > 0 ? 'forbidden' : unknown ? 'unknown' : 'allowed', refused);
        goOn();
      });
  });
}
