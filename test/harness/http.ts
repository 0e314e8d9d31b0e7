import type { ServiceHandle } from '../../tools/testkit/service-handle.ts';

/** What a gateway answered over HTTP. */
export interface HttpAnswer {
  status: number;
  /** The body, parsed; undefined where there is none. */
  json: unknown;
  headers: Headers;
}

/** Sends a request to /v1 of a gateway. @param body a value, written as JSON, or a text as it is */
export async function http(
  gateway: ServiceHandle | undefined,
  method: string,
  path: string,
  {
    token,
    body,
    type = 'application/json',
    headers = {},
  }: { token?: string; body?: unknown; type?: string; headers?: Record<string, string> } = {},
): Promise<HttpAnswer> {
  if (!gateway) throw new Error('the stack has no such gateway');
  const response = await fetch(`${gateway.http}/v1${path}`, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': type }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const json: unknown = text === '' ? undefined : JSON.parse(text);
  return { status: response.status, json, headers: response.headers };
}
