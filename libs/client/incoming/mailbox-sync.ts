import type { OfflineN } from '../../protocol/packets.ts';
import { packetText } from '../client-packets.ts';
import type { Context } from '../context.ts';
import { Backoff } from '../timing/backoff.ts';
import { Alarm } from '../timing/clock.ts';
import { AckBatcher } from './ack-batcher.ts';
import { MAX_ENTRIES } from './limits.ts';
import { type MailboxEntry, type MailboxReaders, mailboxEntries } from './mailbox-entry.ts';
import { MissedMessages } from './missed.ts';

/** An answer to offline:R. */
interface Page {
  readonly connection: number;
  readonly size: number;
  readonly more: boolean;
  /** The largest answer: a higher limit would not show the entries behind these. */
  readonly full: boolean;
  /** Entries that the application does not have. */
  readonly stuck: Set<MailboxEntry>;
  /** Some of them failed just now. */
  failed: boolean;
}

/**
 * Reads the mailbox until it is empty (PROTOCOL: what a client must do, 5): after every login, at a hint, and while there
 * is more; one page at a time. It confirms each entry once the application has it. Entries that failed stay in the mailbox
 * and are read again later.
 *
 * It asks for the next page when the result of each entry of this page is known. If some failed just now, it waits first:
 * the application may be down, and should not fail on the whole mailbox. Entries that stay are at the head of the mailbox,
 * so it asks for more entries, to read beyond them. If half of a full page stays, it puts them aside.
 */
export class MailboxSync {
  readonly #context: Context;
  readonly #readers: MailboxReaders;
  readonly #wasRead: () => void;
  readonly #alarm: Alarm;
  readonly #backoff: Backoff;
  readonly #acks: AckBatcher;
  readonly missed: MissedMessages;
  #online = false;
  /** Counts connections: an entry that was read from one is not confirmed on another. */
  #connection = 0;
  /** An offline:R has no answer yet. */
  #asked = false;
  #limit = 0;
  /** Pages whose entries have no result yet. */
  #pages = 0;
  /** A hint came meanwhile. */
  #again = false;
  #leftover = false;

