import { useState } from 'preact/hooks';
import type { Login } from '../io/session.ts';
import { Logo } from './icons.tsx';

/** What the protocol allows as a user id. */
const NAME = '[A-Za-z0-9._:@\\-]{1,128}';

/** Asks for the token. */
export function LoginForm({ refused, enter }: { refused: boolean; enter: (login: Login) => void }) {
  const [token, setToken] = useState('');
  const [operator, setOperator] = useState('');
  const submit = (event: Event) => {
    event.preventDefault();
    enter({ token: token.trim(), operator: operator.trim() });
  };
  return (
    <main class="login">
      <form class="login-card" onSubmit={submit}>
        <h1>
          <Logo /> Sixfold console
        </h1>
        {refused && <Refused />}
        <label class="field">
          <span>Token</span>
          <input
            class="input"
            type="password"
            name="token"
            required
            autocomplete="off"
            value={token}
            onInput={({ currentTarget }) => setToken(currentTarget.value)}
          />
        </label>
        <label class="field">
          <span>Your name, for the log (optional)</span>
          <input
            class="input"
            name="operator"
            pattern={NAME}
            title="Letters, digits and . _ : @ -"
            autocomplete="username"
            value={operator}
            onInput={({ currentTarget }) => setOperator(currentTarget.value)}
          />
        </label>
        <button type="submit" class="button primary">
          Log in
        </button>
        <Hint />
      </form>
    </main>
  );
}

const Refused = () => (
  <p class="note bad" role="alert">
    <strong>The token is not right.</strong> The console has a new one after each start of{' '}
    <code>npm run console</code>, unless CONSOLE_TOKEN is set.
  </p>
);

const Hint = () => (
  <p class="hint">
    <code>npm run console</code> prints an address that has the token. With docker compose:{' '}
    <code>docker compose exec console cat /run/sixfold/console-token</code>
  </p>
);
