import type { OfflineN } from '../../protocol/packets.ts';
import { Backoff, type BackoffOptions } from '../timing/backoff.ts';
import { Alarm, type Clock } from '../timing/clock.ts';
import { Confirms } from './confirms.ts';
import type { Confirm, Fate } from './fate.ts';
import { MAX_ENTRIES } from './limits.ts';

type Message = OfflineN['messages'][number];
type Receipt = OfflineN['receipts'][number];

export interface PullOptions {
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
  readonly canHand: () => boolean;
  readonly message: (message: Message, confirm: Confirm) => void;
  readonly receipt: (receipt: Receipt, confirm: Confirm) => void;
  /** What was not handed on fills the head of the mailbox: `handed` where somebody else answers for it. */
  readonly keepMessage: (message: Message, confirm: Confirm) => void;
  readonly keepReceipt: (receipt: Receipt, confirm: Confirm) => void;
  /** `kept` of `stuck` entries were put aside, so that the mailbox can be read on. */
  readonly crowded: (kept: number, stuck: number) => void;
  /** Called when all that the mailbox holds has been read, or as much as can be now. */
  readonly read: () => void;
}

interface Entry {
  readonly key: string;
  /** A message: its key is waited for, in the mailbox behind it. */
  readonly hurry: boolean;
  readonly hand: (confirm: Confirm) => void;
  readonly keep: (confirm: Confirm) => void;
}

interface Page {
  readonly connection: number;
  readonly size: number;
  readonly more: boolean;
  /** As much as one answer can hold: asking for more entries would not show what is behind them. */
  readonly full: boolean;
  /** The answer to an earlier question. */
  readonly outdated: boolean;
  /** Entries whose fate is not known; a slow one counts as known. */
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
 * The next page is asked for when the fate of each entry of this one is known. If some failed just now, there is a pause
 * before: the application may be down, and should not fail on the whole mailbox. What stays is at the head of the
 * mailbox from then on; so more entries are asked for, to look beyond it. If half of a full page stays, it is put
 * aside (`keepMessage`).
 */
export class Pull {
  readonly #options: PullOptions;
  readonly #alarm: Alarm;
  readonly #backoff: Backoff;
  readonly #confirms: Confirms;
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

  constructor(options: PullOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.clock, () => this.#ask());
    this.#backoff = new Backoff(options.retry, options.random);
    this.#confirms = new Confirms(options.clock, options.confirmKeys);
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
    this.#confirms.offline();
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
    const { message, receipt, keepMessage, keepReceipt } = this.#options;
    const entries: Entry[] = [
      ...messages.map((m) => ({
        ...{ key: m.key, hurry: true },
        hand: (confirm: Confirm) => message(m, confirm),
        keep: (confirm: Confirm) => keepMessage(m, confirm),
      })),
      ...receipts.map((r) => ({
        ...{ key: r.key, hurry: false },
        hand: (confirm: Confirm) => receipt(r, confirm),
        keep: (confirm: Confirm) => keepReceipt(r, confirm),
      })),
    ];
    this.#handOn(entries, more);
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
    this.#confirms.refused();
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
    this.#confirms.asking();
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

  #handOn(entries: readonly Entry[], more: boolean): void {
    const outdated = this.#confirms.outdated(entries.map(({ key }) => key));
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
    for (const entry of entries) this.#hand(page, entry);
    if (!more && !outdated && !this.#again) this.#options.read();
    this.#settled(page); // an empty mailbox, too, is a page
  }

  #hand(page: Page, entry: Entry): void {
    let known = false;
    entry.hand((fate) => {
      if (page.connection !== this.#connection) return;
      this.#note(page, entry, fate);
      if (known) return;
      known = true;
      if (fate === 'failed') page.failed++;
      this.#settled(page);
    });
  }

  #note(page: Page, entry: Entry, fate: Fate): void {
    if (fate !== 'handed') {
      page.stuck.add(entry);
      return;
    }
    page.stuck.delete(entry);
    this.#confirms.add(entry.key, entry.hurry);
  }

  #settled(page: Page): void {
    if (--page.open > 0) return;
    const { size, stuck, more, full, outdated } = page;
    this.#pages--;
    this.#confirms.flush();
    if (outdated) return;
    this.#leftover = stuck.size > 0;
    if (stuck.size < size || size === 0) this.#backoff.reset();
    if (more && full && 2 * stuck.size >= size && this.#options.canHand()) this.#putAside(page);
    else this.#goOn(page, true);
  }

  #putAside(page: Page): void {
    const { stuck } = page;
    const before = stuck.size;
    let open = before;
    this.#pages++;
    for (const entry of [...stuck])
      entry.keep((fate) => {
        if (page.connection !== this.#connection) return;
        this.#note(page, entry, fate);
        if (--open > 0) return;
        this.#pages--;
        const kept = before - stuck.size;
        this.#confirms.flush();
        this.#options.crowded(kept, before);
        this.#goOn(page, kept > 0);
      });
  }

  /** @param beyond whether asking now would show what is behind the entries that are stuck */
  #goOn({ stuck, failed, more }: Page, beyond: boolean): void {
    const stay = stuck.size > 0 && (failed > 0 || !beyond || !this.#options.canHand());
    if (this.#again || (more && !stay)) {
      this.#ask();
      return;
    }
    if (stuck.size > 0 && this.#options.canHand()) this.#askLater();
    this.#options.read();
  }
}
