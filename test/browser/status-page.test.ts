/** What a person sees of the status page, in a real browser. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import axe from 'axe-core';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { z } from 'zod';
import { SHARED_MS } from '../../src/status/status-pages.ts';
import { BROWSER, type ServedTab, stopClock, useBrowser } from '../support/browser.ts';
import { needsTool } from '../support/monitoring-tool.ts';
import { buildIdentity } from '../support/sample-events.ts';
import { STATUS_SCENES } from '../support/status-scenes.ts';
import { addCustomers, createStatusStage, playDay, type StatusStage } from '../support/status-stage.ts';

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true } as const;
const MINUTE_MS = 60_000;

const violationsSchema = z.object({
  violations: z.array(z.object({ id: z.string(), nodes: z.array(z.object({ html: z.string() })) })),
});

/** Rules of axe that the page breaks, each with the first place. */
async function findViolations(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe.source);
  const { violations } = violationsSchema.parse(
    // Of what passes, axe then describes one place of each rule, not thousands.
    await page.evaluate(`axe.run(document, { resultTypes: ['violations'] })`),
  );
  return violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html ?? ''}`);
}

async function hasSidewaysScroll(page: Page): Promise<boolean> {
  return z
    .boolean()
    .parse(
      await page.evaluate('document.documentElement.scrollWidth > document.documentElement.clientWidth'),
    );
}

const tokensOf = (page: Page): Promise<string[]> => page.locator('#rows tr th > bdi').allTextContents();

describe('the status page in a browser', { ...needsTool(BROWSER), timeout: 600_000 }, () => {
  const openTab = useBrowser();

  /** Until the test ends. */
  async function open(t: TestContext, ...args: Parameters<typeof openTab>): Promise<ServedTab> {
    const tab = await openTab(...args);
    t.after(() => tab[Symbol.asyncDispose]());
    return tab;
  }

  async function prepare(customers = 0): Promise<StatusStage> {
    const stage = createStatusStage();
    await playDay(stage);
    if (customers > 0) addCustomers(stage, customers);
    await stage.clock.advance(MINUTE_MS);
    return stage;
  }

  it('shows three tokens: the one in trouble first, why, since when and what to read', async (t) => {
    const { page, troubles } = await open(t, await prepare());
    assert.equal(await page.locator('h1').textContent(), 'payments token-refresher-7c9f-x2x4q');
    assert.equal(await page.getByRole('status').textContent(), '1 of 3 tokens cannot be refreshed');
    assert.deepEqual(await tokensOf(page), ['apimw', 'pivot-b2b', 'pik']);
    const failing = page.getByRole('row', { name: 'apimw' }).first();
    assert.match(
      (await failing.textContent()) ?? '',
      /Failing.*provider-unavailable.*4 attempts since 12:00:00/s,
    );
    assert.equal(
      await failing.getByRole('link').getAttribute('href'),
      'https://example.com/runbook#provider-unavailable',
    );
    const bar = page.getByRole('row', { name: 'pik' }).getByRole('img').first();
    assert.match(
      (await bar.getAttribute('aria-label')) ?? '',
      /^issued 11:48:00, refresh due 12:16:00, expires 12:18:00, 1\dm \d\ds left$/,
    );
    assert.equal(
      await page
        .getByRole('img', { name: /last 24 hours, in quarter hours: \d+ ok, \d+ with retries, \d failed/ })
        .count(),
      3,
    );
    assert.deepEqual(troubles, []);
  });

  it('follows what happens without being loaded again', async (t) => {
    const stage = await prepare();
    const { page, troubles } = await open(t, stage);
    await page.getByText('live', { exact: true }).waitFor();
    await page.evaluate('window.isTheSame = true');
    stage.refresh(buildIdentity('apimw', { kind: 'apimw' }), 60 * MINUTE_MS);
    stage.refresh(buildIdentity('pivot'), 5 * MINUTE_MS);
    await stage.clock.advance(SHARED_MS);
    await page.getByText('All 4 tokens are good').waitFor();
    assert.deepEqual(await tokensOf(page), ['pivot-b2b', 'pivot', 'pik', 'apimw']);
    assert.equal(await page.evaluate('window.isTheSame'), true);
    assert.equal(await page.title(), 'All 4 tokens are good, payments');
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByText('paused', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByText('live', { exact: true }).waitFor();
    assert.deepEqual(troubles, []);
  });

  it('keeps focus, selection, scrolling and what is being filled in when rows change and move', async (t) => {
    const stage = await prepare(60);
    const { page, troubles } = await open(t, stage, { viewport: { width: 1180, height: 500 } });
    const link = page.getByRole('row', { name: 'apimw' }).getByRole('link');
    await page.getByLabel('Name or secret').fill('half typ');
    await page.evaluate(`getSelection().selectAllChildren(document.querySelector('[data-key=pik] bdi'))`);
    await link.focus();
    await page.evaluate('scrollTo(0, 300)');
    stage.fail(buildIdentity('apimw', { kind: 'apimw' }), { message: 'it still fails' });
    // Worse than failing, so it comes first.
    stage.tell({ event: 'token-absent', identity: buildIdentity('pik/new'), why: 'no value yet' });
    await stage.clock.advance(SHARED_MS);
    await page.locator('#rows').getByText('it still fails').waitFor();
    assert.deepEqual((await tokensOf(page)).slice(0, 3), ['pik/new', 'pivot-b2b2c/customer-00007', 'apimw']);
    assert.ok(await link.evaluate((element) => element === element.ownerDocument.activeElement));
    assert.equal(await page.evaluate('String(getSelection())'), 'pik');
    assert.equal(await page.evaluate('scrollY'), 300);
    assert.equal(await page.getByLabel('Name or secret').inputValue(), 'half typ');
    assert.deepEqual(troubles, []);
  });

  it('says that the connection is lost, and follows again once the daemon answers', async (t) => {
    const stage = await prepare();
    const { page } = await open(t, stage);
    await page.getByText('live', { exact: true }).waitFor();
    await page.route('**/*', (route) => route.abort());
    await page.getByText('connection lost, trying again', { exact: true }).waitFor();
    // On the first screen and on the tab: the headline is what it was.
    const notice = (await page.getByRole('alert').textContent()) ?? '';
    assert.match(
      notice,
      /^Connection lost, trying again: below is how things were at 2026-11-22 12:01:\d\d UTC$/,
    );
    assert.match(await page.title(), /^Connection lost, trying again, 1 of 3 tokens cannot be refreshed/);
    assert.deepEqual(await findViolations(page), []);
    await page.locator('#clock', { hasText: notice.slice(-'12:01:00 UTC'.length, -' UTC'.length) }).waitFor();
    stage.refresh(buildIdentity('apimw', { kind: 'apimw' }), 60 * MINUTE_MS);
    await stage.clock.advance(SHARED_MS);
    await page.unroute('**/*');
    await page.getByText('All 3 tokens are good').waitFor();
    await page.getByText('live', { exact: true }).waitFor();
    assert.equal(await page.getByRole('alert').count(), 0);
    assert.equal(await page.title(), 'All 3 tokens are good, payments');
  });

  it('asks every 2 seconds, every 10 while it is hidden, and once it is seen again', async (t) => {
    const { page, url } = await open(t, await prepare(), {}, null);
    await stopClock(page);
    const answers: number[] = [];
    page.on('response', (response) => answers.push(response.status()));
    await page.goto(url);
    await page.getByText('live', { exact: true }).waitFor();
    /** Polls in so many seconds of the page's clock. */
    const pollsIn = async (seconds: number): Promise<number> => {
      const first = answers.length;
      for (let second = 0; second < seconds; second += 1) {
        await page.clock.runFor(1000);
        // What was asked for in this second is answered before the next.
        await page.evaluate('fetch("/livez").then((answer) => answer.text())');
      }
      return answers.length - first - seconds;
    };
    const show = (state: 'hidden' | 'visible') =>
      page.evaluate(`Object.defineProperty(document, 'hidden', { configurable: true, value: ${state === 'hidden'} });
        document.dispatchEvent(new Event('visibilitychange'))`);
    const seen = await pollsIn(20);
    assert.equal(seen, 10);
    await show('hidden');
    await pollsIn(3);
    const hidden = await pollsIn(20);
    assert.equal(hidden, 2);
    const soFar = answers.length;
    await show('visible');
    await page.evaluate('fetch("/livez").then((answer) => answer.text())');
    assert.equal(answers.length - soFar, 2);
    assert.deepEqual(new Set(answers), new Set([200, 304]));
  });

  it('moves now along the bar and counts down', async (t) => {
    const { page, url } = await open(t, await prepare(), {}, null);
    await stopClock(page);
    await page.goto(url);
    const row = page.getByRole('row', { name: 'pik' });
    const place = async () => Number.parseFloat((await row.locator('.now').getAttribute('cx')) ?? '');
    const left = () => row.locator('.left').textContent();
    const [placeBefore, leftBefore] = [await place(), await left()];
    await page.clock.runFor(MINUTE_MS);
    assert.ok((await place()) > placeBefore);
    assert.notEqual(await left(), leftBefore);
    await page.clock.runFor(30 * MINUTE_MS);
    assert.match((await left()) ?? '', /^expired \d+m \d\ds ago$/);
    assert.equal(await place(), 100);
  });

  it('finds one of ten thousand tokens, and what is in trouble among them', async (t) => {
    const { page, troubles } = await open(t, await prepare(10_000));
    assert.equal(
      await page.getByRole('status').textContent(),
      '16 of 10,003 tokens cannot be refreshed, 4 not published yet',
    );
    assert.equal((await tokensOf(page)).length, 50);
    await page.getByRole('link', { name: 'Next' }).click();
    assert.match((await page.getByRole('navigation').textContent()) ?? '', /51 to 100 of 10,003/);
    await page.getByLabel('Name or secret').fill('customer-04242');
    await page.getByRole('button', { name: 'Show' }).click();
    assert.deepEqual(await tokensOf(page), ['pivot-b2b2c/customer-04242']);
    await page.getByRole('link', { name: /10,003 All/ }).click();
    await page.getByLabel('Name or secret').fill('');
    await page.locator('select[name=state]').selectOption('No token');
    await page.getByRole('button', { name: 'Show' }).click();
    assert.equal((await tokensOf(page)).length, 4);
    await page.getByLabel('Name or secret').fill('nobody');
    await page.getByRole('button', { name: 'Show' }).click();
    assert.ok(await page.getByText('No token matches.').isVisible());
    assert.deepEqual(troubles, []);
  });

  it('is of use without JavaScript: everything is there, filter, order and pages work', async (t) => {
    const { page } = await open(t, await prepare(1_000), { javaScriptEnabled: false });
    assert.equal(await page.getByRole('img').count(), 100);
    await page.getByLabel('Order').selectOption('name');
    await page.getByLabel('On a page').selectOption('25');
    await page.getByRole('button', { name: 'Show' }).click();
    assert.equal((await tokensOf(page))[0], 'apimw');
    await page.getByRole('link', { name: 'Next' }).click();
    assert.equal((await tokensOf(page)).length, 25);
    assert.equal(await page.getByRole('button', { name: 'Pause' }).count(), 0);
    assert.match(
      (await page.getByRole('link', { name: 'reload for newer' }).getAttribute('href')) ?? '',
      /page=2/,
    );
  });

  it('fits a phone', async (t) => {
    const { page } = await open(t, await prepare(100), PHONE);
    assert.equal(await hasSidewaysScroll(page), false);
    assert.ok(await page.getByRole('row', { name: 'pik' }).getByText('left').isVisible());
    assert.equal(await page.getByRole('columnheader').count(), 6, 'it is a table to a screen reader');
  });

  it('is dark for who wants it dark', async (t) => {
    const stage = await prepare();
    const colorOf = async (colorScheme: 'light' | 'dark') => {
      const { page } = await open(t, stage, { colorScheme });
      return page.evaluate('getComputedStyle(document.documentElement).backgroundColor');
    };
    assert.equal(await colorOf('light'), 'rgb(246, 246, 243)');
    assert.equal(await colorOf('dark'), 'rgb(18, 19, 21)');
  });

  for (const { what, customers, options, search = '' } of [
    { what: 'at three tokens', customers: 0, options: {} },
    { what: 'in the dark', customers: 0, options: { colorScheme: 'dark' } },
    { what: 'at ten thousand tokens', customers: 10_000, options: {} },
    { what: 'on a phone', customers: 100, options: PHONE },
    { what: 'on a phone in the dark', customers: 100, options: { ...PHONE, colorScheme: 'dark' } },
    { what: 'when nothing matches', customers: 0, options: {}, search: '?q=nobody' },
  ] satisfies readonly {
    what: string;
    customers: number;
    options: BrowserContextOptions;
    search?: string;
  }[]) {
    it(`breaks no rule of accessibility ${what}`, async (t) => {
      const { page } = await open(t, await prepare(customers), options, search);
      assert.deepEqual(await findViolations(page), []);
    });
  }

  it('breaks no rule of accessibility when everything is bad and this replica stands by', async (t) => {
    const stage = await prepare(20);
    await stage.clock.advance(60 * MINUTE_MS);
    stage.tell(
      { event: 'leadership-lost' },
      { event: 'coordination-failed', problem: 'the API server does not answer', isLeader: false },
      { event: 'token-added', identity: buildIdentity('pik/new'), bindingSecret: 'bindings/new' },
    );
    const { page } = await open(t, stage);
    assert.match(
      (await page.locator('#leadership').textContent()) ?? '',
      /Stands by.*cannot agree: the API server/,
    );
    assert.deepEqual(await findViolations(page), []);
  });

  for (const scene of ['mirrors', 'refused'] as const) {
    it(`breaks no rule of accessibility when there are causes of another kind: ${scene}`, async (t) => {
      const { page } = await open(t, await STATUS_SCENES[scene](), PHONE);
      assert.equal(await page.locator('#causes > li').count(), 2);
      assert.equal(await hasSidewaysScroll(page), false);
      assert.deepEqual(await findViolations(page), []);
    });
  }

  it('a planted fault of accessibility is found', async (t) => {
    const { page } = await open(t, await prepare());
    await page.evaluate(
      "document.querySelector('input').closest('label').replaceWith(document.querySelector('input'))",
    );
    assert.match((await findViolations(page)).join(), /label/);
  });

  it('shows a hostile name as the text that it is, also when it comes live', async (t) => {
    const stage = await prepare();
    const name = '<img src=x onerror=alert(1)><script>alert(2)</script>"\'&amp;';
    const { page, troubles } = await open(t, stage);
    await page.getByText('live', { exact: true }).waitFor();
    const identity = buildIdentity('evil', { token: name, secret: name });
    stage.refresh(identity, MINUTE_MS);
    stage.fail(identity, { message: name });
    await stage.clock.advance(SHARED_MS);
    await page.getByText('2 of 4 tokens cannot be refreshed').waitFor();
    assert.ok((await tokensOf(page)).includes(name));
    await page.reload();
    assert.ok((await tokensOf(page)).includes(name));
    assert.deepEqual(troubles, []);
  });
});
