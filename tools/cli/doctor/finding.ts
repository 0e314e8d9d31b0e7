/** What doctor found out about one thing. */
export interface Finding {
  level: 'ok' | 'warning' | 'problem';
  /** What was looked at, such as an address without its password. */
  about: string;
  /** What is so. */
  what: string;
  /** What to do about it. */
  advice?: string;
}

/** A part of the system, and how it says what is so. */
export class Findings {
  readonly list: Finding[] = [];
  readonly #about: string;

  constructor(about: string) {
    this.#about = about;
  }

  ok(what: string): void {
    this.list.push({ level: 'ok', about: this.#about, what });
  }

  warning(what: string, advice: string): void {
    this.list.push({ level: 'warning', about: this.#about, what, advice });
  }

  problem(what: string, advice: string): void {
    this.list.push({ level: 'problem', about: this.#about, what, advice });
  }
}

/** An error in a few words. */
export const said = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const inner = error.cause instanceof Error ? said(error.cause) : undefined;
  return error.message === ''
    ? (code ?? inner ?? error.name)
    : inner
      ? `${error.message}: ${inner}`
      : error.message;
};

/** An address without its password. */
export function withoutPassword(address: string): string {
  if (!URL.canParse(address)) return 'an address that cannot be read';
  const url = new URL(address);
  return `${url.protocol}//${url.host}${url.pathname}`;
}
