import { type Client, connect } from '#libs/client/index.ts';
import type { Browser } from '../browsers/browser.ts';
import type { Tab } from '../browsers/driver/driver.ts';
import { signToken } from '../stack/token.ts';
import { until } from '../stack/until.ts';
import type { Built } from './build.ts';
import type { BundleSite, Visit } from './site.ts';

const PATIENCE_MS = 60_000;
/** So many messages each way, before and after the page is loaded again. */
const MESSAGES = 5;

/** Where pages are, and the gateway that they connect to. */
export interface Place {
  readonly site: BundleSite;
  readonly url: string;
  readonly secret: string;
}

/**
 * Opens a page in a browser, has its user and a peer send messages to each other, loads the page again, and looks at what it
 * shows and saved.
 * @throws Error that says what is wrong
 */
export async function visit(browser: Browser, built: Built, { site, url, secret }: Place): Promise<void> {
  const name = `${browser.name}-${built.name}`;
  const [user, peer] = [`user-${name}`, `peer-${name}`];
  const page: Visit = {
    folder: built.folder,
    me: { url, user, peer },
    token: () => signToken(secret, user),
    saved: [],
  };
  const got: string[] = [];
  const other = connect({ url, token: await signToken(secret, peer) });
  other.onMessage(({ id }) => got.push(id));
  const tab = await browser.open(site.add(name, page));
  try {
    await converse({ tab, other, user, page, got }, 1);
    await tab.evaluate("document.title = 'before'");
    await tab.reload();
    await until(async () => (await tab.evaluate('document.title')) !== 'before', {
      what: 'the page to load',
    });
    await converse({ tab, other, user, page, got }, 2);
    checkOnce('saved', page.saved);
    if (new Set(got).size !== got.length) throw new Error(`the peer got a message twice: ${got.join(' ')}`);
  } finally {
    await Promise.all([tab.close(), other.close({ flushMs: 0 })]);
  }
}

interface Conversation {
  readonly tab: Tab;
  readonly other: Client;
  readonly user: string;
  readonly page: Visit;
  readonly got: readonly string[];
}

/** Messages in both directions, until the page shows them and the states. */
async function converse({ tab, other, user, page, got }: Conversation, round: number): Promise<void> {
  await shows(tab, '#status', ['online']);
  const texts = Array.from({ length: MESSAGES }, (_, n) => `round ${round}, message ${n}`);
  for (const text of texts) {
    other.send(user, { text });
    await tab.evaluate(
      `void (document.querySelector('input').value = ${JSON.stringify(text)}, document.querySelector('form').requestSubmit())`,
    );
  }
  const states = texts.map(() => 'delivered');
  await shows(
    tab,
    '#messages li',
    texts.map((text) => JSON.stringify({ text })),
  );
  await shows(tab, '#sent li', states);
  const both = () => page.saved.length >= round * MESSAGES && got.length >= round * MESSAGES;
  await until(both, { what: 'all messages to be saved', timeoutMs: PATIENCE_MS });
}

/** Waits until the elements have exactly these texts. */
async function shows(tab: Tab, selector: string, texts: readonly string[]): Promise<void> {
  const read = `[...document.querySelectorAll('${selector}')].map(({ textContent }) => textContent)`;
  let last: unknown;
  const wanted = JSON.stringify(texts);
  const right = async () => JSON.stringify((last = await tab.evaluate(read))) === wanted;
  await until(right, { what: selector, timeoutMs: PATIENCE_MS }).catch((cause: unknown) => {
    throw new Error(`${selector} is ${JSON.stringify(last)}, not ${wanted}`, { cause });
  });
}

/** @throws Error when a message came twice, and nothing said that it may have */
function checkOnce(what: string, messages: Visit['saved']): void {
  const ids = messages.filter(({ again }) => again !== true).map(({ from, id }) => `${from} ${id}`);
  if (new Set(ids).size !== ids.length) throw new Error(`${what} twice: ${ids.join(', ')}`);
}
