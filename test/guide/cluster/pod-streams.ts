/** What kubectl upgrades a connection for: `exec` and `port-forward`. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { JsonObject } from '../../../src/core/wire/json.ts';
import type { Kubelet } from './kubelet.ts';
import { PortForward } from './port-forward.ts';
import { acceptWebSocket } from './web-socket.ts';

/** Channels of `v5.channel.k8s.io`: the first byte of each message. */
const STDOUT = 1;
const STDERR = 2;
const RESULT = 3;

export async function serveExec(
  kubelet: Kubelet,
  pod: JsonObject,
  request: IncomingMessage,
  socket: Duplex,
): Promise<void> {
  const command = new URL(request.url ?? '', 'https://cluster').searchParams.getAll('command');
  const peer = acceptWebSocket(request, socket, 'v5.channel.k8s.io', () => undefined);
  const container = kubelet.containerOf(pod);
  if (container === undefined) throw new Error('the pod has no container');
  const { code, stdout, stderr } = await container.exec(command);
  const send = (channel: number, text: string): void =>
    peer.send(Buffer.concat([Buffer.from([channel]), Buffer.from(text)]));
  if (stdout !== '') send(STDOUT, stdout);
  if (stderr !== '') send(STDERR, stderr);
  const causes = [{ reason: 'ExitCode', message: String(code) }];
  const failure = { status: 'Failure', reason: 'NonZeroExitCode', details: { causes } };
  send(RESULT, JSON.stringify({ metadata: {}, ...(code === 0 ? { status: 'Success' } : failure) }));
  peer.close();
}

export function servePortForward(port: number, request: IncomingMessage, socket: Duplex): void {
  const forward = new PortForward(port, (bytes) => peer.send(bytes));
  const peer = acceptWebSocket(request, socket, 'SPDY/3.1+portforward.k8s.io', (bytes) =>
    forward.take(bytes),
  );
  socket.on('close', () => forward.end());
}
