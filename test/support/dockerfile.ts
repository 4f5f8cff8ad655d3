import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { PROJECT } from './program-process.ts';

const argvSchema = z.array(z.string()).min(1);

/** What a container of the image runs: its last stage, as the Dockerfile says. */
export interface ImageSettings {
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
  readonly user: { readonly uid: number; readonly gid: number };
  readonly stopSignal: string;
  readonly exposedPorts: readonly number[];
  readonly labels: Readonly<Record<string, string>>;
  /** Folder of the build stage to folder of the image. */
  readonly copied: readonly { readonly from: string; readonly to: string }[];
  /** Defaults of all arguments. */
  readonly args: Readonly<Record<string, string>>;
  /** Images that the stages are made from, as written. */
  readonly baseImages: readonly string[];
}

/** @throws for an instruction that is not understood here, so that none is passed over in silence */
export function readDockerfile(): ImageSettings {
  const instructions = readInstructions(readFileSync(join(PROJECT, 'Dockerfile'), 'utf8'));
  const lastStage = instructions.slice(instructions.findLastIndex(({ name }) => name === 'FROM'));
  const one = (name: string): string => {
    const [found, second] = lastStage.filter((instruction) => instruction.name === name);
    if (found === undefined || second !== undefined) throw new Error(`the last stage needs one ${name}`);
    return found.text;
  };
  const known = new Set('FROM ARG LABEL COPY WORKDIR ENV USER EXPOSE STOPSIGNAL ENTRYPOINT CMD'.split(' '));
  const unknown = lastStage.find(({ name }) => !known.has(name));
  if (unknown !== undefined) throw new Error(`unknown instruction ${unknown.name}`);
  const user = /^(?<uid>\d+):(?<gid>\d+)$/.exec(one('USER'))?.groups;
  return {
    entrypoint: argvSchema.parse(JSON.parse(one('ENTRYPOINT'))),
    command: argvSchema.parse(JSON.parse(one('CMD'))),
    env: readPairs(one('ENV')),
    workingDirectory: one('WORKDIR'),
    user: { uid: Number(user?.['uid']), gid: Number(user?.['gid']) },
    stopSignal: one('STOPSIGNAL'),
    exposedPorts: one('EXPOSE').split(' ').map(Number),
    labels: readPairs(one('LABEL')),
    copied: lastStage
      .filter(({ name }) => name === 'COPY')
      .map(({ text }) => {
        const [, from = '', to = ''] = /^--from=build (\S+) (\S+)$/.exec(text) ?? [];
        return { from, to };
      }),
    args: Object.assign(
      {},
      ...instructions.filter(({ name }) => name === 'ARG').map(({ text }) => readPairs(text)),
    ),
    baseImages: instructions
      .filter(({ name }) => name === 'FROM')
      .map(({ text }) => text.split(' ').find((word) => !word.startsWith('--')) ?? text),
  };
}

interface Instruction {
  readonly name: string;
  readonly text: string;
}

function readInstructions(dockerfile: string): readonly Instruction[] {
  return dockerfile
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [name = '', ...words] = line.trim().split(/\s+/);
      return { name, text: words.join(' ') };
    });
}

/** `A=1 B="two words"` */
function readPairs(text: string): Readonly<Record<string, string>> {
  const pairs = text.matchAll(/(?<key>[\w.]+)=(?:"(?<quoted>[^"]*)"|(?<plain>\S*))/g);
  return Object.fromEntries(
    [...pairs].map(({ groups }) => [groups?.['key'] ?? '', groups?.['quoted'] ?? groups?.['plain'] ?? '']),
  );
}
