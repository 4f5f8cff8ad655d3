import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatDuration, parseDuration } from '../../src/core/wire/duration.ts';
import { PIVOT, parseText, problemsOf } from '../support/configuration-text.ts';
import { fc } from '../support/property.ts';

/** As written in a file; `undefined` for what is left out. */
type Settings = Readonly<Record<string, string | undefined>>;

const STORE_KEYS = ['versionBudget', 'store.timeout'];

function write(settings: Settings): string {
  const own = ['lifetime', 'refreshAfter', 'schedule', 'minInterval', 'timeout', 'fetchBudget'].flatMap(
    (key) => (settings[key] === undefined ? [] : [`    ${key}: ${settings[key]}\n`]),
  );
  const store = STORE_KEYS.flatMap((key) =>
    settings[key] === undefined ? [] : [`  ${key.replace('store.', '')}: ${settings[key]}\n`],
  );
  return [
    PIVOT,
    ...own,
    ...(settings['staleness'] === undefined ? [] : [`readers:\n  staleness: ${settings['staleness']}\n`]),
    ...(store.length === 0 ? [] : ['store:\n', ...store]),
  ].join('');
}

interface Advice {
  readonly setting: string;
  readonly value: string | undefined;
  /** A value that is just beyond what was recommended. */
  readonly beyond: string | undefined;
}

/** What a message recommends, one step a time unit further included. */
function adviceIn(message: string): readonly Advice[] {
  const pattern =
    /(?:leave (?<left>schedule) out)|(?<setting>store\.timeout|[a-zA-Z]+) of (?:(?<bound>at most|at least) )?(?<value>[\w/]+)/g;
  const [, advice = ''] = /; (?!AWS|beyond)(.*)$/.exec(message) ?? [];
  return [...(advice.split(', or versionBudget: none')[0]?.matchAll(pattern) ?? [])].map(
    ({ groups = {} }) => {
      const { left, setting = left ?? '', bound, value } = groups;
      if (left !== undefined || value === undefined) return { setting, value: undefined, beyond: undefined };
      const sign = bound === 'at least' ? -1 : 1;
      const calls = /^(\d+)(\/\w+)$/.exec(value);
      if (calls !== null) return { setting, value, beyond: `${Number(calls[1]) + sign}${calls[2]}` };
      if (/^\d+$/.test(value)) return { setting, value, beyond: String(Number(value) + sign) };
      const parsed = parseDuration(value);
      assert.ok(parsed.ok, message);
      return { setting, value, beyond: formatDuration(parsed.durationMs + sign * 1000) };
    },
  );
}

const seconds = (min: number, max: number): fc.Arbitrary<string> =>
  fc.integer({ min, max }).map((count) => formatDuration(count * 1000));
const maybe = (values: fc.Arbitrary<string>) => fc.option(values, { nil: undefined });

const wishes = fc.record({
  lifetime: maybe(fc.oneof(seconds(60, 900), seconds(600, 7200))),
  refreshAfter: maybe(fc.oneof(seconds(1, 4000), fc.constantFrom('0.5', '0.6', '0.9', '0.99'))),
  minInterval: maybe(seconds(1, 4000)),
  timeout: maybe(seconds(1, 300)),
  fetchBudget: maybe(fc.constantFrom('1/hour', '5/minute', '20/day', '200/day')),
  staleness: maybe(seconds(1, 4000)),
  versionBudget: maybe(fc.oneof(fc.integer({ min: 1, max: 144 }).map(String), fc.constant('none'))),
  'store.timeout': maybe(seconds(1, 60)),
});
const classicWishes = fc
  .tuple(
    wishes,
    fc.constantFrom('"*/5 * * * *"', '"*/12 * * * *"', '"*/14 * * * *"', '"7 * * * *"', '"0 3 * * *"'),
  )
  .map(([settings, schedule]): Settings => ({ ...settings, refreshAfter: undefined, schedule }));

function problemsIn(settings: Settings): readonly string[] {
  return problemsOf(parseText(write(settings)));
}

describe('a value that a message recommends', () => {
  for (const [what, arbitrary] of [
    ['of a schedule that follows from the lifetime', wishes],
    ['of a cron expression', classicWishes],
  ] as const) {
    it(`is accepted, and one step beyond it is refused: ${what}`, () => {
      let checked = 0;
      fc.assert(
        fc.property(arbitrary, (settings) => {
          const problems = problemsIn(settings);
          const advice = problems.flatMap(adviceIn);
          if (problems.length === 0 || advice.length === 0) return;
          checked += 1;
          const followed: Settings = {
            ...settings,
            ...Object.fromEntries(advice.map(({ setting, value }) => [setting, value])),
          };
          assert.deepEqual(problemsIn(followed), [], `${JSON.stringify(settings)} -> ${problems.join('\n')}`);
          if (
            settings['fetchBudget'] === undefined &&
            problems.some((problem) => problem.includes('or versionBudget: none'))
          ) {
            const others = problems.flatMap((problem) =>
              adviceIn(`; ${problem.split(' together with: ')[1] ?? ''}`),
            );
            const unlimited = Object.fromEntries(others.map(({ setting, value }) => [setting, value]));
            assert.deepEqual(problemsIn({ ...settings, ...unlimited, versionBudget: 'none' }), []);
          }
          for (const { setting, beyond } of advice) {
            if (beyond === undefined || setting === 'lifetime') continue;
            const refused = problemsIn({ ...followed, [setting]: beyond });
            assert.notDeepEqual(refused, [], `${setting}: ${beyond} after ${problems.join('\n')}`);
          }
        }),
        { numRuns: 400 },
      );
      assert.ok(checked > 100, `${checked} of the settings were wrong`);
    });
  }
});
