/** The server's side of a WebSocket (RFC 6455), as much of it as kubectl uses: binary messages, no extensions. */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const CLOSE = 8;
const PING = 9;
const PONG = 10;

export interface WebSocket {
  send(bytes: Uint8Array): void;
  /** Says good-bye, normally. */
  close(): void;
}

/** Answers the upgrade with one of the protocols that the client offers. @throws when it does not offer that one */
export function acceptWebSocket(
  request: IncomingMessage,
  socket: Duplex,
  protocol: string,
  onMessage: (bytes: Buffer) => void,
): WebSocket {
  const { 'sec-websocket-key': key = '', 'sec-websocket-protocol': offered = '' } = request.headers;
  if (!offered.split(/, */).includes(protocol)) throw new Error(`the client speaks ${offered}`);
  const accept = createHash('sha1').update(`${key}${GUID}`).digest('base64');
  socket.write(
    [
      'HTTP/1.1 101 Switching Protocols',
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Accept: ${accept}`,
      `Sec-WebSocket-Protocol: ${protocol}`,
      '\r\n',
    ].join('\r\n'),
  );
  let pending = Buffer.alloc(0);
  let parts: Buffer[] = [];
  const takeFrame = (frame: Frame): void => {
    if (frame.opcode === CLOSE) socket.end(formatFrame(CLOSE, frame.payload));
    else if (frame.opcode === PING) socket.write(formatFrame(PONG, frame.payload));
    else if (frame.opcode !== PONG) {
      parts.push(frame.payload);
      if (!frame.isLast) return;
      const message = Buffer.concat(parts);
      parts = [];
      onMessage(message);
    }
  };
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    for (let frame = readFrame(pending); frame !== undefined; frame = readFrame(pending)) {
      pending = pending.subarray(frame.bytes);
      takeFrame(frame);
    }
  });
  return {
    send: (bytes) => void (socket.writable && socket.write(formatFrame(2, bytes))),
    close: () => void (socket.writable && socket.end(formatFrame(CLOSE, Buffer.from([0x03, 0xe8])))),
  };
}

interface Frame {
  readonly opcode: number;
  readonly isLast: boolean;
  readonly payload: Buffer;
  /** Of the whole frame. */
  readonly bytes: number;
}

/** @returns `undefined` while a part of it is missing */
function readFrame(buffer: Buffer): Frame | undefined {
  if (buffer.length < 2) return undefined;
  const short = buffer.readUInt8(1) & 0x7f;
  const head = short === 126 ? 4 : short === 127 ? 10 : 2;
  if (buffer.length < head + 4) return undefined;
  const length =
    short === 126 ? buffer.readUInt16BE(2) : short === 127 ? Number(buffer.readBigUInt64BE(2)) : short;
  const bytes = head + 4 + length;
  if (buffer.length < bytes) return undefined;
  const mask = buffer.subarray(head, head + 4);
  const payload = Buffer.from(
    buffer.subarray(head + 4, bytes).map((byte, index) => byte ^ (mask[index % 4] ?? 0)),
  );
  const first = buffer.readUInt8(0);
  return { opcode: first & 0x0f, isLast: (first & 0x80) !== 0, payload, bytes };
}

function formatFrame(opcode: number, payload: Uint8Array): Buffer {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head.writeUInt8(0x80 | opcode, 0);
  head.writeUInt8(length < 126 ? length : length < 65_536 ? 126 : 127, 1);
  if (head.length === 4) head.writeUInt16BE(length, 2);
  if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, payload]);
}
