import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { NAME_LIMIT_MS, Names } from '../../../src/adapters/net/names.ts';
import { createSystemClock } from '../../../src/adapters/system/clock.ts';
import type { Clock } from '../../../src/core/ports.ts';
import { HttpFault } from '../../../src/core/wire/http-call.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { type DnsAnswer, startOddDnsServer } from '../../support/odd-dns-server.ts';
import { createPrivateFolder } from '../../support/private-folder.ts';

interface Given {
  readonly records?: Readonly<Record<string, DnsAnswer>>;
  /** Lines of resolv.conf besides the nameserver's. */
  readonly settings?: string;
  readonly hosts?: string;
  readonly clock?: Clock;
}

async function startNames(t: TestContext, { records, settings = '', hosts = '', clock }: Given = {}) {
  const server = await startOddDnsServer(t, records);
  const folder = await createPrivateFolder(t);
  const [resolvConf, hostsFile] = [join(folder, 'resolv.conf'), join(folder, 'hosts')];
  const write = (text: string): void => writeFileSync(resolvConf, text);
  write(`nameserver ${server.address}\n${settings}\n`);
  writeFileSync(hostsFile, hosts);
  const names = new Names({ clock: clock ?? createSystemClock(), resolvConf, hosts: hostsFile });
  return { server, names, resolvConf, hostsFile, write };
}

async function faultOf(work: Promise<unknown>): Promise<HttpFault> {
  const fault = await work.then(
    (found) => assert.fail(`there was an answer: ${String(found)}`),
    (error: unknown) => error,
  );
  assert.ok(fault instanceof HttpFault, String(fault));
  assert.equal(fault.isSent, false);
  return fault;
}

describe('a name', () => {
  it('has the addresses of both families', async (t) => {
    // It stands still: however late the other family's answer is read, it is waited for.
    const { names } = await startNames(t, {
      records: { 'api.test': ['192.0.2.1', '192.0.2.2', '2001:db8::1'] },
      clock: new FakeClock(),
    });
    assert.deepEqual([...(await names.resolve('api.test'))].toSorted(), [
      '192.0.2.1',
      '192.0.2.2',
      '2001:db8::1',
    ]);
  });

  for (const [what, a, aaaa, expected] of [
    ['AAAA is never answered', ['192.0.2.1'], 'silence', '192.0.2.1'],
    ['A is never answered', 'silence', ['2001:db8::1'], '2001:db8::1'],
    ['AAAA fails', ['192.0.2.1'], 'SERVFAIL', '192.0.2.1'],
    ['A fails', 'SERVFAIL', ['2001:db8::1'], '2001:db8::1'],
    ['AAAA does not exist', ['192.0.2.1'], 'NXDOMAIN', '192.0.2.1'],
    ['there is no IPv4', [], ['2001:db8::1'], '2001:db8::1'],
    ['there is no IPv6', ['192.0.2.1'], [], '192.0.2.1'],
  ] as const) {
    it(`is found when ${what}`, async (t) => {
      const { names } = await startNames(t, { records: { 'A api.test': a, 'AAAA api.test': aaaa } });
      assert.deepEqual(await names.resolve('api.test'), [expected]);
    });
  }

  it('that is looked up by many at once is asked for once, and anew the next time', async (t) => {
    const { names, server } = await startNames(t, { records: { 'api.test': ['192.0.2.1'] } });
    const found = await Promise.all(Array.from({ length: 20 }, () => names.resolve('api.test')));
    assert.deepEqual(new Set(found.flat()), new Set(['192.0.2.1']));
    assert.equal(server.questions.length, 2, 'A and AAAA');
    server.records.set('api.test', ['192.0.2.9']);
    assert.deepEqual(await names.resolve('api.test'), ['192.0.2.9']);
  });

  it('that is never answered delays no other, ends by its limit, and is asked for anew then', async (t) => {
    const clock = new FakeClock();
    const hung = Array.from({ length: 8 }, (_, at) => `hung${at}.test`);
    const records = Object.fromEntries(hung.map((name): [string, DnsAnswer] => [name, 'silence']));
    const { names, server } = await startNames(t, {
      records: { ...records, 'api.test': ['192.0.2.1'] },
      clock,
    });
    const waiting = hung.map((name) => faultOf(names.resolve(name)));
    await clock.untilSleeping((ms) => ms === NAME_LIMIT_MS);
    for (let at = 0; at < 5; at += 1) assert.deepEqual(await names.resolve('api.test'), ['192.0.2.1']);
    await clock.advance(NAME_LIMIT_MS);
    for (const fault of await Promise.all(waiting)) {
      assert.equal(
        fault.message,
        'its name was not resolved: DNS did not answer (EAI_AGAIN): ' +
          `check the DNS of /etc/resolv.conf (nameserver ${server.address}), and that the network policy allows port 53`,
      );
    }
    server.records.set('hung0.test', ['192.0.2.7']);
    assert.deepEqual(await names.resolve('hung0.test'), ['192.0.2.7']);
    assert.deepEqual(clock.pendingDelaysMs, []);
  });

  for (const [answer, message] of [
    [
      'NXDOMAIN',
      /^its name was not resolved: DNS says that it does not exist \(ENOTFOUND\): check the spelling/,
    ],
    [[], /^its name was not resolved: DNS says that it has no address \(ENODATA\): check the spelling/],
    ['SERVFAIL', /^its name was not resolved: DNS failed \(ESERVFAIL\): check the DNS of/],
    ['REFUSED', /^its name was not resolved: DNS failed \(EREFUSED\): check the DNS of/],
  ] as const) {
    it(`that is answered with ${String(answer) || 'nothing'} is not found, in words`, async (t) => {
      const { names } = await startNames(t, { records: { 'api.test': answer } });
      assert.match((await faultOf(names.resolve('api.test'))).message, message);
    });
  }

  it('is asked for at the second server when the first one is dead', async (t) => {
    const dead = await startOddDnsServer(t, { 'api.test': 'silence' });
    const { names, server, write } = await startNames(t, { records: { 'api.test': ['192.0.2.1'] } });
    write(`nameserver ${dead.address}\nnameserver ${server.address}\n`);
    assert.deepEqual(await names.resolve('api.test'), ['192.0.2.1']);
    assert.ok(dead.questions.length > 0);
  });

  it('is asked for where a changed resolv.conf says', async (t) => {
    const other = await startOddDnsServer(t, { 'api.test': ['192.0.2.2'] });
    const { names, write } = await startNames(t, { records: { 'api.test': ['192.0.2.1'] } });
    assert.deepEqual(await names.resolve('api.test'), ['192.0.2.1']);
    write(`nameserver ${other.address}\n`);
    assert.deepEqual(await names.resolve('api.test'), ['192.0.2.2']);
  });
});

