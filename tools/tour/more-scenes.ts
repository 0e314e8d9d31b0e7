import type { OutgoingMessage } from '#libs/client/index.ts';
import { until } from '../stack/until.ts';
import { type Actor, must } from './actor.ts';
import { showFact, showStep, type Side } from './screen.ts';

/** What the scenes need of the story. */
interface Story {
  user(name: string): string;
  begin(title: string, text: string, names?: Record<Side, string>): void;
}

/** The states of a message, in the order of its receivers. */
const states = (message: OutgoingMessage) => message.receivers.map(({ state }) => state).join(', ');

/** One message to three receivers, each in a state of its own. Carol's packets are not shown. */
export async function groupMessage(alice: Actor, bob: Actor, carol: Actor, story: Story): Promise<void> {
  story.begin(
    '5  A message to a group: one packet, three receivers',
    'Bob has it, carol reads it (her packets are not shown), dave is away. Each has a receipt of its own,\n' +
      'and carol proves with the string `read` of her msg:N that the message was handed to her.',
  );
  await carol.arrive();
  showStep('carol has logged in');
  const to = [bob.user, carol.user, story.user('dave')];
  const message = alice.client.send(to, 'Hello, all!', { id: 'group', thread: 'friends', read: true });
  await bob.has('group');
  carol.client.markRead(await carol.has('group'));
  const wanted = 'delivered, read, stored';
  const what = `bob, carol and dave: ${wanted}`;
  await must(
    what,
    until(() => states(message) === wanted, { what }),
  );
  await alice.sees('out', 'offline:A');
  showFact(`bob, carol and dave: ${states(message)}`);
}

/** Two synced devices of one user: each gets everything, also what the other one sent. Bob's packets are not shown. */
export async function secondDevice(phone: Actor, laptop: Actor, bob: Actor, story: Story): Promise<void> {
  story.begin(
    '6  A second device: each has a mailbox of its own',
    'Alice logs in with sync, on a phone and on a laptop. What the phone sends comes to the laptop, too.\n' +
      "A message that only the phone is there for waits in the laptop's mailbox.",
    { left: `${phone.user}, phone`, right: `${laptop.user}, laptop` },
  );
  await phone.arrive();
  await laptop.arrive();
  const message = phone.client.send(bob.user, 'From my phone', { id: 'own' });
  await must('bob gets it', message.reached('delivered'));
  const { own } = await laptop.has('own');
  showFact(`the laptop has what the phone sent (own: ${String(own)})`);
  await laptop.leave();
  showStep('the laptop is closed, and bob writes to alice');
  const answer = bob.client.send(phone.user, 'For both of you', { id: 'both' });
  await must('bob learns that it was delivered', answer.reached('delivered'));
  await phone.has('both');
  showStep('the laptop is opened');
  await laptop.arrive();
  await laptop.has('both');
  await laptop.sees('out', 'offline:A');
  showFact('both devices have it');
}
