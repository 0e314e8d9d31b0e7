/// <reference lib="dom" />
import { type Counter, REPORT_MS } from '../../clients/counter.ts';
import type { Command, Orders } from '../../clients/orders.ts';
import { runClients } from '../../clients/run-clients.ts';
import { Journal } from './journal.ts';
import { pagePlatform } from './page-platform.ts';

/** The page of a browser full of clients: as clients/main.ts, with HTTP in place of files and the channel to the parent. */
async function main(): Promise<void> {
  const post = (path: string, body?: string) => fetch(path, { method: 'POST', body: body ?? null });
  const orders = (await (await post(`/orders${location.search}`)).json()) as Orders;
  const { run } = orders;
  const journal = new Journal(run);
  const clients = runClients(orders, pagePlatform(journal), {
    history: [],
    write: (event) => journal.write(event),
    ...{ report, beats },
  });
  let ending = false;

  /** The site has the clock: the browser throttles the timers of a page in the background, to one a minute in the end. */
  function beats(beat: () => void): () => void {
    const over = new AbortController();
    void (async () => {
      while (!over.signal.aborted) {
        await post('/beat').catch(() => new Promise((resolve) => setTimeout(resolve, REPORT_MS)));
        beat();
      }
    })();
    return () => over.abort();
  }

  function report(counter: Counter): void {
    post(`/counter?run=${run}`, JSON.stringify(counter))
      .then((response) => response.text())
      .then(obey, () => undefined); // the page goes
  }

  function obey(command: string): void {
    if (command === ('settle' satisfies Command)) clients.settle();
    if (command !== ('end' satisfies Command) || ending) return;
    ending = true;
    void clients
      .end()
      .then(() => journal.written())
      .then(() => post(`/ended?run=${run}`));
  }
}

void main();
