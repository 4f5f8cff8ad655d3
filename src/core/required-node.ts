/** What has to be there before anything can run. */
import { codeOf } from './error-code.ts';

/** The Node.js that the program needs; `engines` of package.json says the same. */
const MIN_MAJOR = 24;

/**
 * Why the program cannot run on this Node.js; `undefined` when it can.
 * @param version as in `process.versions.node`
 */
export function findNodeProblem(version: string): string | undefined {
  if (Number.parseInt(version, 10) >= MIN_MAJOR) return undefined;
  return (
    `token-refresher needs Node.js ${MIN_MAJOR} or later, and this is ${version}; in a clone, npm ci brings the right one: ` +
    'npm run cli -- --help'
  );
}

/** What to do when a package cannot be imported, as in a clone without `npm ci`; `undefined`: something else went wrong. */
export function findPackageProblem(error: unknown): string | undefined {
  return codeOf(error) === 'ERR_MODULE_NOT_FOUND'
    ? 'the packages that token-refresher needs are not installed, or not all of them: run npm ci in its folder'
    : undefined;
}
