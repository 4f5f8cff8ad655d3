/**
 * Makes the picture of the README: `npm run screenshot` writes docs/status-page.png. With a folder behind it, it writes the
 * page of each scene of `status-scenes.ts` there, on a desk, on a phone and in the dark.
 */
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { BrowserContextOptions } from 'playwright-core';
import { launchBrowser, openTab } from '../support/browser.ts';
import { STATUS_SCENES } from '../support/status-scenes.ts';
import { createStatusStage, playDay, type StatusStage } from '../support/status-stage.ts';

const DESK = { viewport: { width: 1280, height: 900 } } as const;
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true } as const;
const VIEWS: Readonly<Record<string, BrowserContextOptions>> = {
  desk: { ...DESK, colorScheme: 'light' },
  dark: { ...DESK, colorScheme: 'dark' },
  phone: { ...PHONE, colorScheme: 'light' },
};

const PICTURE = join(resolve(import.meta.dirname, '../..'), 'docs/status-page.png');
const [folder] = process.argv.slice(2);

const browser = await launchBrowser();
try {
  if (folder === undefined) {
    const stage = createStatusStage();
    await playDay(stage);
    await stage.clock.advance(25_000);
    await take(stage, PICTURE, { viewport: { width: 1180, height: 775 }, colorScheme: 'light' });
  } else {
    await mkdir(folder, { recursive: true });
    for (const [name, play] of Object.entries(STATUS_SCENES))
      for (const [view, options] of Object.entries(VIEWS))
        await take(await play(), join(folder, `${name}-${view}.png`), options);
  }
} finally {
  await browser.close();
}

async function take(stage: StatusStage, file: string, options: BrowserContextOptions): Promise<void> {
  const server = await stage.serve();
  try {
    await using tab = await openTab(browser, server.url, options);
    await tab.page.getByText('live', { exact: true }).waitFor();
    await tab.page.screenshot({ path: file });
  } finally {
    await server.stop();
  }
}