describe('a short name in a cluster', () => {
  const settings = 'search payments.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5';

  it('is found by the search list', async (t) => {
    const records = { 'alertmanager.monitoring.svc.cluster.local': ['10.0.0.7'] };
    const { names, server } = await startNames(t, { records, settings });
    assert.deepEqual(await names.resolve('alertmanager.monitoring.svc'), ['10.0.0.7']);
    const first = server.questions.length;
    assert.deepEqual(await names.resolve('alertmanager.monitoring.svc'), ['10.0.0.7']);
    assert.equal(server.questions.length, first + 2, 'what was right is asked first');
  });

  it('gives way to nothing: a name beyond the cluster is found after the list, and first from then on', async (t) => {
    const { names, server } = await startNames(t, {
      records: { 'api.example.com': ['192.0.2.1'] },
      settings,
    });
    assert.deepEqual(await names.resolve('api.example.com'), ['192.0.2.1']);
    assert.ok(server.questions[0]?.endsWith(' api.example.com.payments.svc.cluster.local'));
    const first = server.questions.length;
    assert.deepEqual(await names.resolve('api.example.com'), ['192.0.2.1']);
    assert.equal(server.questions.length, first + 2);
  });

  it('with a dot at its end is asked for as it is', async (t) => {
    const { names, server } = await startNames(t, {
      records: { 'api.example.com': ['192.0.2.1'] },
      settings,
    });
    assert.deepEqual(await names.resolve('api.example.com.'), ['192.0.2.1']);
    assert.deepEqual(server.questions.toSorted(), ['A api.example.com', 'AAAA api.example.com']);
  });

  it('is found when one of the domains fails', async (t) => {
    const records = {
      'db.payments.svc.cluster.local': 'SERVFAIL',
      'db.svc.cluster.local': ['10.0.0.9'],
    } as const;
    const { names } = await startNames(t, { records, settings });
    assert.deepEqual(await names.resolve('db'), ['10.0.0.9']);
  });
});

describe('without DNS', () => {
  for (const [name, expected] of [
    ['192.0.2.1', ['192.0.2.1']],
    ['[2001:db8::1]', ['2001:db8::1']],
    ['localhost', ['127.0.0.1', '::1']],
    ['api.localhost', ['127.0.0.1', '::1']],
  ] as const) {
    it(`${name} is known`, async (t) => {
      const { names, server } = await startNames(t, { hosts: '192.0.2.66 localhost' });
      assert.deepEqual(await names.resolve(name), expected);
      assert.deepEqual(server.questions, []);
    });
  }

  it('the hosts file is heeded, as Kubernetes writes hostAliases into it', async (t) => {
    const hosts =
      '# a comment\n10.1.2.3\tapi.example.com API2.example.com # another\nfd00::1 api.example.com\n';
    const { names, server } = await startNames(t, { hosts });
    assert.deepEqual(await names.resolve('api.example.com'), ['10.1.2.3', 'fd00::1']);
    assert.deepEqual(await names.resolve('api2.example.com'), ['10.1.2.3']);
    assert.deepEqual(server.questions, []);
  });

  it('pipes in the place of the files hold nobody up', async (t) => {
    const { names, server, hostsFile } = await startNames(t, { records: { 'api.test': ['192.0.2.1'] } });
    execFileSync('sh', ['-c', `rm ${hostsFile} && mkfifo ${hostsFile}`]);
    assert.deepEqual(await names.resolve('api.test'), ['192.0.2.1']);
    assert.equal(server.questions.length, 2);
  });
});
