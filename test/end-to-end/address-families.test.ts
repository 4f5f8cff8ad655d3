/** The shipped configuration of the cluster, in pods with one address family. */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { COMPILE_CACHE, PROJECT, STORE_ENVIRONMENT } from '../support/program-process.ts';

const run = promisify(execFile);

/** A network of its own, of which the test is root, set up so. */
function missingTool(setUp: string): string | false {
  try {
    const script = `set -e; ip link set lo up; ${setUp}`;
    execFileSync('unshare', ['--net', 'bash', '-c', script], { stdio: 'ignore' });
    return false;
  } catch {
    return 'such a network of its own takes root, the tool ip (iproute2) and a kernel with IPv6';
  }
}

const FAMILIES = {
  'IPv6 alone': {
    setUp:
      'ip -4 address flush dev lo; ip -6 address add fd00::7/128 dev lo nodad; ip -6 route add default dev lo',
    url: 'http://[fd00::7]:8080',
    apiServer: 'fd00::1',
  },
  'IPv4 alone': {
    setUp: 'sysctl -q -w net.ipv6.conf.all.disable_ipv6=1; ip -4 address add 10.0.0.7/32 dev lo',
    url: 'http://10.0.0.7:8080',
    apiServer: '10.0.0.1',
  },
  both: {
    setUp: 'ip -4 address add 10.0.0.7/32 dev lo; ip -6 address add fd00::7/128 dev lo nodad',
    url: 'http://10.0.0.7:8080 http://[fd00::7]:8080',
    apiServer: '10.0.0.1',
  },
} as const;

describe('the base for Kubernetes', { timeout: 600_000 }, () => {
  for (const [name, { setUp, url, apiServer }] of Object.entries(FAMILIES)) {
    it(`answers at /livez in a pod with ${name}`, { skip: missingTool(setUp) }, async (t) => {
      const folder = await mkdtemp(join(tmpdir(), 'token-refresher-family-'));
      t.after(() => rm(folder, { recursive: true }));
      const shipped = await readFile(join(PROJECT, 'k8s/base/config/config.yaml'), 'utf8');
      const config = join(folder, 'config.yaml');
      await writeFile(config, shipped.replace('/journal/', `${folder}/`));
      const script = `
        set -e
        ip link set lo up; ${setUp}
        "$0" src/main.ts run --config "$1" >&2 & daemon=$!
        trap 'kill -KILL $daemon; wait $daemon || :' EXIT
        for url in ${url}; do
          "$0" --input-type=module -e '
            for (;;) {
              const answer = await fetch(process.argv[1] + "/livez").catch(() => undefined);
              if (answer === undefined) { await new Promise((resolve) => setTimeout(resolve, 50)); continue; }
              console.log(answer.status);
              break;
            }' "$url"
        done`;
      const { stdout } = await run('unshare', ['--net', 'bash', '-c', script, process.execPath, config], {
        cwd: PROJECT,
        env: {
          ...STORE_ENVIRONMENT,
          NODE_COMPILE_CACHE: COMPILE_CACHE,
          PATH: process.env['PATH'],
          KUBERNETES_SERVICE_HOST: apiServer,
          KUBERNETES_SERVICE_PORT: '443',
        },
        signal: t.signal,
        killSignal: 'SIGKILL',
      });
      assert.equal(stdout, '200\n'.repeat(url.split(' ').length));
    });
  }
});
