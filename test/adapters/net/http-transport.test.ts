import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createHttpTransport } from '../../../src/adapters/net/http-transport.ts';
import { type HttpAnswer, type HttpCall, HttpFault } from '../../../src/core/wire/http-call.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { answerWith, startRawServer } from '../../support/raw-server.ts';
import { createDirectTransport } from '../../support/transport.ts';

const { signal: live } = new AbortController();

function callOf(url: string, given: Partial<HttpCall> = {}): HttpCall {
  return { method: 'POST', url: new URL('/token', url), headers: {}, body: '{"a":1}', ...given };
}

function textOf({ body }: HttpAnswer): string {
  assert.ok('bytes' in body, JSON.stringify(body));
  return new TextDecoder().decode(body.bytes);
}

async function faultOf(work: Promise<unknown>): Promise<HttpFault> {
  const fault = await work.then(
    () => assert.fail('there was an answer'),
    (error: unknown) => error,
  );
  assert.ok(fault instanceof HttpFault, String(fault));
  return fault;
}

/** A server that answers with these bytes, and what the transport makes of them. */
async function ask(t: TestContext, ...chunks: readonly (string | Uint8Array)[]): Promise<HttpAnswer> {
  const { url } = await startRawServer(t, answerWith(...chunks));
  return createDirectTransport().send(callOf(url), live);
}

const ANSWER = 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nmine';
const FOREIGN = 'HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\ntheirs';

describe('surplus bytes', () => {
  const servers: Readonly<Record<string, (socket: Socket) => void>> = {
    'a second answer with the first': answerWith(ANSWER + FOREIGN),
    'a second answer right after the first': answerWith(ANSWER, FOREIGN),
    'half a second answer': answerWith(ANSWER, FOREIGN.slice(0, 20)),
    'bytes beyond content-length': answerWith(`${ANSWER}theirs`),
    'an answer after the last chunk': answerWith(
      `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nmine\r\n0\r\n\r\n${FOREIGN}`,
    ),
    'a second answer one turn later': (socket) => {
      socket.on('data', () => {
        socket.write(ANSWER);
        setImmediate(() => socket.write(FOREIGN));
      });
    },
  };
  for (const [what, greet] of Object.entries(servers)) {
    it(`such as ${what} are nobody's answer`, async (t) => {
      const { url } = await startRawServer(t, greet);
      const transport = createDirectTransport();
      for (let call = 0; call < 5; call += 1) {
        assert.equal(textOf(await transport.send(callOf(url), live)), 'mine');
        await nextTurn();
      }
    });
  }

  for (const status of ['204 No Content', '304 Not Modified'])
    it(`after ${status} are nobody's answer`, async (t) => {
      const answer = await ask(t, `HTTP/1.1 ${status}\r\ncontent-length: 6\r\n\r\ntheirs${FOREIGN}`);
      assert.equal(textOf(answer), '');
    });

  it('that come before the request are no answer, and nothing is sent', async (t) => {
    const seen: string[] = [];
    const { url } = await startRawServer(t, (socket) => {
      socket.write(FOREIGN);
      socket.on('data', (bytes) => seen.push(bytes.toString()));
    });
    // The bytes are there once connecting has taken a while, as the question whether it is too late does here.
    const fault = await faultOf(createDirectTransport().send(callOf(url), live));
    assert.equal(fault.isSent, false);
    assert.match(fault.message, /^it sent something before it was asked: /);
    assert.deepEqual(seen, []);
  });
});

