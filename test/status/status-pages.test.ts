import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { ALERTS } from '../../src/core/alert.ts';
import { parseJson } from '../../src/core/wire/json.ts';
import { type StatusDocument, statusDocumentSchema } from '../../src/status/status-document.ts';
import { fc } from '../support/property.ts';
import { buildFailure, buildIdentity, sampleEvents } from '../support/sample-events.ts';
import { addCustomers, createStatusStage, playDay, type StatusStage } from '../support/status-stage.ts';

const MINUTE_MS = 60_000;

function read({ pages }: StatusStage, search = ''): StatusDocument {
  const { status, body } = pages.json(search);
  assert.equal(status, 200, body);
  return statusDocumentSchema.parse(parseJson(body));
}

const namesOf = ({ view }: StatusDocument) => view.tokens.map(({ token }) => token);

describe('/status.json', () => {
  it('has the described shape and says of each token what matters', async () => {
    const stage = createStatusStage();
    await playDay(stage);
    const document = read(stage);
    assert.deepEqual(namesOf(document), ['apimw', 'pivot-b2b', 'pik']);
    const [failing, , fresh] = document.view.tokens;
    assert.equal(failing?.state, 'failing');
    assert.deepEqual(failing.failure, {
      code: 'provider-unavailable',
      message: 'POST https://apimw.example/token answered 503: wait, or ask APIMW whether they know',
      since: '2026-11-22T12:00:00.000Z',
      attempts: 4,
      runbook: 'https://example.com/runbook#provider-unavailable',
    });
    assert.equal(fresh?.failure, null);
    assert.deepEqual(fresh.versions, { last24Hours: 48, budget: 110 });
    assert.match(fresh.last24Hours, /o.*r.*o/);
    assert.equal(fresh.generation, 52);
    const [pik] = document.providers;
    assert.equal(pik?.schedule?.refreshEverySeconds, 1680);
    assert.deepEqual([pik.calls?.recent, pik.calls?.failed], [20, 0]);
  });

  it('links to its own page of the runbook when no address is configured', () => {
    const stage = createStatusStage({ runbookUrl: undefined });
    stage.tell(sampleEvents['token-restored'], sampleEvents['refresh-failed']);
    assert.equal(read(stage).view.tokens[0]?.failure?.runbook, '/runbook/provider-unavailable');
    assert.doesNotMatch(stage.pages.page('').body, /href="docs/);
  });

  it('pages, filters and sorts ten thousand tokens', async () => {
    const stage = createStatusStage();
    addCustomers(stage, 10_000);
    stage.refresh(buildIdentity('pik'), 5 * MINUTE_MS);
    await stage.clock.advance(MINUTE_MS);
    const first = read(stage);
    assert.equal(first.tokens, 10_001);
    assert.equal(first.counts.absent, 4);
    assert.deepEqual([first.view.pages, first.view.tokens.length], [201, 50]);
    assert.equal(first.view.tokens[0]?.state, 'absent');
    assert.deepEqual(namesOf(read(stage, '?sort=life&size=1&state=fresh')), ['pik']);
    assert.deepEqual(namesOf(read(stage, '?sort=name&size=2&page=2')), [
      'pivot-b2b2c/customer-00001',
      'pivot-b2b2c/customer-00002',
    ]);
    assert.equal(read(stage, '?q=CUSTOMER-0042').view.matching, 10);
    assert.equal(read(stage, '?provider=pik').view.matching, 1);
    assert.equal(read(stage, '?page=9999').view.page, 201, 'there is nothing beyond the last page');
    assert.equal(read(stage, '?size=200').view.tokens.length, 200);
  });

  it('puts every token on exactly one page, whatever the order and size', () => {
    const stage = createStatusStage();
    addCustomers(stage, 97);
    fc.assert(
      fc.property(fc.constantFrom('worst', 'life', 'name'), fc.integer({ min: 5, max: 60 }), (sort, size) => {
        const names: string[] = [];
        for (let page = 1; page <= Math.ceil(97 / size); page += 1) {
          void stage.clock.advance(1000);
          names.push(...namesOf(read(stage, `?sort=${sort}&size=${size}&page=${page}`)));
        }
        assert.equal(new Set(names).size, 97);
        assert.equal(names.length, 97);
      }),
      { numRuns: 20 },
    );
  });

  it('names the leader for as long as it can be seen, and again after a failure', () => {
    const stage = createStatusStage();
    const leader = () => read(stage).leadership.leader;
    stage.tell({ event: 'standing-by', leader: 'z', isOurs: true });
    assert.equal(leader(), 'z');
    stage.tell(sampleEvents['coordination-failed']);
    assert.equal(leader(), null);
    stage.tell(sampleEvents['coordination-recovered']);
    assert.equal(leader(), 'z');
  });

  it('says of several refused tokens what the API answered last', async () => {
    const stage = createStatusStage();
    const [a, b] = ['ayu', 'budi'].map((customer) => ({
      ...buildIdentity('acme'),
      token: `acme/${customer}`,
      customer,
    }));
    assert.ok(a !== undefined && b !== undefined);
    stage.refresh(a);
    stage.refresh(b);
    const rejected = sampleEvents['token-rejected'];
    stage.tell({ ...rejected, identity: b });
    await stage.clock.advance(1);
    stage.tell({ ...rejected, identity: a, status: 403 });
    const [refused] = read(stage).causes;
    assert.ok(refused?.kind === 'refused');
    assert.deepEqual([refused.tokens, refused.status], [2, 403]);
  });

  it('has a cause for each mirror that is behind and each provider whose tokens are refused, the worst first', async () => {
    const stage = createStatusStage();
    stage.refresh(buildIdentity('pik'));
    stage.refresh(buildIdentity('apimw'));
    stage.refresh(buildIdentity('snap'), 20 * MINUTE_MS);
    stage.fail(buildIdentity('snap'), { code: 'request-rejected', retry: 'needs-human' });
    const atNoon = read(stage);
    assert.deepEqual(
      atNoon.causes.map(({ kind }) => kind),
      ['refresh'],
      'nothing extra without mirrors and reports',
    );
    assert.ok(atNoon.view.tokens.every(({ refusal }) => refusal === null));
    const mirror = sampleEvents['mirror-failed'];
    const rejected = sampleEvents['token-rejected'];
    stage.tell(
      mirror,
      rejected,
      { ...rejected, status: 403 },
      { ...rejected, identity: buildIdentity('apimw'), outcome: 'cooling-down', cap: undefined },
    );
    await stage.clock.advance(MINUTE_MS);
    const { causes, view } = read(stage);
    assert.deepEqual(
      causes.map((cause) => [
        cause.kind,
        cause.kind === 'mirror' ? cause.place : cause.provider,
        cause.needsPerson,
      ]),
      [
        ['refused', 'pik', true],
        ['refresh', 'snap', true],
        ['mirror', 'cluster', false],
        ['refused', 'apimw', false],
      ],
    );
    const [refused, , behind] = causes;
    assert.ok(refused?.kind === 'refused' && behind?.kind === 'mirror');
    assert.deepEqual([refused.tokens, refused.reports, refused.status], [1, 2, 403]);
    assert.deepEqual(
      [refused.since, refused.nextAttemptAt, refused.runbook],
      ['2026-11-21T12:00:00.000Z', '2026-11-21T12:28:00.000Z', 'https://example.com/runbook#tokenrejected'],
    );
    assert.match(refused.message ?? '', /is refused as well/);
    assert.deepEqual(behind, {
      kind: 'mirror',
      place: 'cluster',
      code: 'store-unavailable',
      tokens: 3,
      since: '2026-11-21T12:00:00.000Z',
      behindSince: '2026-11-21T12:00:00.000Z',
      copiesUntil: '2026-11-21T12:10:00.000Z',
      hasExpired: false,
      needsPerson: false,
      nextAttemptAt: '2026-11-21T12:00:01.000Z',
      message: 'the API server did not answer',
      action: ALERTS.MirrorFailing.action,
      runbook: 'https://example.com/runbook#mirrorfailing',
    });
    assert.deepEqual(
      view.tokens.map(({ token, refusal }) => [token, refusal?.reports, refusal?.isStopped]),
      [
        ['pik', 2, true],
        ['snap', undefined, undefined],
        ['apimw', 1, false],
      ],
    );
    await stage.clock.advance(10 * MINUTE_MS);
    assert.deepEqual(
      read(stage).causes.map(({ kind }) => kind),
      ['refused', 'mirror', 'refresh', 'refused'],
      'readers of the mirror go without by now',
    );
    stage.tell({ ...sampleEvents['mirror-caught-up'] });
    stage.refresh(buildIdentity('pik'));
    assert.deepEqual(
      read(stage).causes.map(({ kind }) => kind),
      ['refresh', 'refused'],
    );
    stage.tell(mirror, { event: 'leadership-lost' });
    assert.deepEqual(read(stage).causes, [], 'a stand-by cannot know');
  });

  it('does not say that there is no token while the store cannot be read', () => {
    const stage = createStatusStage();
    stage.tell(sampleEvents['refresh-started'], {
      ...sampleEvents['refresh-failed'],
      expiresAtMs: undefined,
    });
    assert.equal(read(stage).view.tokens[0]?.state, 'failing');
  });

  it('asks whoever asks too often to come back later, and answers again then', async () => {
    const stage = createStatusStage();
    const statuses = Array.from({ length: 100 }, () => stage.pages.json('').status);
    assert.deepEqual([statuses[0], statuses.at(-1)], [200, 503]);
    assert.equal(stage.pages.page('').headers['retry-after'], '1');
    await stage.clock.advance(1000);
    assert.equal(stage.pages.json('').status, 200);
  });

  it('refuses a query that it does not know, without quoting it', () => {
    const { status, body } = createStatusStage().pages.page('?state=<script>');
    assert.equal(status, 400);
    assert.doesNotMatch(body, /script/);
  });
});

describe('the status page', () => {
  it('allows its own style and script, and nothing else', () => {
    const { headers, body } = createStatusStage().pages.page('');
    const policy = headers['content-security-policy'] ?? '';
    for (const element of ['style', 'script']) {
      const [, text = ''] = new RegExp(`<${element}>([^]*?)</${element}>`).exec(body) ?? [];
      const hash = createHash('sha256').update(text).digest('base64');
      assert.ok(policy.includes(`${element}-src 'sha256-${hash}'`), element);
    }
    assert.match(policy, /^default-src 'none';.*frame-ancestors 'none'$/);
    assert.doesNotMatch(policy, /unsafe|https?:/);
    assert.doesNotMatch(body, / (?:style|on\w+)=/, 'neither inline styles nor handlers');
  });

  it('loads nothing from elsewhere', async () => {
    const stage = createStatusStage();
    await playDay(stage);
    const sources = [...stage.pages.page('').body.matchAll(/ (?:src|srcset|action|data)="([^"]*)"/g)];
    assert.deepEqual(
      sources.map(([, url]) => url),
      ['./'],
    );
  });

  it('says in one line how things are', async () => {
    const stage = createStatusStage();
    const headline = () => /id="headline"[^>]*>([^<]*)</.exec(stage.pages.page('').body)?.[1];
    assert.equal(headline(), 'No tokens yet');
    stage.board.registerTokens([buildIdentity('pik')]);
    assert.equal(headline(), 'Reading the store: 0 of 1 token read', 'it may well be published');
    stage.tell({ ...sampleEvents['token-absent'], identity: buildIdentity('pik') });
    assert.equal(headline(), 'Filling: 0 of 1 token published');
    stage.refresh(buildIdentity('pik'));
    assert.equal(headline(), 'The one token is good');
    stage.refresh(buildIdentity('apimw'));
    assert.equal(headline(), 'All 2 tokens are good');
    stage.fail(buildIdentity('pik'));
    assert.equal(headline(), '1 of 2 tokens cannot be refreshed');
    stage.fail(buildIdentity('apimw'));
    assert.equal(headline(), 'None of 2 tokens can be refreshed');
    await stage.clock.advance(30 * MINUTE_MS);
    assert.equal(headline(), 'All 2 tokens are expired');
    stage.board.registerTokens([buildIdentity('chase')]);
    stage.tell({ ...sampleEvents['token-absent'], identity: buildIdentity('bri') });
    assert.equal(headline(), '2 of 4 tokens are expired, 1 not published yet, 1 not read yet');
  });

  it('says after a take-over since when readers have no token, as the former leader did', async () => {
    const [former, next] = [createStatusStage(), createStatusStage()];
    former.refresh(buildIdentity('pik'), 5 * MINUTE_MS);
    const { issuedAt, expiresAt, dueAt } = read(former).view.tokens[0] ?? assert.fail();
    for (const { clock } of [former, next]) await clock.advance(10 * MINUTE_MS);
    next.tell({
      event: 'token-absent',
      identity: buildIdentity('pik'),
      why: 'expired 5m 00s ago',
      expired: {
        issuedAtMs: Date.parse(issuedAt ?? ''),
        expiresAtMs: Date.parse(expiresAt ?? ''),
        refreshAtMs: Date.parse(dueAt ?? ''),
        generation: 1,
      },
    });
    for (const stage of [former, next]) stage.fail(buildIdentity('pik'));
    assert.deepEqual(read(next).trouble, read(former).trouble);
    assert.deepEqual(read(next).causes, read(former).causes);
    assert.deepEqual(read(next).counts, read(former).counts);
    const { expiredSince } = read(next).trouble.readers;
    assert.equal(expiredSince, expiresAt);
  });

  it('says that a replica of another installation leads, which refreshes none of these tokens', async () => {
    const stage = createStatusStage({ isLeader: false });
    const page = () => stage.pages.page('').body;
    stage.refresh(buildIdentity('pik'), 5 * MINUTE_MS);
    stage.tell({ event: 'standing-by', leader: 'blue-0', isOurs: true });
    assert.match(page(), /class="headline quiet"[^>]*>Stand-by: blue-0 leads</);
    assert.match(page(), /class="versions"><span class="quiet">not known</, 'it writes none');
    assert.equal(read(stage).leadership.isOurs, true);
    stage.tell({ event: 'standing-by', leader: 'blue-0', isOurs: false });
    await stage.clock.advance(10 * MINUTE_MS);
    assert.match(page(), /class="headline warn"[^>]*>blue-0 leads, and does not refresh these tokens</);
    assert.match(page(), /another installation: give each one a <code>coordination\.leaseName<\/code>/);
    assert.doesNotMatch(page(), /Stand-by/);
    assert.equal(read(stage).view.tokens[0]?.state, 'expired', 'nobody else looks after it');
    stage.tell(sampleEvents['coordination-failed']);
    assert.equal(read(stage).leadership.isOurs, null);
  });

  it('names a mirror that is behind first when all else is well, and after tokens that are worse', async () => {
    const stage = createStatusStage();
    const headline = () => /class="headline (\w+)"[^>]*>([^<]*)</.exec(stage.pages.page('').body)?.slice(1);
    stage.refresh(buildIdentity('pik'));
    stage.tell(sampleEvents['mirror-failed']);
    assert.deepEqual(headline(), ['warn', 'Mirror cluster is behind; the one token is good']);
    stage.fail(buildIdentity('pik'));
    assert.deepEqual(headline(), ['warn', 'The one token cannot be refreshed; mirror cluster is behind']);
    await stage.clock.advance(11 * MINUTE_MS);
    assert.deepEqual(headline(), [
      'bad',
      'Mirror cluster is behind, with expired copies; the one token cannot be refreshed',
    ]);
    await stage.clock.advance(20 * MINUTE_MS);
    assert.deepEqual(headline(), [
      'bad',
      'The one token is expired; mirror cluster is behind, with expired copies',
    ]);
    stage.tell({ ...sampleEvents['mirror-caught-up'] });
    stage.refresh(buildIdentity('pik'));
    stage.refresh(buildIdentity('apimw'));
    const rejected = sampleEvents['token-rejected'];
    stage.tell({ ...rejected, outcome: 'fetch', cap: undefined });
    assert.deepEqual(headline(), ['warn', '1 of 2 tokens is refused']);
    stage.tell(rejected);
    assert.deepEqual(headline(), ['bad', '1 of 2 tokens is refused']);
  });

  it('counts one in the singular, and says of each cause what is true of every token it holds for', async () => {
    const stage = createStatusStage();
    const text = () =>
      stage.pages
        .page('')
        .body.replace(/<[^>]+>/g, ' ')
        .replace(/\s+/g, ' ');
    for (let index = 0; index < 21; index += 1) stage.refresh(buildIdentity(`p${index}`));
    stage.refresh(buildIdentity('p0/other', { provider: 'p0' }));
    stage.tell({ ...sampleEvents['bindings-counted'], provider: 'p0', customers: 1, rejected: 0 });
    stage.tell({
      ...sampleEvents['token-fetched'],
      identity: buildIdentity('p0'),
      failure: buildFailure({}),
    });
    assert.match(text(), / 1 customer discovered /);
    assert.match(text(), /the only call so far failed/);
    await stage.clock.advance(30 * MINUTE_MS);
    assert.match(text(), / p0 has expired tokens, and no attempt has failed /);
    assert.match(text(), / p1 has an expired token, and no attempt has failed /);
    assert.match(text(), / and 1 other cause /);
    stage.fail(buildIdentity('p0'), { code: 'store-unavailable' });
    assert.match(text(), / p0 cannot be refreshed: the store does not answer /);
  });

  it('keeps filter, order and size in the form, the links and the reload', () => {
    const stage = createStatusStage();
    addCustomers(stage, 300);
    const { body } = stage.pages.page('?q=customer&sort=name&size=25&page=2');
    assert.match(body, /name="q" value="customer"/);
    assert.match(body, /<option value="name" selected>/);
    assert.match(body, /<option value="25" selected>/);
    assert.match(body, /href="\.\/\?q=customer&amp;sort=name&amp;size=25&amp;page=3">Next</);
    assert.match(body, /href="status\.json\?q=customer&amp;sort=name&amp;size=25&amp;page=2"/);
  });

  it('lets no name, secret, message, query or address become markup', () => {
    const evil = fc.oneof(
      fc.constantFrom(
        '<script>alert(1)</script>',
        '"><img src=x onerror=alert(1)>',
        "'-alert(1)-'",
        '</style><b>',
        'javascript:alert(1)',
        '<!--',
        ']]>',
        '\u0000<\ud800',
      ),
      fc.string({ unit: 'binary', maxLength: 40 }),
    );
    // The markup without any text and attribute value: the same for a harmless text as for every other.
    const skeletonOf = (body: string): string => body.replace(/"[^"]*"/g, '""').replace(/>[^<]+</g, '><');
    const renderWith = (text: string): string => {
      const stage = createStatusStage({ name: text });
      const identity = buildIdentity('t', {
        token: `t${text}`,
        provider: `p${text}`,
        kind: `k${text}`,
        secret: text,
      });
      stage.refresh(identity);
      stage.fail(identity, { message: text });
      stage.tell({ event: 'coordination-failed', problem: `why ${text}`, isLeader: false });
      return (
        stage.pages.page(`?q=${encodeURIComponent(text.toWellFormed())}&provider=x`).body +
        stage.pages.page('').body
      );
    };
    const expected = skeletonOf(renderWith('harmless'));
    fc.assert(
      fc.property(evil, (text) => {
        // An empty text leaves out what has nothing to say.
        fc.pre(text.trim() !== '');
        assert.equal(skeletonOf(renderWith(text)), expected);
      }),
    );
  });

  it('links to a runbook on the web alone', () => {
    const stage = createStatusStage({ runbookUrl: 'javascript:alert(1)' });
    stage.refresh(buildIdentity('pik'));
    stage.fail(buildIdentity('pik'));
    assert.doesNotMatch(stage.pages.page('').body, /href="javascript/);
  });
});
