/// <reference lib="dom" />
import type { WorkerFetch } from './api.ts';

/** Registers the service worker, and has it fetch the mailbox. @returns ids of the messages that are new */
export async function fetchInWorker(options: WorkerFetch): Promise<string[]> {
  const { serviceWorker } = navigator;
  await serviceWorker.register('/worker.js');
  const { active } = await serviceWorker.ready;
  const { port1, port2 } = new MessageChannel();
  const answer = new Promise<string[]>((resolve, reject) => {
    port1.onmessage = ({ data }: MessageEvent<{ ids?: string[]; error?: string }>) =>
      data.ids ? resolve(data.ids) : reject(new Error(data.error));
  });
  active?.postMessage(options, [port2]);
  return answer.finally(() => port1.close());
}
