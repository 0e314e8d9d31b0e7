import { asJson, type BrowserKind, type Driver, type Modifier, type Tab } from './driver.ts';
import { Rpc } from './rpc.ts';

/** What it would do by itself, and tests do not want: use the network, report crashes, ask questions. */
const QUIET = [
  ...['--no-first-run', '--no-default-browser-check', '--disable-gpu', '--disable-quic', '--mute-audio'],
  ...[
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--disable-extensions',
  ],
  ...['--disable-breakpad', '--disable-crash-reporter'],
  '--password-store=basic',
];

/** Chromium, by the DevTools Protocol. */
export const chromium: BrowserKind = {
  name: 'chromium',
  programs: ['chromium', 'google-chrome'],
  debianPackage: 'chromium',
  env: {},
  args: (profile) => [
    ...['--headless', '--remote-debugging-port=0', `--user-data-dir=${profile}`, ...QUIET],
    // Its sandbox refuses to run as root.
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    'about:blank',
  ],
  prepare: () => Promise.resolve(),
  listening: /DevTools listening on (ws:\S+)/,
  async connect(address): Promise<Driver> {
    const rpc = await Rpc.open(address);
    return { open: (url) => openTab(rpc, url), close: () => rpc.close() };
  },
};

interface Evaluated {
  result: { value?: string };
  exceptionDetails?: { text: string; exception?: { description?: string } };
}

async function openTab(rpc: Rpc, url: string): Promise<Tab> {
  const { targetId } = await rpc.call<{ targetId: string }>('Target.createTarget', { url });
  const attached = await rpc.call<{ sessionId: string }>('Target.attachToTarget', {
    targetId,
    flatten: true,
  });
  const session = { sessionId: attached.sessionId };
  return {
    async evaluate(expression) {
      const params = { expression: asJson(expression), awaitPromise: true, returnByValue: true };
      const { result, exceptionDetails } = await rpc.call<Evaluated>('Runtime.evaluate', params, session);
      const { text, exception } = exceptionDetails ?? {};
      if (text !== undefined) throw new Error(exception?.description ?? text);
      return JSON.parse(result.value ?? 'null') as unknown;
    },
    reload: () => rpc.order('Page.reload', {}, session),
    resize: (width, height) => {
      const params = { width, height, deviceScaleFactor: 1, mobile: false };
      return rpc.order('Emulation.setDeviceMetricsOverride', params, session);
    },
    close: () => rpc.order('Target.closeTarget', { targetId }),
    async press(key, modifier) {
      for (const type of ['keyDown', 'keyUp'])
        await rpc.order('Input.dispatchKeyEvent', { type, ...keyOf(key, modifier) }, session);
    },
    async screenshot() {
      const { data } = await rpc.call<{ data: string }>('Page.captureScreenshot', {}, session);
      return Buffer.from(data, 'base64');
    },
    prefer: (value) =>
      rpc.order(
        'Emulation.setEmulatedMedia',
        { features: [{ name: 'prefers-color-scheme', value }] },
        session,
      ),
    async crash() {
      await rpc.order('Inspector.enable', {}, session);
      const crashed = rpc.event('Inspector.targetCrashed', session.sessionId);
      rpc.call('Page.crash', {}, session).catch(() => undefined); // the page cannot answer any more
      await crashed;
    },
    async memory() {
      await rpc.order('HeapProfiler.collectGarbage', {}, session);
      return (await rpc.call<{ usedSize: number }>('Runtime.getHeapUsage', {}, session)).usedSize;
    },
    freeze: (frozen) =>
      rpc.order('Page.setWebLifecycleState', { state: frozen ? 'frozen' : 'active' }, session),
  };
}

/** Virtual key codes of Windows, which the DevTools Protocol wants, and what the key writes. */
const NAMED: Record<string, { windowsVirtualKeyCode: number; text?: string }> = {
  Tab: { windowsVirtualKeyCode: 9 },
  Enter: { windowsVirtualKeyCode: 13, text: '\r' },
  Escape: { windowsVirtualKeyCode: 27 },
  ArrowUp: { windowsVirtualKeyCode: 38 },
  ArrowDown: { windowsVirtualKeyCode: 40 },
};
const MODIFIERS: Record<Modifier, number> = { Alt: 1, Shift: 8 };

function keyOf(key: string, modifier?: Modifier): object {
  const modifiers = modifier === undefined ? 0 : MODIFIERS[modifier];
  const named = NAMED[key];
  if (named) return { key, code: key, modifiers, ...named };
  const code = /^\d$/.test(key) ? `Digit${key}` : `Key${key.toUpperCase()}`;
  return { key, code, modifiers, ...(modifier !== 'Alt' && { text: key }) };
}
