/**
 * Calls an API with a token from a mounted Kubernetes Secret (Node.js 20 and later, no packages).
 *
 * A call that is refused with 401 is made a second time only with another token. If the file still has the refused one, the
 * daemon is told, once for all calls of this process.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

/** How long a call waits for a replacement at most, and how long the same token is not reported again at least. */
const MAX_WAIT_S = 10;
const MIN_QUIET_S = 30;
const MAX_QUIET_S = 3600;

/**
 * @param tokenFile `token.json` in the mounted folder: one file, because two could be of two tokens
 * @param rejectionsUrl http://token-refresher-rejections.NAMESPACE:8081/v1/tokens/NAME/rejections
 * @param identityFile the projected service-account token
 */
export function createTokenReader({ tokenFile, rejectionsUrl, identityFile }) {
  // Read at each use: the kubelet changes the file, and nothing tells the program.
  const readOnce = async () => JSON.parse(await readFile(tokenFile, 'utf8'));
  // Once more if the kubelet has just removed the folder.
  const read = () => readOnce().catch(readOnce);

  const send = (url, init, { authorization }) => {
    const headers = new Headers(init.headers);
    headers.set('authorization', authorization);
    return fetch(url, { ...init, headers });
  };

  /** Resolves with the seconds to wait, when the file is worth another look. A daemon that does not answer must not make the call fail. */
  async function report(sha256) {
    try {
      const identity = (await readFile(identityFile, 'utf8')).trim();
      const { request, Agent } = rejectionsUrl.startsWith('https:') ? https : http;
      // Not fetch: neither a proxy of the environment nor another host gets the identity.
      const sent = request(rejectionsUrl, {
        method: 'POST',
        agent: new Agent(),
        headers: { authorization: `Bearer ${identity}`, 'content-type': 'application/json' },
        signal: AbortSignal.timeout(5000),
      });
      sent.end(JSON.stringify({ sha256, status: 401 }));
      const [answer] = await once(sent, 'response');
      const { retry_after } = await json(answer);
      const seconds = Number(retry_after ?? answer.headers['retry-after']);
      const retryAfterS = seconds > 0 ? Math.min(seconds, MAX_QUIET_S) : 0;
      if (answer.statusCode === 202) await sleep(Math.min(retryAfterS, MAX_WAIT_S) * 1000);
      return retryAfterS;
    } catch {
      return 0;
    }
  }

  let last = { sha256: '', quietUntilMs: 0, isOver: Promise.resolve() };

  /** Calls that are refused while the first one waits for the replacement wait with it. */
  function reportOnce(sha256) {
    const startedMs = performance.now();
    if (last.sha256 !== sha256 || startedMs >= last.quietUntilMs) {
      const current = { sha256, quietUntilMs: Number.POSITIVE_INFINITY };
      current.isOver = report(sha256).then((retryAfterS) => {
        current.quietUntilMs = startedMs + Math.max(retryAfterS, MIN_QUIET_S) * 1000;
      });
      last = current;
    }
    return last.isOver;
  }

  return {
    /** As `fetch`. `init.body` is sent twice if need be: a text or bytes, no stream. */
    async call(url, init = {}) {
      const token = await read();
      const response = await send(url, init, token);
      if (response.status !== 401) return response;
      // When the file cannot be read any more, the answer that is there says more than that.
      const readAgain = () => read().catch(() => token);
      const isRefused = ({ access_token }) => access_token === token.access_token;
      let current = await readAgain();
      if (isRefused(current)) {
        await reportOnce(createHash('sha256').update(token.access_token).digest('hex'));
        current = await readAgain();
      }
      if (isRefused(current)) return response;
      await response.body?.cancel();
      return await send(url, init, current);
    },
  };
}
