import type { DemoTab } from '../browsers/demo-tab.ts';
import type { Tab } from '../browsers/driver/driver.ts';

/** Size of the window, pixels. */
export const [WIDTH, HEIGHT] = [1_440, 900];

/** Of the WebP, which the browser that took the picture makes. */
const QUALITY = 0.85;

/** What a page shows in this scheme, as WebP: a quarter of the PNG. */
export async function picture(page: DemoTab, scheme: 'light' | 'dark'): Promise<Buffer> {
  await page.tab.prefer(scheme);
  await page.until(`matchMedia('(prefers-color-scheme: ${scheme})').matches`, scheme);
  await page.until(
    `document.getAnimations().every((each) =>
      each.playState !== 'running' || each.effect.getComputedTiming().endTime === Infinity)`,
    'the animations to end',
  );
  return asWebp(page.tab, await page.tab.screenshot());
}

async function asWebp(tab: Tab, png: Buffer): Promise<Buffer> {
  const encoded = await tab.evaluate(`(async () => {
    const bytes = Uint8Array.from(atob('${png.toString('base64')}'), (one) => one.charCodeAt(0));
    const image = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
    const canvas = new OffscreenCanvas(image.width, image.height);
    canvas.getContext('2d').drawImage(image, 0, 0);
    const blob = await canvas.convertToBlob({ type: 'image/webp', quality: ${QUALITY} });
    return new Uint8Array(await blob.arrayBuffer()).toBase64();
  })()`);
  return Buffer.from(String(encoded), 'base64');
}
