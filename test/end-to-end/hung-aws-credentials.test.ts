/** The Pod Identity agent, or STS, accepts a connection and does not answer. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { startHangingServer } from '../support/hanging-server.ts';
import { makePipe } from '../support/named-pipe.ts';
import { ProgramProcess, runProgram } from '../support/program-process.ts';
import { type ProgramWorld, startProgramWorld } from '../support/program-world.ts';

const TOKEN = 'service-account-token';
const EXPIRES = '2099-01-01T00:00:00Z';
const NO_KEYS = { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', HOME: '/nonexistent' };

interface Source {
  readonly name: string;
  env(url: string, tokenFile: string): Readonly<Record<string, string>>;
  answer(request: IncomingMessage, response: ServerResponse): void;
  readonly place: RegExp;
}

const SOURCES: readonly Source[] = [
  {
    name: 'the Pod Identity agent',
    env: (url, tokenFile) => ({
      ...NO_KEYS,
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/v1/credentials`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: tokenFile,
    }),
    answer: (request, response) => {
      assert.equal(request.headers.authorization, TOKEN);
      const answer = {
        AccessKeyId: 'AKIA',
        SecretAccessKey: 'secret',
        Token: 'session',
        Expiration: EXPIRES,
      };
      response.end(JSON.stringify(answer));
    },
    place: /the container credentials endpoint \(Pod Identity agent\) gave no answer within 2s/,
  },
  {
    name: 'STS',
    env: (url, tokenFile) => ({
      ...NO_KEYS,
      AWS_ENDPOINT_URL_STS: url,
      AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/token-refresher',
      AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile,
    }),
    answer: (_, response) => {
      response.setHeader('content-type', 'text/xml');
      response.end(
        '<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>' +
          '<Credentials><AccessKeyId>AKIA</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>' +
          `<SessionToken>session</SessionToken><Expiration>${EXPIRES}</Expiration></Credentials>` +
          '</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>',
      );
    },
    place: /STS \(AssumeRoleWithWebIdentity, the role of the service account\) gave no answer within 2s/,
  },
];

async function writeToken(world: ProgramWorld): Promise<string> {
  const path = join(dirname(world.sandbox.configPath), 'token');
  await writeFile(path, TOKEN);
  return path;
}

describe('AWS credentials that do not come', { concurrency: true, timeout: 600_000 }, () => {
  for (const { name, env, answer, place } of SOURCES) {
    it(`Fresh: ${name} hangs, is named, and a token is published once it answers`, async (t: TestContext) => {
      await using world = await startProgramWorld();
      await using source = await startHangingServer();
      const config = await world.copyConfig('aws.yaml', { only: ['pik'], set: { 'log.level': 'debug' } });
      const environment = env(source.url, await writeToken(world));
      await using daemon = new ProgramProcess(['run', '--config', config], {
        signal: t.signal,
        env: environment,
      });
      const { output } = daemon;
      const failed = await output.untilLine(({ code }) => code === 'store-unavailable');
      assert.match(String(failed['msg']), place);
      assert.doesNotMatch(String(failed['msg']), /network path/);
      await source.untilAsked(4);
      // What was given up is closed, as soon as this process sees it.
      while (source.open > 2) await nextTurn(undefined, { signal: t.signal });
      source.heal(answer);
      await output.untilLines('token-refreshed', 1);
      daemon.send('SIGTERM');
      assert.deepEqual(await daemon.untilExit(), { code: 0, signal: null });
    });

    it(`Quick to stop, safe to kill: while ${name} hangs, SIGTERM is obeyed, and commands end`, async (t) => {
      await using world = await startProgramWorld();
      await using source = await startHangingServer();
      const config = await world.copyConfig('aws.yaml', { only: ['pik'] });
      const options = { signal: t.signal, env: env(source.url, await writeToken(world)) };
      await using daemon = new ProgramProcess(['run', '--config', config], options);
      await source.untilAsked(1);
      daemon.send('SIGTERM');
      assert.deepEqual(await daemon.untilExit(), { code: 0, signal: null });
      for (const args of [['run', '--once'], ['status'], ['check', '--live']]) {
        const { code, stdout, stderr } = await runProgram([...args, '--config', config], options);
        assert.equal(code, 1, args.join(' '));
        assert.match(`${stdout}${stderr}`, place, args.join(' '));
      }
    });
  }

  it('a token file that is a pipe is named, and blocks nothing', async (t) => {
    await using world = await startProgramWorld();
    const config = await world.copyConfig('aws.yaml', { only: ['pik'] });
    const pipe = join(dirname(world.sandbox.configPath), 'pipe');
    makePipe(pipe);
    for (const { env } of SOURCES) {
      const options = { signal: t.signal, env: env('http://127.0.0.1:9', pipe) };
      const { code, stdout, stderr } = await runProgram(['status', '--config', config], options);
      assert.equal(code, 1);
      assert.match(`${stdout}${stderr}`, /_TOKEN_FILE\) cannot be read \(it is no regular file but a pipe/);
    }
  });
});
