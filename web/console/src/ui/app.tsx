import type { FunctionComponent } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { Api } from '../io/api.ts';
import { forgetLogin, keepLogin, type Login } from '../io/session.ts';
import { hashOf, type Route, routeOf, type View, VIEWS } from '../model/route.ts';
import { ConsoleContext } from './context.ts';
import { DeadView } from './dead.tsx';
import { Glyph, Logo } from './icons.tsx';
import { LoginForm } from './login.tsx';
import { OverviewView } from './overview.tsx';
import { PartitionsView } from './partitions.tsx';
import { SlowView } from './slow.tsx';
import { Status } from './status.tsx';
import { TraceView } from './trace.tsx';
import { useOverview } from './use-overview.ts';
import { UsersView } from './users.tsx';

const TITLES: Record<View, string> = {
  overview: 'Overview',
  users: 'Users',
  trace: 'Trace',
  dead: 'Dead letters',
  partitions: 'Partitions',
  slow: 'Slow receivers',
};

const PAGES: Record<View, FunctionComponent<{ params: Route['params'] }>> = {
  overview: OverviewView,
  users: UsersView,
  trace: TraceView,
  dead: DeadView,
  partitions: PartitionsView,
  slow: SlowView,
};

/** The login, or the console. */
export function App({ begin }: { begin: Login | undefined }) {
  const [login, setLogin] = useState(begin);
  const [refused, setRefused] = useState(false);
  const leave = (isRefused: boolean) => {
    forgetLogin();
    setRefused(isRefused);
    setLogin(undefined);
  };
  const enter = (one: Login) => {
    keepLogin(one);
    setRefused(false);
    setLogin(one);
  };
  if (!login) return <LoginForm {...{ refused, enter }} />;
  return <Shell login={login} leave={leave} />;
}

function Shell({ login, leave }: { login: Login; leave: (refused: boolean) => void }) {
  const api = useMemo(() => new Api(login, () => leave(true)), [login]);
  const overview = useOverview(api);
  const { view, params } = useRoute();
  const [said, setSaid] = useState('');
  const Page = PAGES[view];
  return (
    <ConsoleContext.Provider value={{ api, overview, announce: setSaid }}>
      <div class="shell">
        <header class="top">
          <p class="brand">
            <Logo /> Sixfold <span>console</span>
          </p>
          <Status overview={overview} />
          <button type="button" class="button quiet" onClick={() => leave(false)}>
            <Glyph name="out" /> <span>Log out</span>
          </button>
        </header>
        <nav class="nav" aria-label="Views">
          {VIEWS.map((one) => (
            <a key={one} href={hashOf(one)} aria-current={one === view ? 'page' : undefined}>
              <Glyph name={one} /> {TITLES[one]}
            </a>
          ))}
        </nav>
        <main class="main" id="main">
          <h1 tabIndex={-1}>{TITLES[view]}</h1>
          <Page params={params} />
        </main>
        <p class="said" role="status">
          {said}
        </p>
      </div>
    </ConsoleContext.Provider>
  );
}

/** The view of the address. After a change of the view its heading has the focus, as after the load of a page. */
function useRoute(): Route {
  const [route, setRoute] = useState(routeOf(location.hash));
  const shown = useRef(route.view);
  useEffect(() => {
    const onChange = () => setRoute(routeOf(location.hash));
    addEventListener('hashchange', onChange);
    return () => removeEventListener('hashchange', onChange);
  }, []);
  useEffect(() => {
    document.title = `${TITLES[route.view]} – Sixfold console`;
    document.querySelector('.nav [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    if (shown.current !== route.view) document.querySelector<HTMLElement>('h1')?.focus();
    shown.current = route.view;
  }, [route.view]);
  return route;
}
