/** What one reads on the status page in three seconds: what is wrong, since when, until when, and who has to act. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BrowserContextOptions, Locator } from 'playwright-core';
import { z } from 'zod';
import { BROWSER, stopClock, useBrowser } from '../support/browser.ts';
import { needsTool } from '../support/monitoring-tool.ts';
import { STATUS_SCENES } from '../support/status-scenes.ts';

const RED = 'rgb(179, 38, 30)';
const AMBER = 'rgb(143, 84, 0)';
const INK = 'rgb(29, 31, 34)';
const QUIET = 'rgb(90, 95, 102)';
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true } as const;

const colorOf = async (locator: Locator): Promise<string> =>
  z
    .string()
    .parse(
      await locator.evaluate((element) => element.ownerDocument.defaultView?.getComputedStyle(element).color),
    );
/** Words without what moves by the second. */
const textOf = async (locator: Locator): Promise<string> =>
  ((await locator.textContent()) ?? '').replaceAll(/\s+/g, ' ').trim();

interface Expected {
  readonly headline: string;
  readonly color: string;
  readonly below: RegExp;
  /** Each cause, the worst first: its title, its colour, what is in it. */
  readonly causes: readonly (readonly [title: string, color: string, text: RegExp])[];
  /** Cards of providers, and the colour of what they say of trouble. */
  readonly cards: readonly (readonly [name: string, trouble: string | undefined, color?: string])[];
}

const EXPECTED: Readonly<Record<keyof typeof STATUS_SCENES, Expected>> = {
  fine: {
    headline: 'All 7 tokens are good',
    color: INK,
    below: /^$/,
    causes: [],
    cards: [
      ['pik', undefined],
      ['pivot-b2b', undefined],
    ],
  },
  down: {
    headline: '2,000 of 2,003 tokens cannot be refreshed',
    color: AMBER,
    below: /^first token expires 12:15:00 UTC, in 6m \d\ds ?it heals by itself once the cause is gone$/,
    causes: [
      [
        'pivot-b2b2c is unavailable',
        AMBER,
        /All 2,000 tokens ?since 12:08:00 UTC, \d+s ago.*heals by itself, next attempt in \d+s.*status 503.*Do: look at.*customer-00000 expires in/,
      ],
    ],
    cards: [
      ['pivot-b2b2c', '2,000: provider-unavailable', AMBER],
      ['pik', undefined],
    ],
  },
  expired: {
    headline: 'All 3 tokens are expired',
    color: RED,
    below:
      /^all 3 tokens expired, the first 12:03:00 UTC, 1h 0\dm ago ?a person has to act on 2 of 3 causes$/,
    causes: [
      [
        'pik refuses the credentials, or they cannot be read',
        RED,
        /a person has to act.*correct apiKey of pik/,
      ],
      ['pivot-b2b refuses the credentials, or they cannot be read', RED, /token expired 12:03:00 UTC/],
      ['apimw is unavailable', RED, /heals by itself, being tried now/],
    ],
    cards: [
      ['pik', 'credentials-rejected', RED],
      ['pivot-b2b', 'credentials-rejected', RED],
      ['apimw', 'provider-unavailable', RED],
    ],
  },
  'first-start': {
    headline: 'Filling: 1,736 of 2,005 tokens published',
    color: QUIET,
    below: /^$/,
    causes: [],
    cards: [['pivot-b2b2c', undefined]],
  },
  'stand-by': {
    headline: 'Stand-by: token-refresher-7c9f-abcde leads',
    color: QUIET,
    below:
      /what this replica read last.*End any port-forward to this replica and run kubectl -n payments port-forward pod\/token-refresher-7c9f-abcde 8080/,
    causes: [],
    cards: [['pivot-b2b2c', undefined]],
  },
  mixed: {
    headline: '1 of 305 tokens is missing, 6 cannot be refreshed, 1 not published yet',
    color: RED,
    below:
      /^1 of 7 tokens absent or unusable in the store ?the next expires 12:04:00 UTC, .*a person has to act on 1 of 3 causes$/,
    causes: [
      [
        'chase refuses the credentials, or they cannot be read',
        RED,
        /no usable token in the store ?a person has to act/,
      ],
      ['apimw is unavailable', AMBER, /token expires 12:04:00 UTC/],
      ['pivot-b2b2c asks to be called less', AMBER, /5 of 301 tokens/],
    ],
    cards: [
      ['chase', 'credentials-rejected', RED],
      ['apimw', 'provider-unavailable', AMBER],
      ['pivot-b2b2c', '5: rate-limited', AMBER],
      ['pik', undefined],
    ],
  },
  mirrors: {
    headline: '2 mirrors are behind, 1 of them with expired copies; all 7 tokens are good',
    color: RED,
    below: /^a person has to act on 1 of 2 causes$/,
    causes: [
      [
        'Mirror jakarta does not get new tokens',
        RED,
        /3 tokens behind ?store-unavailable ?since 12:10:25 UTC, 5m \d\ds ago ?first copy there expired 12:14:25 UTC, 1m \d\ds ago ?heals by itself, being tried now.*did not answer within 5 s.*Do: restore the way.*MirrorFailing/,
      ],
      [
        'Mirror batam does not get new tokens',
        AMBER,
        /1 token behind ?store-denied.*not known when the copies there expire ?a person has to act, next attempt in (?:10m 00|9m \d\d)s.*allow update on it/,
      ],
    ],
    cards: [
      ['pik', undefined],
      ['pivot-b2b', undefined],
    ],
  },
  refused: {
    headline: '2 of 7 tokens are refused',
    color: RED,
    below: /^a person has to act on 1 of 2 causes$/,
    causes: [
      [
        'snap has a token that readers report as refused',
        RED,
        /12 reports, the latest of HTTP 401 ?since 12:00:25 UTC, 2m \d\ds ago ?token expires 12:30:00 UTC.*a person has to act, next refresh in 25m \d\ds.*is refused as well.*Do: check that credentials, baseUrl and scope.*token-refresher refresh NAME.*TokenRejected/,
      ],
      [
        'dhl has a token that readers report as refused',
        AMBER,
        /1 report, the latest of HTTP 403.*heals by itself, reports count again in \d+s.*asked too recently.*Do: nothing yet/,
      ],
    ],
    cards: [
      ['snap', 'refused', RED],
      ['dhl', 'refused', AMBER],
      ['pik', undefined],
    ],
  },
};

