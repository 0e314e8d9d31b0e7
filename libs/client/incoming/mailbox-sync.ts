import type { OfflineN } from '../../protocol/packets.ts';
import { Backoff, type BackoffOptions } from '../timing/backoff.ts';
import { Alarm, type Clock } from '../timing/clock.ts';
import { AckBatcher } from './ack-batcher.ts';
import type { OnResult, DeliveryResult } from './delivery-result.ts';
import { MAX_ENTRIES } from './limits.ts';

type Message = OfflineN['messages'][number];
type Receipt = OfflineN['receipts'][number];

export interface MailboxSyncOptions {
  readonly clock: Clock;
  readonly random: () => number;
  /** How many entries to ask for at a time. */
  readonly limit: number;
  /** How long to wait for the offline:N, milliseconds. */
  readonly timeoutMs: number;
  /** Pauses before asking again after a refusal, or when the application could not take an entry. */
  readonly retry: BackoffOptions;
  readonly ask: (limit: number) => void;
  readonly confirmKeys: (keys: string[]) => void;
  /** Is there anybody to hand messages to? */
  readonly hasHandler: () => boolean;
  readonly message: (message: Message, onResult: OnResult) => void;
  readonly receipt: (receipt: Receipt, onResult: OnResult) => void;
  /** What was not handed on fills the head of the mailbox: `done` where somebody else answers for it. */
  readonly putAsideMessage: (message: Message, onResult: OnResult) => void;
  readonly giveUpReceipt: (receipt: Receipt, onResult: OnResult) => void;
  /** `kept` of `stuck` entries were put aside, so that the mailbox can be read on. */
  readonly putAside: (kept: number, stuck: number) => void;
  /** Called when all that the mailbox holds has been read, or as much as can be now. */
  readonly read: () => void;
}

interface Entry {
  readonly key: string;
  /** A message: its key is waited for, in the mailbox behind it. */
  readonly hurry: boolean;
  readonly deliver: (onResult: OnResult) => void;
  readonly putAside: (onResult: OnResult) => void;
}

interface Page {
  readonly connection: number;
  readonly size: number;
  readonly more: boolean;
  /** As much as one answer can hold: asking for more entries would not show what is behind them. */
  readonly full: boolean;
  /** The answer to an earlier question. */
  readonly outdated: boolean;
  /** Entries whose result is not known; a slow one counts as known. */
  open: number;
  failed: number;
  /** Entries that are not handed on. */
  readonly stuck: Set<Entry>;
}

/**
 * Empties the mailbox (PROTOCOL: what a client must do, 5): after every login, at a hint, and while there is more; one
 * page at a time. Each entry is confirmed once the application has it; what it could not take stays in the mailbox and
 * is asked for again after a while.
 *
 * The next page is asked for when the result of each entry of this one is known. If some failed just now, there is a pause
 * before: the application may be down, and should not fail on the whole mailbox. What stays is at the head of the
 * mailbox from then on; so more entries are asked for, to look beyond it. If half of a full page stays, it is put
 * aside (`putAsideMessage`).
 */
export class MailboxSync {
  readonly #options: MailboxSyncOptions;
  readonly #alarm: Alarm;
  readonly #backoff: Backoff;
  readonly #acks: AckBatcher;
  #online = false;
  /** Counts connections: what was read from one is not confirmed on another. */
  #connection = 0;
  /** An offline:R has no answer yet. */
  #asked = false;
  #limit = 0;
  /** Pages under way to the application. */
  #pages = 0;
  /** A hint came meanwhile. */
  #again = false;
  #leftover = false;

  constructor(options: MailboxSyncOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.clock, () => this.#ask());
    this.#backoff = new Backoff(options.retry, options.random);
    this.#acks = new AckBatcher(options.clock, options.confirmKeys);
  }

  online(): void {
    this.offline();
    this.#online = true;
    this.#ask();
  }

  offline(): void {
    this.#online = false;
    this.#connection++;
    this.#asked = false;
    this.#again = false;
    this.#pages = 0;
    this.#alarm.clear();
    this.#backoff.reset();
    this.#acks.offline();
  }

  /** Asks no more; what was read already is still confirmed. */
  drain(): void {
    this.#online = false;
    this.#alarm.clear();
  }