describe('answers before the answer', () => {
  const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';
  for (const [what, interim] of [
    ['100 Continue', CONTINUE],
    ['102 Processing', 'HTTP/1.1 102 Processing\r\n\r\n'],
    ['103 Early Hints', 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'],
    ['several', CONTINUE.repeat(5)],
    ['lines that end in LF alone', 'HTTP/1.1 103 Early Hints\nlink: </a>\n\n'],
    ['a status without a reason', 'HTTP/1.1 100\n\n'],
  ] as const) {
    it(`are passed over: ${what}`, async (t) => {
      assert.equal(textOf(await ask(t, interim, ANSWER)), 'mine');
    });
  }

  it('are passed over byte by byte', async (t) => {
    const bytes = Array.from(`${CONTINUE}HTTP/1.1 103 Early Hints\nlink: </a>\n\n${ANSWER}`);
    assert.equal(textOf(await ask(t, ...bytes)), 'mine');
  });

  it('without an end are given up', async (t) => {
    const { url } = await startRawServer(t, answerWith(CONTINUE.repeat(100)));
    const fault = await faultOf(createDirectTransport().send(callOf(url), live));
    assert.deepEqual([fault.code, fault.isSent], ['HPE_TOO_MANY_INTERIM_ANSWERS', true]);
  });

  it('that switch protocols are no answer', async (t) => {
    const { url } = await startRawServer(
      t,
      answerWith('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'),
    );
    const fault = await faultOf(createDirectTransport().send(callOf(url), live));
    assert.match(
      fault.message,
      /^the connection broke off before the answer was complete \(UND_ERR_SOCKET\)/,
    );
  });
});

describe('headers', () => {
  it('may take 64 KiB, and are handed over with all their values', async (t) => {
    const cookies = Array.from({ length: 20 }, (_, at) => `set-cookie: c${at}=${'x'.repeat(1000)}\r\n`).join(
      '',
    );
    const answer = await ask(
      t,
      `HTTP/1.1 200 OK\r\n${cookies}Retry-After: 7\r\nretry-after: 30\r\ncontent-length: 4\r\n\r\nmine`,
    );
    assert.equal(textOf(answer), 'mine');
    assert.equal(answer.headers.get('set-cookie')?.length, 20);
    assert.deepEqual(answer.headers.get('retry-after'), ['7', '30']);
  });

  for (const [what, head, message] of [
    ['more than 64 KiB', `x: ${'x'.repeat(70_000)}`, /^it answered with more than 64 KiB of headers/],
    [
      'two lengths',
      'content-length: 4\r\ncontent-length: 5',
      /^its answer broke off, or is not valid HTTP\/1\.1/,
    ],
    [
      'a length and chunks',
      'content-length: 4\r\ntransfer-encoding: chunked',
      /^its answer broke off, or is not valid HTTP\/1\.1/,
    ],
    ['a NUL', 'x: a\0b', /^its answer broke off, or is not valid HTTP\/1\.1/],
  ] as const) {
    it(`with ${what} are a fault of the answer`, async (t) => {
      const fault = await faultOf(ask(t, `HTTP/1.1 200 OK\r\n${head}\r\n\r\nmine`));
      assert.match(fault.message, message);
      assert.equal(fault.isSent, true);
    });
  }

  it('may hold bytes beyond ASCII', async (t) => {
    const answer = await ask(t, 'HTTP/1.1 200 Já\r\nx: Zürich\r\ncontent-length: 4\r\n\r\nmine');
    assert.equal(textOf(answer), 'mine');
  });

  it('that HTTP does not allow are refused before anything is sent', async (t) => {
    const { url, connections } = await startRawServer(t, answerWith(ANSWER));
    const call = callOf(url, { headers: { authorization: 'Bearer a\nb' } });
    await assert.rejects(createDirectTransport().send(call, live), TypeError);
    assert.equal(connections.length, 0);
  });
});

describe('limits', () => {
  it('of an answer begin when the request is sent', async (t) => {
    const clock = new FakeClock();
    const { url } = await startRawServer(t, () => undefined);
    const sending = faultOf(
      createHttpTransport({ clock, readEnv: undefined }).send(callOf(url, { answerLimitMs: 5_000 }), live),
    );
    await clock.untilSleeping((ms) => ms === 5_000);
    await clock.advance(5_000);
    const fault = await sending;
    assert.match(fault.message, /^it gave no complete answer within 5s: /);
    assert.equal(fault.isSent, true);
  });

  it('of both together leave the answer what the connection has not used up', async (t) => {
    const clock = new FakeClock();
    const { url } = await startRawServer(t, () => undefined);
    const isOver = (): boolean => {
      void clock.advance(2_000);
      return false;
    };
    const call = callOf(url, { answerLimitMs: 5_000, totalLimitMs: 5_000, isOver });
    const sending = faultOf(createHttpTransport({ clock, readEnv: undefined }).send(call, live));
    await clock.untilSleeping((ms) => ms === 3_000);
    await clock.advance(3_000);
    assert.match((await sending).message, /^it gave no complete answer within 3s: /);
  });

  it('that are over when a stopped process goes on do not hide an answer that is there', async (t) => {
    const clock = new FakeClock();
    const { url } = await startRawServer(t, (socket) => {
      socket.on('data', () => {
        socket.write(ANSWER);
        // In this very turn: the answer has arrived, and nobody has read it yet.
        void clock.advance(5_000);
      });
    });
    const answer = await createDirectTransport(clock).send(callOf(url, { answerLimitMs: 5_000 }), live);
    assert.equal(textOf(answer), 'mine');
  });

  it('of a connection are no word about the answer: nothing was sent', async (t) => {
    const clock = new FakeClock();
    // It takes the connection, and says nothing to TLS.
    const { url, connections } = await startRawServer(t, () => undefined);
    const call = callOf(url.replace('http:', 'https:'), { connectLimitMs: 3_000, answerLimitMs: 5_000 });
    const sending = faultOf(createHttpTransport({ clock, readEnv: undefined }).send(call, live));
    while (connections.length === 0) await nextTurn();
    await clock.advance(3_000);
    const fault = await sending;
    assert.match(
      fault.message,
      /^there was no connection within 3s \(the TLS handshake did not end\): check the host/,
    );
    assert.equal(fault.isSent, false);
    assert.deepEqual(clock.pendingDelaysMs, []);
  });

  it('send nothing when it is too late once the connection stands', async (t) => {
    const seen: string[] = [];
    const { url } = await startRawServer(t, (socket) =>
      socket.on('data', (bytes) => seen.push(bytes.toString())),
    );
    const fault = await faultOf(createDirectTransport().send(callOf(url, { isOver: () => true }), live));
    assert.equal(fault.isSent, false);
    assert.deepEqual(seen, []);
  });

  it('leave no socket behind when the caller gives up', async (t) => {
    const { url, connections } = await startRawServer(t, () => undefined);
    const stopping = new AbortController();
    const sending = faultOf(createDirectTransport().send(callOf(url), stopping.signal));
    while (connections.length === 0) await nextTurn();
    const closed = new Promise((resolve) => connections[0]?.once('close', resolve).resume());
    stopping.abort();
    await sending;
    await closed;
  });
});

it('as many calls run at once as are made', async (t) => {
  const waiting: Socket[] = [];
  const { url } = await startRawServer(t, (socket) => {
    socket.once('data', () => {
      waiting.push(socket);
      // Only when all have come is any of them answered.
      if (waiting.length === 64) for (const one of waiting) one.write(ANSWER);
    });
  });
  const transport = createDirectTransport();
  const answers = await Promise.all(Array.from({ length: 64 }, () => transport.send(callOf(url), live)));
  assert.equal(answers.filter((answer) => textOf(answer) === 'mine').length, 64);
});