describe('the status page at 3 a.m.', { ...needsTool(BROWSER), timeout: 600_000 }, () => {
  const openTab = useBrowser();
  /** As it is served: what the page says of time to come is the same on a machine that is busy. */
  const open = async (scene: keyof typeof STATUS_SCENES, options: BrowserContextOptions) =>
    openTab(await STATUS_SCENES[scene](), options, '', stopClock);

  for (const scene of [
    'fine',
    'down',
    'expired',
    'first-start',
    'stand-by',
    'mixed',
    'mirrors',
    'refused',
  ] as const) {
    it(`says how things are: ${scene}`, async () => {
      await using tab = await open(scene, { colorScheme: 'light' });
      const { page, troubles } = tab;
      const { headline, color, below, causes, cards } = EXPECTED[scene];
      assert.equal(await page.getByRole('status').textContent(), headline);
      assert.equal(await colorOf(page.getByRole('status')), color);
      assert.match(await textOf(page.locator('#trouble')), below);
      const shown = await page.locator('#causes > li').all();
      assert.equal(shown.length, causes.length);
      for (const [index, [title, titleColor, text]] of causes.entries()) {
        const cause = shown[index];
        assert.ok(cause !== undefined);
        assert.equal(await textOf(cause.locator('h2')), title);
        assert.equal(await colorOf(cause.locator('h2')), titleColor);
        assert.match(await textOf(cause), text);
      }
      for (const [index, [name, trouble, troubleColor]] of cards.entries()) {
        const card = page.locator('#providers > li').nth(index);
        assert.equal(await card.locator('a bdi').textContent(), name);
        const codes = card.locator('.code');
        assert.deepEqual(await codes.allTextContents(), trouble === undefined ? [] : [trouble]);
        if (troubleColor !== undefined) assert.equal(await colorOf(codes.first()), troubleColor);
      }
      const badges = await page.locator('#rows .absent .badge, #rows .expired .badge').count();
      assert.equal(
        badges > 0,
        scene === 'expired' || scene === 'mixed',
        'red is for tokens that readers do not have',
      );
      const whys = (await page.locator('#rows .why .message').allTextContents()).join();
      if (scene === 'refused') assert.match(whys, /is refused as well.*asked too recently/);
      if (scene === 'stand-by')
        assert.deepEqual(await page.locator('#rows .badge').allTextContents(), [
          'Not known yet',
          'Not known yet',
          'Not known yet',
          'Fresh',
        ]);
      assert.deepEqual(troubles, []);
    });
  }

  it('shows on the first screen of a phone what is broken first, before providers and filters', async () => {
    for (const scene of ['down', 'expired', 'mixed'] as const) {
      await using tab = await open(scene, PHONE);
      const { page } = tab;
      const bottomOf = async (locator: Locator): Promise<number> => {
        const box = await locator.boundingBox();
        assert.ok(box !== null);
        return box.y + box.height;
      };
      const first = page.locator('#causes > li').first();
      assert.ok(
        (await bottomOf(scene === 'down' ? first.locator('.worst li').first() : first)) <= 844,
        scene,
      );
      const [causes, cards, filters] = await Promise.all(
        ['#causes', '#providers', 'form'].map(async (part) => bottomOf(page.locator(part))),
      );
      assert.ok((causes ?? 0) < (cards ?? 0) && (cards ?? 0) < (filters ?? 0));
    }
  });

  it('leads from a cause to its tokens', async () => {
    await using tab = await open('mixed', {});
    const { page } = tab;
    await page.getByRole('link', { name: '5 of 301 tokens' }).click();
    assert.equal(await page.locator('#rows tr th').count(), 5);
    assert.equal(await page.locator('select[name=code]').inputValue(), 'rate-limited');
  });

  it('writes the message of a failure as wide as the table, and the time where the viewer is on pointing', async () => {
    await using tab = await open('mixed', { timezoneId: 'Asia/Jakarta' });
    const { page } = tab;
    const message = page.locator('#rows').getByText('correct clientSecret of chase');
    const [row, table] = await Promise.all([
      message.locator('..').boundingBox(),
      page.locator('table').boundingBox(),
    ]);
    assert.ok((row?.width ?? 0) >= (table?.width ?? Number.NaN) - 2);
    const time = page.locator('#trouble time').first();
    await time.hover();
    assert.match((await time.getAttribute('title')) ?? '', /7:04:00.*where you are/);
  });
});
