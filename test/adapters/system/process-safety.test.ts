import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { secureProcess } from '../../../src/adapters/system/process-safety.ts';

describe('secureProcess', () => {
  it('finds nothing as a rule, also with flags that are harmless', () => {
    const flags = [
      '--max-semi-space-size=1',
      '--disable-sigusr1',
      '--inspect-port=0',
      '--enable-source-maps',
    ];
    assert.deepEqual(secureProcess({ NODE_OPTIONS: '--use-system-ca', NODE_DEBUG: '' }, flags), {
      refusal: undefined,
      warnings: [],
    });
  });

  for (const name of ['NODE_DEBUG', 'NODE_DEBUG_NATIVE'])
    it(`refuses ${name}, which prints URLs and keys, and does not show its value`, () => {
      const { refusal } = secureProcess({ [name]: 'http,canary' }, []);
      assert.match(refusal ?? '', new RegExp(`^${name} is set: .*; unset it, nothing was started$`));
      assert.ok(!refusal?.includes('canary'));
    });

  it('takes NODE_TLS_REJECT_UNAUTHORIZED away and says what to do instead', () => {
    const env = { NODE_TLS_REJECT_UNAUTHORIZED: '0', OTHER: 'x' };
    const { refusal, warnings } = secureProcess(env, []);
    assert.deepEqual(env, { OTHER: 'x' });
    assert.equal(refusal, undefined);
    assert.match(warnings.join(), /^NODE_TLS_REJECT_UNAUTHORIZED=0 is ignored: .*NODE_EXTRA_CA_CERTS$/);
  });

  for (const flag of [
    '--inspect',
    '--inspect=0.0.0.0:9229',
    '--inspect-brk',
    '--heapsnapshot-signal=SIGUSR2',
    '--heapsnapshot-near-heap-limit=3',
    '--report-on-fatalerror',
    '--report-on-signal',
    '--report-uncaught-exception',
    '--tls-keylog=/tmp/canary',
    '--abort-on-uncaught-exception',
  ])
    it(`warns of ${flag}, on the command line and in NODE_OPTIONS`, () => {
      for (const [env, execArgv] of [
        [{}, [flag]],
        [{ NODE_OPTIONS: `--use-system-ca ${flag}` }, []],
      ] as const) {
        const { refusal, warnings } = secureProcess(env, execArgv);
        assert.equal(refusal, undefined);
        assert.equal(warnings.length, 1);
        assert.match(warnings[0] ?? '', /^the Node\.js flag --[a-z-]+ .*: not for production$/);
        assert.ok(!warnings[0]?.includes('canary'));
      }
    });
});
