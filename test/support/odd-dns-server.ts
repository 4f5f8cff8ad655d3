import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { isIP } from 'node:net';
import type { TestContext } from 'node:test';

/** What is said to a question: addresses of its family, or how it fails; `silence`: nothing at all. */
export type DnsAnswer = readonly string[] | 'NXDOMAIN' | 'SERVFAIL' | 'REFUSED' | 'silence';

export interface OddDnsServer {
  /** As resolv.conf and c-ares write it: `127.0.0.1:PORT`. */
  readonly address: string;
  /** `A name` and `AAAA name`, in the order in which they came. */
  readonly questions: readonly string[];
  /** By `A name`, `AAAA name` or just the name; no such name for all else. May be changed at any time. */
  readonly records: Map<string, DnsAnswer>;
}

const TYPES: Readonly<Record<number, string>> = { 1: 'A', 28: 'AAAA' };
const CODES = { NXDOMAIN: 3, SERVFAIL: 2, REFUSED: 5 } as const;

/**
 * A DNS server (RFC 1035) on UDP that can do what no proper one does on demand: hang for one name, fail for one family,
 * move a name from one question to the next.
 */
export async function startOddDnsServer(
  t: TestContext,
  records: Readonly<Record<string, DnsAnswer>> = {},
): Promise<OddDnsServer> {
  const known = new Map(Object.entries(records));
  const questions: string[] = [];
  const asked = new Set<string>();
  const server = createSocket('udp4');
  server.on('message', (query, { port, address }) => {
    const { name, type, end } = readQuestion(query);
    const family = TYPES[type] ?? String(type);
    // c-ares sends it again when this process has not run for a second.
    const id = `${query.readUInt16BE(0)} ${family} ${name}`;
    if (!asked.has(id)) questions.push(`${family} ${name}`);
    asked.add(id);
    const answer = known.get(`${family} ${name}`) ?? known.get(name) ?? 'NXDOMAIN';
    if (answer !== 'silence') server.send(buildAnswer(query, end, type, answer), port, address);
  });
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return { address: `127.0.0.1:${server.address().port}`, questions, records: known };
}

function readQuestion(query: Buffer): { readonly name: string; readonly type: number; readonly end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length).toLowerCase());
    at += 1 + length;
  }
  return { name: labels.join('.'), type: query.readUInt16BE(at + 1), end: at + 5 };
}

function buildAnswer(
  query: Buffer,
  end: number,
  type: number,
  answer: Exclude<DnsAnswer, 'silence'>,
): Buffer {
  const addresses =
    typeof answer === 'string' ? [] : answer.filter((one) => (isIP(one) === 6) === (type === 28));
  const head = Buffer.from(query.subarray(0, 12));
  head.writeUInt16BE(0x8180 | (typeof answer === 'string' ? CODES[answer] : 0), 2);
  head.writeUInt16BE(addresses.length, 6);
  head.writeUInt32BE(0, 8);
  const records = addresses.map((address) => {
    const data = toBytes(address);
    const record = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, data.length]);
    return Buffer.concat([record, data]);
  });
  return Buffer.concat([head, query.subarray(12, end), ...records]);
}

function toBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  const [left = '', right] = address.split('::');
  const parse = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((part) => Number(`0x${part}`));
  const [first, last] = [parse(left), parse(right ?? '')];
  const words = [...first, ...Array.from({ length: 8 - first.length - last.length }, () => 0), ...last];
  return Buffer.from(words.flatMap((word) => [word >> 8, word & 255]));
}
