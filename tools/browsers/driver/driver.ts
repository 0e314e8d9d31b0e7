export type Modifier = 'Shift' | 'Alt';

/** A tab of a browser. */
export interface Tab {
  /** Runs an expression in the page and awaits its promise. @returns its value, which passes as JSON */
  evaluate(expression: string): Promise<unknown>;
  /** Begins to load the page again, as a user does. */
  reload(): Promise<void>;
  close(): Promise<void>;
  /** Ends the process of the page. The tab is of no use afterwards, but to be closed. */
  crash(): Promise<void>;
  /** Sets the size of the window's inside, CSS pixels. */
  resize(width: number, height: number): Promise<void>;
  /** Presses and releases a key of the keyboard: a character, or Tab, Enter, Escape, ArrowUp, ArrowDown. */
  press(key: string, modifier?: Modifier): Promise<void>;
  /** What the window shows, as PNG. */
  screenshot(): Promise<Buffer>;
  /** What the user's system prefers. */
  prefer(scheme: 'light' | 'dark'): Promise<void>;
  /** What the page holds, bytes: its heap, or its process where the browser tells no more. Only differences mean something. */
  memory(): Promise<number>;
  /** Freezes the page, as the browser does with tabs in the background, or ends that. Absent where it cannot be asked for. */
  freeze?(frozen: boolean): Promise<void>;
}

/** A connection to a browser that runs. */
export interface Driver {
  /** Opens a tab, and begins to load the page. */
  open(url: string): Promise<Tab>;
  /** Ends the connection, not the browser. */
  close(): void;
}

/** How one kind of browser is started and driven. */
export interface BrowserKind {
  readonly name: string;
  /** Programs, the first that is there is taken. */
  readonly programs: readonly string[];
  /** The Debian package that brings the first. */
  readonly debianPackage: string;
  readonly env: Readonly<Record<string, string>>;
  /** Arguments, for a profile in this folder. */
  args(profile: string): string[];
  /** Puts settings into a new profile. */
  prepare(profile: string): Promise<void>;
  /** What it prints when it listens, with the address. */
  readonly listening: RegExp;
  connect(address: string): Promise<Driver>;
}

/** An expression whose value is the JSON of another's: protocols have formats of their own for objects. */
export const asJson = (expression: string): string =>
  `(async () => JSON.stringify((await (${expression})) ?? null))()`;
