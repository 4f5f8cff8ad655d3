import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { findTool } from './monitoring-tool.ts';

/** Debian's Chromium, without a window. Its sandbox needs what containers do not have, and pages here are our own. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: findTool('chromium') ?? 'chromium', args: ['--no-sandbox'] });
}

/** A tab, and everything that went wrong in it: refused by a policy, thrown, asked of another host, or a dialog. */
export interface Tab extends AsyncDisposable {
  readonly page: Page;
  readonly troubles: readonly string[];
}

export async function openTab(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Tab> {
  const context = await browser.newContext({ timezoneId: 'Asia/Jakarta', ...options });
  const page = await context.newPage();
  const troubles: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') troubles.push(message.text());
  });
  page.on('pageerror', (error) => troubles.push(String(error)));
  page.on('dialog', (dialog) => {
    troubles.push(`a dialog says ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith('data:'))
      troubles.push(`asks for ${request.url()}`);
  });
  await page.goto(url);
  return {
    page,
    troubles,
    [Symbol.asyncDispose]: () => context.close(),
  };
}
