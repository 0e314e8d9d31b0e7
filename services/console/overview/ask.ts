import { get, type IncomingMessage } from 'node:http';
import { get as getSecurely } from 'node:https';

const TIMEOUT_MS = 2_000;
/** Longest answer, bytes: /metrics of a gateway has 60 KB. */
const MAX_BYTES = 4_194_304;

/**
 * Fetches a page of a service. Certificates name the address of the clients, not this one: they are not checked, and nothing
 * secret is sent or believed.
 *
 * @throws Error when there is no whole answer in time
 */
export function ask(url: string): Promise<{ status: number; text: string }> {
  const options = { rejectUnauthorized: false, agent: false, signal: AbortSignal.timeout(TIMEOUT_MS) };
  return new Promise((resolve, reject) => {
    (url.startsWith('https:') ? getSecurely : get)(url, options, (response) => {
      read(response).then((text) => resolve({ status: response.statusCode ?? 0, text }), reject);
    }).on('error', reject);
  });
}

async function read(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) throw new Error(`its answer is longer than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
