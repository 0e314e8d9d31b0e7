import type { Leftovers } from '../leftovers.ts';
import type { Facts } from './facts.ts';
import type { Violation } from './guarantees.ts';

/** G5 and G6: the database holds only what clients sent, where it belongs, and nothing that stays for ever. */
export function checkRows({ messages, sendings, devices }: Facts, leftovers: Leftovers): Violation[] {
  const { copies, stranded } = leftovers.devices;
  const names = new Set(messages.map(({ to, from, id }) => `${to} ${from} ${id}`));
  const unknown = [...leftovers.mailbox.keys()].filter((name) => !names.has(name)).length;
  const rows = leftovers.mailbox.size;
  const senders = new Map(sendings.map(({ from, id, by }) => [`${from} ${from} ${id}`, by]));
  const misplaced = [...copies].flatMap(([name, holders]) =>
    [...holders.keys()].filter(
      (who) => !devices.has(who) || (!names.has(name) && (senders.get(name) ?? who) === who),
    ),
  );
  const what = [
    ...(unknown > 0 ? [`${rows} messages in mailboxes, and clients know of ${rows - unknown}`] : []),
    ...(stranded > 0 ? [`${stranded} messages or copies of synced devices that nothing will delete`] : []),
  ];
  return [
    ...what.map((what): Violation => ({ guarantee: 'G6', what })),
    ...misplaced.map((who): Violation => {
      return { guarantee: 'G5', what: `a copy in the mailbox of ${who} that is not for it` };
    }),
  ];
}
