import { z } from 'zod';

/** May `from` write to `to`? @throws when there is no answer */
export type AskIfAllowed = (from: string, to: string, signal: AbortSignal) => Promise<boolean>;

/** Largest answer that is read, bytes. */
const MAX_ANSWER_BYTES = 4_096;

const Answer = z.object({ allow: z.boolean() });

/**
 * Asks at AUTHORIZE_URL: POST {"from","to"}, answered by 200 {"allow": true | false}. Everything else is a failure:
 * a 403 or 404 may come from a proxy, and a client does not repeat a message that was refused as forbidden.
 */
export function createAuthorizeClient(url: string): AskIfAllowed {
  return async (from, to, signal) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ from, to }),
      redirect: 'manual',
      signal,
    });
    const text = response.status === 200 ? await readText(response) : undefined;
    if (text === undefined) {
      await response.body?.cancel();
      throw new Error(`no answer of at most ${MAX_ANSWER_BYTES} bytes with status 200: ${response.status}`);
    }
    const answer = Answer.safeParse(parse(text));
    if (!answer.success) throw new Error('the answer is neither {"allow":true} nor {"allow":false}');
    return answer.data.allow;
  };
}

/** The body; undefined if it is too large. */
async function readText({ body }: Response): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > MAX_ANSWER_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** The error of JSON.parse would quote the answer, and that would go to the log. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
