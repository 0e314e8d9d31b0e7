import { render } from 'preact';
import '../../shared/style/base.css';
import './style/base.css';
import './style/people.css';
import './style/chat.css';
import './style/wire.css';
import './style/story.css';
import { Demo } from './demo.ts';
import { Control } from './io/control.ts';
import { type DemoConfig, fetchConfig } from './io/demo-api.ts';
import { takeRoom } from './io/room.ts';
import { emptyWorld } from './model/world.ts';
import { Store } from './store.ts';
import { App } from './ui/app.tsx';
import { Refused } from './ui/refused.tsx';

/** While the page is visible, it asks this often which processes run and what they did, milliseconds. */
const ASK_EVERY_MS = 1_000;

const root = document.querySelector('#app') ?? document.body;

const ownUrl = () => `${location.protocol.replace('http', 'ws')}//${location.host}/ws`;

async function begin(config: DemoConfig): Promise<void> {
  const named = config.gateways.map((url, index) => ({ name: `gateway-${index + 1}`, url }));
  const gateways = named.length > 0 ? named : [{ name: config.gateway, url: ownUrl() }];
  const control = config.control && new Control(config.control);
  const demo = new Demo(new Store(emptyWorld(gateways)), control, await takeRoom());
  demo.start();
  render(<App demo={demo} />, root);
  if (!control) return;
  const ask = () => {
    if (document.hidden) return;
    for (const refresh of [demo.refreshProcesses(), demo.refreshSteps()]) refresh.catch(() => undefined);
  };
  ask();
  setInterval(ask, ASK_EVERY_MS);
}

fetchConfig().then(
  (config) =>
    config.tokens
      ? begin(config)
      : render(<Refused why="This gateway has no AUTH_SECRET to sign tokens with." />, root),
  (error: unknown) => render(<Refused why={error instanceof Error ? error.message : String(error)} />, root),
);
