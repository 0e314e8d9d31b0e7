/** What an application does to get a token. Whatever the endpoint says is handed on as it is. */
export async function fetchTokenFrom(endpoint: string, user: string): Promise<string> {
  return tokenFrom(await fetch(`${endpoint}?user=${encodeURIComponent(user)}`));
}

/** What a back end does to get a service token. */
export async function fetchServiceTokenFrom(endpoint: string, signal: AbortSignal): Promise<string> {
  return tokenFrom(await fetch(endpoint, { signal }));
}

async function tokenFrom(response: Response): Promise<string> {
  if (!response.ok) throw new Error(`the token endpoint answered ${response.status}`);
  return ((await response.json()) as { token: string }).token;
}
