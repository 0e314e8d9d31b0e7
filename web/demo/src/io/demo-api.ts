/** What the gateway of this page says about itself. */
export interface DemoConfig {
  gateway: string;
  gateways: string[];
  tokens: boolean;
  control?: { url: string; token: string };
}

/** @throws Error with the gateway's message */
async function read<T>(response: Promise<Response>): Promise<T> {
  const answer = await response;
  const body = (await answer.json()) as T & { message?: string };
  if (!answer.ok) throw new Error(body.message ?? `status ${answer.status}`);
  return body;
}

export const fetchConfig = (): Promise<DemoConfig> => read(fetch('/demo/config'));

/** A token for this user, valid for minutes. */
export async function fetchToken(user: string): Promise<string> {
  const headers = { 'Content-Type': 'application/json' };
  const asked = fetch('/demo/tokens', { method: 'POST', headers, body: JSON.stringify({ user }) });
  return (await read<{ token: string }>(asked)).token;
}
