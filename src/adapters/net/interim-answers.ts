import type { Socket } from 'node:net';
import { codedError } from '../../core/error-code.ts';

/** 100, 102, 103: more of them before an answer are no HTTP any more. */
const MAX_INTERIM_ANSWERS = 32;
const MAX_BYTES = 65_536;

const BEGINNING = 'HTTP/1.';
/** All but `101 Switching Protocols`, which is final. */
const INTERIM = /^HTTP\/1\.[01] 1(?!01)\d\d[ \r\n]/;
const STATUS_LENGTH = 'HTTP/1.1 100 '.length;
/** A line may end in LF alone (RFC 9112, 2.2): to look for CRLF would take the final answer's head away with it. */
const END_OF_HEAD = /\n\r?\n/;

/**
 * Takes interim answers out of what is read from a socket, until the final answer begins. undici takes a `100 Continue` that
 * nobody asked for for a fault, but a client must understand it (RFC 9110, 15.2). Too many of them destroy the socket.
 */
export function skipInterimAnswers(socket: Socket): void {
  const read = socket.read.bind(socket);
  let begun: Buffer = Buffer.alloc(0);
  let skipped = 0;
  socket.read = (): Buffer | null => {
    for (;;) {
      const chunk: unknown = read();
      if (!Buffer.isBuffer(chunk)) return null;
      begun = Buffer.concat([begun, chunk]);
      for (
        let end = endOfInterim(begun);
        end > 0 && skipped <= MAX_INTERIM_ANSWERS;
        end = endOfInterim(begun)
      ) {
        begun = begun.subarray(end);
        skipped += 1;
      }
      if (skipped > MAX_INTERIM_ANSWERS || begun.byteLength > MAX_BYTES) {
        socket.destroy(codedError('HPE_TOO_MANY_INTERIM_ANSWERS', 'too many interim answers'));
        return null;
      }
      if (!mayBeInterim(begun)) {
        socket.read = read;
        return begun;
      }
    }
  };
}

/** Where what follows a complete interim answer begins; 0 when there is none. */
function endOfInterim(bytes: Buffer): number {
  if (!INTERIM.test(statusOf(bytes))) return 0;
  const end = END_OF_HEAD.exec(bytes.toString('latin1'));
  return end === null ? 0 : end.index + end[0].length;
}

function mayBeInterim(bytes: Buffer): boolean {
  const status = statusOf(bytes);
  const isShort = status.length < STATUS_LENGTH;
  return isShort ? BEGINNING.startsWith(status.slice(0, BEGINNING.length)) : INTERIM.test(status);
}

function statusOf(bytes: Buffer): string {
  return bytes.toString('latin1', 0, STATUS_LENGTH);
}
