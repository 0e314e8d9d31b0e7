import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BROWSER_NAMES } from '../tools/browsers/browser.ts';
import { type DemoVisit, visitDemo } from './harness/demo-visit.ts';

/** How the demo page looks, from a phone to a wide screen, light and dark; and that everybody can use it. */

const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Width and height, pixels. */
const SCREENS = [
  [390, 844],
  [1_280, 900],
  [2_560, 1_300],
] as const;

/** What must not cover each other. */
const AREAS = ['.top', '.card[data-hue=p1]', '.card[data-hue=p2]', '.wire', '.story', '.switcher'];
/** A border may be shared, pixels. */
const TOUCH = 1;

interface Area {
  name: string;
  left: number;
  top: number;
  right: number;
  bottom: number;
}

const VISIBLE_AREAS = `${JSON.stringify(AREAS)}.flatMap((name) => {
  const element = document.querySelector(name);
  if (!element?.checkVisibility()) return [];
  const { left, top, right, bottom } = element.getBoundingClientRect();
  return [{ name, left, top, right, bottom }];
})`;

/** Numbers of colours that an image has in each of these areas, in steps of 16. */
const coloursIn = (png: Buffer, areas: readonly Area[]) => `(async () => {
  const bytes = Uint8Array.from(atob('${png.toString('base64')}'), (one) => one.charCodeAt(0));
  const image = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
  const context = new OffscreenCanvas(image.width, image.height).getContext('2d');
  context.drawImage(image, 0, 0);
  return ${JSON.stringify(areas)}.map(({ left, top, right, bottom }) => {
    const { data } = context.getImageData(left, top, right - left, bottom - top);
    const colours = new Set();
    for (let at = 0; at < data.length; at += 4) colours.add((data[at] >> 4 << 8) | (data[at + 1] >> 4 << 4) | data[at + 2] >> 4);
    return colours.size;
  });
})()`;

describe.each(BROWSER_NAMES)('%s', (name) => {
  let visit: DemoVisit;

  beforeAll(async () => {
    visit = await visitDemo(name);
    const { page } = visit;
    await page.send('p1', 'hello bob');
    await page.untilState('p1', 'hello bob', 'delivered');
    await page.send('p2', 'hello alice');
    await page.untilState('p2', 'hello alice', 'delivered');
  });

  afterAll(() => visit.end());

  /** On a phone the page shows one person, or the wire, at a time. */
  async function eachView(look: (view: string) => Promise<void>): Promise<void> {
    const { page } = visit;
    const views = (await page.evaluate(
      `[...document.querySelectorAll('.switch')].filter((each) => each.checkVisibility()).map((each) => each.firstChild.textContent)`,
    )) as string[];
    if (views.length === 0) await settled().then(() => look('all'));
    for (const view of views) {
      await page.evaluate(
        `[...document.querySelectorAll('.switch')].find((each) => each.firstChild.textContent === '${view}').click()`,
      );
      await page.until(
        `document.querySelector('.switch[aria-current]').firstChild.textContent === '${view}'`,
        view,
      );
      await settled();
      await look(view);
    }
  }

  /** What fades in is there; what moves all the time may move. */
  const settled = () =>
    visit.page.until(
      `document.getAnimations().every((each) =>
        each.playState !== 'running' || each.effect.getComputedTiming().endTime === Infinity)`,
      'the animations to end',
    );

  describe.each(['light', 'dark'] as const)('%s', (scheme) => {
    beforeAll(async () => {
      await visit.page.tab.prefer(scheme);
      await visit.page.until(`matchMedia('(prefers-color-scheme: ${scheme})').matches`, scheme);
    });

    test.each(SCREENS)(
      '%i pixels wide: nothing is blank, covered or beyond the edge',
      async (width, height) => {
        const { page } = visit;
        await page.tab.resize(width, height);
        await page.until(`innerWidth === ${width} && innerHeight === ${height}`, 'the size');
        await eachView(async (view) => {
          const areas = (await page.evaluate(VISIBLE_AREAS)) as Area[];
          expect(areas.length, view).toBeGreaterThanOrEqual(width < 800 ? 3 : 5);
          for (const [index, area] of areas.entries()) {
            expect(area, view).toSatisfy(({ left, top }: Area) => left >= 0 && top >= 0);
            expect(area, view).toSatisfy(({ right, bottom }: Area) => right <= width && bottom <= height);
            for (const other of areas.slice(index + 1)) expect([view, area, other]).toSatisfy(isApart);
          }
          const colours = (await page.evaluate(coloursIn(await page.tab.screenshot(), areas))) as number[];
          for (const [index, count] of colours.entries())
            expect(count, `${view} ${areas[index]?.name ?? ''}`).toBeGreaterThan(5);
          expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), view).toBe(0);
        });
      },
    );

    test.each([390, 1_280])('%i pixels wide: axe finds nothing', async (width) => {
      const { page } = visit;
      await page.tab.resize(width, 900);
      await page.until(`innerWidth === ${width}`, 'the size');
      await page.evaluate(`void (() => { ${AXE} })()`);
      await eachView(async (view) => {
        const found = await page.evaluate(
          `axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] })
            .then(({ violations }) => violations.flatMap(({ id, nodes }) =>
              nodes.map(({ html, failureSummary }) => [id, html, failureSummary])))`,
        );
        expect(found, view).toEqual([]);
      });
    });
  });
});

const isApart = ([, a, b]: [string, Area, Area]): boolean =>
  a.right <= b.left + TOUCH ||
  b.right <= a.left + TOUCH ||
  a.bottom <= b.top + TOUCH ||
  b.bottom <= a.top + TOUCH;
