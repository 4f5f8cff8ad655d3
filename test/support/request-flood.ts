/**
 * Loops of requests over kept connections, each sent as soon as the answer to the one before is there, from a process of
 * their own: `node test/support/request-flood.ts URL LOOPS`. Says a blank when the first is answered, and how many were when its
 * input ends.
 */
import { connect, type Socket } from 'node:net';
import process from 'node:process';

const HEAD_END = '\r\n\r\n';

/** @returns how many answers it has got so far */
function flood(url: URL, loops: number): () => number {
  let answers = 0;
  const begin = (): void => {
    const socket = connect(Number(url.port), url.hostname);
    let head = '';
    /** Of the answer's body; `undefined` while the head is read. */
    let leftBytes: number | undefined;
    const ask = (): void => {
      head = '';
      leftBytes = undefined;
      socket.write(`GET ${url.pathname}${url.search} HTTP/1.1\r\nhost: ${url.host}\r\n\r\n`);
    };
    const take = (bytes: Buffer): void => {
      if (leftBytes === undefined) {
        head += bytes.toString('latin1');
        const end = head.indexOf(HEAD_END);
        if (end < 0) return;
        const length = /^content-length: (\d+)\r$/im.exec(head)?.[1];
        leftBytes = Number(length ?? 0) - (head.length - end - HEAD_END.length);
      } else leftBytes -= bytes.length;
      if (leftBytes > 0) return;
      answers += 1;
      if (answers === 1) process.stdout.write(' ');
      ask();
    };
    beginAgain(socket, begin);
    socket.on('connect', ask).on('data', take);
  };
  for (let loop = 0; loop < loops; loop += 1) begin();
  return () => answers;
}

/** The server may close whom it likes; a flood goes on. */
function beginAgain(socket: Socket, begin: () => void): void {
  socket.on('error', () => undefined).on('close', () => setTimeout(begin, 1));
}

const [url = '', loops = ''] = process.argv.slice(2);
const count = flood(new URL(url), Number(loops));
process.stdin.on('end', () => process.stdout.write(`${count()}\n`, () => process.exit(0))).resume();
