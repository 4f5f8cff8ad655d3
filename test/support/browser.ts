import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { findTool } from './monitoring-tool.ts';
import type { StatusStage } from './status-stage.ts';

const SHELL = 'chromium-headless-shell';
/** Debian's Chromium without a window, where it is: a tab of the whole browser takes four times its CPU. */
export const BROWSER =
  findTool(SHELL) === undefined && findTool('chromium') !== undefined ? 'chromium' : SHELL;

/** Its sandbox needs what containers do not have, and pages here are our own. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: findTool(BROWSER) ?? BROWSER, args: ['--no-sandbox'] });
}

/** A tab, and everything that went wrong in it: refused by a policy, thrown, asked of another host, or a dialog. */
export interface Tab extends AsyncDisposable {
  readonly page: Page;
  readonly troubles: readonly string[];
}

/** The page's time passes by `runFor` alone from now on, however slow the machine is. */
export async function stopClock(page: Page): Promise<void> {
  await page.clock.install({ time: 0 });
  await page.clock.pauseAt(60_000);
}

export async function openTab(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
  prepare: (page: Page) => Promise<void> = async () => undefined,
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
  await prepare(page);
  await page.goto(url);
  return {
    page,
    troubles,
    [Symbol.asyncDispose]: () => context.close(),
  };
}

/** A page that is served, and the tab that shows it; both end together. */
export interface ServedTab extends Tab {
  readonly url: string;
}

/**
 * One browser for the tests of a suite, which calls this at its head.
 * @returns what opens a tab: on the page of a stage, or, given `null` for what follows its address, on an empty page
 */
export function useBrowser() {
  let browser: Browser | undefined;
  before(async () => {
    browser = await launchBrowser();
  });
  const servers = new Set<{ stop(): Promise<void> }>();
  after(async () => {
    await browser?.close();
    // Of a test that was cut off, so that it does not keep the process.
    await Promise.all([...servers].map((server) => server.stop()));
  });
  return async (
    stage: StatusStage,
    options: BrowserContextOptions = {},
    search: string | null = '',
    prepare?: (page: Page) => Promise<void>,
  ): Promise<ServedTab> => {
    assert.ok(browser !== undefined);
    const server = await stage.serve();
    servers.add(server);
    const url = search === null ? 'about:blank' : `${server.url}/${search}`;
    const tab = await openTab(browser, url, options, prepare);
    return {
      ...tab,
      url: server.url,
      [Symbol.asyncDispose]: async () => {
        await tab[Symbol.asyncDispose]();
        servers.delete(server);
        await server.stop();
      },
    };
  };
}
