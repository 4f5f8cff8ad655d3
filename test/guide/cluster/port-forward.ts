/**
 * `kubectl port-forward`: SPDY/3.1 frames inside of a WebSocket. For each connection the client opens a stream for
 * errors, which it closes at once, and one for data. Sources: the SPDY/3.1 draft; client-go's portforward package.
 *
 * Non-guarantee: the compressed headers are not read. The stream with data is the one that gets data, and there is one
 * port to go to.
 */
import { connect, type Socket } from 'node:net';
import { constants, deflateSync } from 'node:zlib';

const SYN_STREAM = 1;
const SYN_REPLY = 2;
const RST_STREAM = 3;
const PING = 6;
const FIN = 1;
/** No headers, compressed. Go's reader takes a stream without the dictionary. */
const NO_HEADERS = deflateSync(Buffer.alloc(4), { finishFlush: constants.Z_SYNC_FLUSH });
/** Of the same compressed stream, so without its beginning. */
const STILL_NO_HEADERS = deflateSync(Buffer.alloc(4), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(2);

interface Stream {
  readonly id: number;
  connection: Socket | undefined;
}

export class PortForward {
  readonly #port: number;
  readonly #send: (bytes: Uint8Array) => void;
  readonly #streams = new Map<number, Stream>();
  #pending = Buffer.alloc(0);
  #replies = 0;

  /** @param send takes bytes for the client */
  constructor(port: number, send: (bytes: Uint8Array) => void) {
    this.#port = port;
    this.#send = send;
  }

  /** Bytes of the client. */
  take(bytes: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, bytes]);
    while (this.#pending.length >= 8) {
      const length = this.#pending.readUIntBE(5, 3);
      if (this.#pending.length < 8 + length) return;
      const word = this.#pending.readUInt32BE(0);
      const flags = this.#pending.readUInt8(4);
      const payload = Buffer.from(this.#pending.subarray(8, 8 + length));
      this.#pending = this.#pending.subarray(8 + length);
      if (word >= 0x8000_0000) this.#takeControl(word & 0xffff, payload);
      else this.#takeData(word, payload, (flags & FIN) !== 0);
    }
  }

  end(): void {
    for (const { connection } of this.#streams.values()) connection?.destroy();
  }

  #takeControl(type: number, payload: Buffer): void {
    if (type === PING) this.#sendControl(PING, payload);
    if (type === RST_STREAM) this.#streams.get(payload.readUInt32BE(0))?.connection?.destroy();
    if (type !== SYN_STREAM) return;
    const id = payload.readUInt32BE(0);
    this.#streams.set(id, { id, connection: undefined });
    const headers = this.#replies === 0 ? NO_HEADERS : STILL_NO_HEADERS;
    this.#replies += 1;
    this.#sendControl(SYN_REPLY, Buffer.concat([payload.subarray(0, 4), headers]));
  }

  #takeData(id: number, payload: Buffer, isLast: boolean): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    if (payload.length > 0) this.#connectionOf(stream).write(payload);
    if (isLast) stream.connection?.end();
  }

  #connectionOf(stream: Stream): Socket {
    const connection = stream.connection ?? connect(this.#port, '127.0.0.1');
    if (stream.connection !== undefined) return connection;
    stream.connection = connection;
    connection.on('error', () => undefined);
    connection.on('data', (chunk: Buffer) => this.#sendData(stream.id, chunk, false));
    connection.on('close', () => {
      this.#sendData(stream.id, Buffer.alloc(0), true);
      // The stream for errors, which came right before: there was none.
      this.#sendData(stream.id - 2, Buffer.alloc(0), true);
      this.#streams.delete(stream.id);
    });
    return connection;
  }

  #sendControl(type: number, payload: Buffer): void {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(0x8003_0000 + type, 0);
    head.writeUInt32BE(payload.length, 4);
    this.#send(Buffer.concat([head, payload]));
  }

  #sendData(id: number, payload: Buffer, isLast: boolean): void {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(id, 0);
    head.writeUInt32BE(payload.length, 4);
    if (isLast) head.writeUInt8(FIN, 4);
    this.#send(Buffer.concat([head, payload]));
  }
}