  /** @param wasRead called when the whole mailbox has been read, or as much as can be read now */
  constructor(context: Context, readers: MailboxReaders, wasRead: () => void) {
    const { clock, random, tuning } = context;
    this.#context = context;
    this.#readers = readers;
    this.#wasRead = wasRead;
    this.#alarm = new Alarm(clock, () => this.#ask());
    this.#backoff = new Backoff(tuning.pullRetry, random);
    this.#acks = new AckBatcher(context);
    this.missed = new MissedMessages(context, (key) => this.#online && this.#acks.add(key, false));
  }

  online(): void {
    this.offline();
    this.#online = true;
    this.#ask();
  }

  offline(): void {
    this.#connection++;
    this.#asked = false;
    this.#again = false;
    this.#pages = 0;
    this.drain();
    this.#backoff.reset();
    this.#acks.offline();
  }

  /** Asks no more; entries that were read already are still confirmed. */
  drain(): void {
    this.#online = false;
    this.#alarm.clear();
  }

  /** offline:N came: an answer, or a hint (empty lists and `more`). */
  arrived(packet: OfflineN): void {
    const { more, missed } = packet;
    if (missed) this.missed.arrived(missed);
    const entries = mailboxEntries(packet, this.#readers);
    if (entries.length === 0 && more) this.#hinted();
    else this.#read(entries, more);
  }

  /** Entries that were left in the mailbox may be taken now. @returns whether the mailbox is being read */
  retry(): boolean {
    if (this.#leftover) this.#hinted();
    return this.#asked || this.#pages > 0;
  }

  /** The server refused the offline:R: asked again after a while. */
  refused(): void {
    this.#asked = false;
    this.#askLater();
  }

  /** The server refused an offline:A. It is not sent again; its entries come again, and are confirmed then. */
  ackRefused(): void {
    this.#acks.refused();
    if (!this.#asked) this.#askLater();
  }

  /** Something is in the mailbox. */
  #hinted(): void {
    if (this.#asked) this.#again = true;
    else this.#ask();
  }

  #ask(): void {
    if (!this.#online) return;
    this.#again = this.#pages > 0;
    if (this.#again) return;
    const { send, tuning } = this.#context;
    this.#acks.asking();
    this.#asked = true;
    this.#alarm.in(tuning.pullTimeoutMs);
    // Entries that were left are at the head of the mailbox: read beyond them.
    this.#limit = this.#leftover ? MAX_ENTRIES : tuning.pullLimit;
    send(packetText({ type: 'offline:R', limit: this.#limit }));
  }

  #askLater(): void {
    if (this.#online) this.#alarm.in(this.#backoff.next());
  }

  #read(entries: readonly MailboxEntry[], more: boolean): void {
    // The answer to an earlier offline:R?
    const outdated = this.#acks.outdated(entries.map(({ key }) => key));
    const size = entries.length;
    const full = this.#limit === MAX_ENTRIES || size < this.#limit;
    const page = {
      connection: this.#connection,
      size,
      more,
      full,
      stuck: new Set<MailboxEntry>(),
      failed: false,
    };
    if (!outdated) {
      this.#asked = false;
      this.#alarm.clear();
    }
    const isLast = !more && !outdated && !this.#again;
    this.#offer(page, entries, 'deliver', () => outdated || this.#delivered(page));
    if (isLast) this.#wasRead();
  }

  /** Offers entries of a page to the application. @param then called when each has a result */
  #offer(
    page: Page,
    entries: readonly MailboxEntry[],
    step: 'deliver' | 'putAside',
    then: () => unknown,
  ): void {
    let open = entries.length + 1; // an empty mailbox, too, is a page
    const settled = () => {
      if (--open > 0) return;
      this.#pages--;
      this.#acks.flush();
      then();
    };
    this.#pages++;
    for (const entry of entries) {
      let known = false;
      entry[step]((result) => {
        if (page.connection !== this.#connection) return;
        if (result === 'done') {
          page.stuck.delete(entry);
          this.#acks.add(entry.key, entry.soon);
        } else page.stuck.add(entry);
        if (known) return; // `done` or `failed` after `slow`
        known = true;
        page.failed ||= result === 'failed';
        settled();
      });
    }
    settled();
  }

  #delivered(page: Page): void {
    const { size, stuck, more, full } = page;
    this.#leftover = stuck.size > 0;
    if (stuck.size < size || size === 0) this.#backoff.reset();
    if (more && full && 2 * stuck.size >= size && this.#readers.inbox.hasHandler) this.#putAside(page);
    else this.#goOn(page, true);
  }

  #putAside(page: Page): void {
    const before = [...page.stuck];
    this.#offer(page, before, 'putAside', () => {
      const kept = before.length - page.stuck.size;
      this.#report(kept, before.length);
      this.#goOn(page, kept > 0);
    });
  }

  #report(kept: number, stuck: number): void {
    if (kept === 0 && this.#readers.inbox.canPutAside) return; // some are tried again before they are put aside
    this.#context.fail(
      kept > 0 ? 'put_aside' : 'mailbox_blocked',
      `${stuck} entries block the mailbox; ${kept} were put aside`,
    );
  }

  /** @param beyond whether asking now would show the entries behind those that are stuck */
  #goOn({ stuck, failed, more }: Page, beyond: boolean): void {
    const { hasHandler } = this.#readers.inbox;
    const stay = stuck.size > 0 && (failed || !beyond || !hasHandler);
    if (this.#again || (more && !stay)) {
      this.#ask();
      return;
    }
    if (stuck.size > 0 && hasHandler) this.#askLater();
    this.#wasRead();
  }
}
