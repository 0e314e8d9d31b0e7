import { render } from 'preact';
import '../../shared/style/base.css';
import './style/shell.css';
import './style/parts.css';
import { readLogin } from './io/session.ts';
import { loginOf } from './model/route.ts';
import { App } from './ui/app.tsx';

// An address with another token, in the same tab.
addEventListener('hashchange', () => {
  if (loginOf(location.hash)) location.reload();
});

render(<App begin={readLogin()} />, document.querySelector('#app') ?? document.body);
