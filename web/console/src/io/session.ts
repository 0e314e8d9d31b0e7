import { loginOf } from '../model/route.ts';

/** Who works in this tab, and with which token. */
export interface Login {
  token: string;
  /** For the log of the console. */
  operator: string;
}

const KEY = 'sixfold-console';

/** For as long as the tab lives. The address loses the token at once: it would stay in the history. */
export function readLogin(): Login | undefined {
  const given = loginOf(location.hash);
  if (given) {
    keepLogin(given);
    history.replaceState(null, '', '#/overview');
    return given;
  }
  const kept = sessionStorage.getItem(KEY);
  return kept === null ? undefined : (JSON.parse(kept) as Login);
}

export function keepLogin(login: Login): void {
  sessionStorage.setItem(KEY, JSON.stringify(login));
}

export function forgetLogin(): void {
  sessionStorage.removeItem(KEY);
}