  /** offline:N came: an answer, or a hint (empty lists and `more`). */
  arrived({ messages, receipts, more }: OfflineN): void {
    if (messages.length + receipts.length === 0 && more) {
      this.#hinted();
      return;
    }
    const { message, receipt, putAsideMessage, giveUpReceipt } = this.#options;
    const entries: Entry[] = [
      ...messages.map((m) => ({
        ...{ key: m.key, hurry: true },
        deliver: (onResult: OnResult) => message(m, onResult),
        putAside: (onResult: OnResult) => putAsideMessage(m, onResult),
      })),
      ...receipts.map((r) => ({
        ...{ key: r.key, hurry: false },
        deliver: (onResult: OnResult) => receipt(r, onResult),
        putAside: (onResult: OnResult) => giveUpReceipt(r, onResult),
      })),
    ];
    this.#deliver(entries, more);
  }

  /** What was left in the mailbox may be taken now. @returns whether the mailbox is being read */
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
  confirmRefused(): void {
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
    if (this.#pages > 0) {
      this.#again = true;
      return;
    }
    this.#acks.asking();
    this.#asked = true;
    this.#again = false;
    this.#alarm.in(this.#options.timeoutMs);
    // What could not be handed on is at the head of the mailbox: look beyond it.
    this.#limit = this.#leftover ? MAX_ENTRIES : this.#options.limit;
    this.#options.ask(this.#limit);
  }

  #askLater(): void {
    if (this.#online) this.#alarm.in(this.#backoff.next());
  }

  #deliver(entries: readonly Entry[], more: boolean): void {
    const outdated = this.#acks.outdated(entries.map(({ key }) => key));
    const full = this.#limit === MAX_ENTRIES || entries.length < this.#limit;
    const page: Page = {
      ...{ connection: this.#connection, size: entries.length, more, full, outdated },
      ...{ open: entries.length + 1, failed: 0, stuck: new Set<Entry>() },
    };
    if (!outdated) {
      this.#asked = false;
      this.#alarm.clear();
    }
    this.#pages++;
    for (const entry of entries) this.#deliverEntry(page, entry);
    if (!more && !outdated && !this.#again) this.#options.read();
    this.#settled(page); // an empty mailbox, too, is a page
  }

  #deliverEntry(page: Page, entry: Entry): void {
    let known = false;
    entry.deliver((result) => {
      if (page.connection !== this.#connection) return;
      this.#note(page, entry, result);
      if (known) return;
      known = true;
      if (result === 'failed') page.failed++;
      this.#settled(page);
    });
  }

  #note(page: Page, entry: Entry, result: DeliveryResult): void {
    if (result !== 'done') {
      page.stuck.add(entry);
      return;
    }
    page.stuck.delete(entry);
    this.#acks.add(entry.key, entry.hurry);
  }

  #settled(page: Page): void {
    if (--page.open > 0) return;
    const { size, stuck, more, full, outdated } = page;
    this.#pages--;
    this.#acks.flush();
    if (outdated) return;
    this.#leftover = stuck.size > 0;
    if (stuck.size < size || size === 0) this.#backoff.reset();
    if (more && full && 2 * stuck.size >= size && this.#options.hasHandler()) this.#putAside(page);
    else this.#goOn(page, true);
  }

  #putAside(page: Page): void {
    const { stuck } = page;
    const before = stuck.size;
    let open = before;
    this.#pages++;
    for (const entry of [...stuck])
      entry.putAside((result) => {
        if (page.connection !== this.#connection) return;
        this.#note(page, entry, result);
        if (--open > 0) return;
        this.#pages--;
        const kept = before - stuck.size;
        this.#acks.flush();
        this.#options.putAside(kept, before);
        this.#goOn(page, kept > 0);
      });
  }

  /** @param beyond whether asking now would show what is behind the entries that are stuck */
  #goOn({ stuck, failed, more }: Page, beyond: boolean): void {
    const stay = stuck.size > 0 && (failed > 0 || !beyond || !this.#options.hasHandler());
    if (this.#again || (more && !stay)) {
      this.#ask();
      return;
    }
    if (stuck.size > 0 && this.#options.hasHandler()) this.#askLater();
    this.#options.read();
  }
}
