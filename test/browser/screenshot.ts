/** Makes the picture of the README: `npm run screenshot` writes docs/status-page.png. */
import { join, resolve } from 'node:path';
import { launchBrowser, openTab } from '../support/browser.ts';
import { createStatusStage, playDay } from '../support/status-stage.ts';

const FILE = join(resolve(import.meta.dirname, '../..'), 'docs/status-page.png');

const stage = createStatusStage();
await playDay(stage);
await stage.clock.advance(25_000);
const server = await stage.serve();
const browser = await launchBrowser();
try {
  await using tab = await openTab(browser, server.url, {
    viewport: { width: 1180, height: 775 },
    colorScheme: 'light',
  });
  await tab.page.getByText('live', { exact: true }).waitFor();
  await tab.page.screenshot({ path: FILE });
} finally {
  await browser.close();
  await server.stop();
}
