/** Each check of the chaos test is shown what must not happen, and finds it; and what is excused is told apart. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { planChaos } from './chaos-plan.ts';
import type { Disturbance } from './disturbance.ts';
import { checkFetchReasons } from './fetch-reason.ts';
import type { Verdict } from './finding.ts';
import { checkEndings } from './judgement.ts';
import { checkCopies } from './mirror-reader.ts';
import type { Observation } from './observation.ts';
import { ProcessHistory } from './process-history.ts';
import { checkExpiredReads, ReadLedger, type SeenDocument } from './read-check.ts';
import { checkRefusedTokens, checkReportFetches } from './report-check.ts';
import { checkSpentTokens } from './spent-token.ts';
import { readCpuWait, Starvation } from './starvation.ts';
import type { StoreWrite } from './store-call.ts';
import { checkTakeOvers, findTakeOvers } from './take-over.ts';
import type { TokenCall } from './token-call.ts';
import type { TokenReport } from './token-report.ts';
import { checkWriteOrder } from './write-order.ts';

const START_MS = Date.parse('2026-11-21T12:00:00Z');
const LIFE_S = 30;

/** Seconds after the start. */
function at(seconds: number): number {
  return START_MS + seconds * 1000;
}

function documentText(token: string, issuedAtS: number, lifeS: number = LIFE_S): string {
  const moment = (seconds: number): string => new Date(at(seconds)).toISOString();
  return JSON.stringify({
    access_token: token,
    issued_at: moment(issuedAtS),
    refresh_at: moment(issuedAtS + lifeS * 0.55),
    expires_at: moment(issuedAtS + lifeS),
  });
}

/** A write that becomes current at once. */
function write(process: string, atS: number, changes: Partial<StoreWrite> = {}): StoreWrite {
  return {
    process,
    operation: 'CreateSecret',
    secret: 'sandbox/pivot',
    version: `${process}@${atS}`,
    text: documentText(`token@${atS}`, atS),
    sentAtMs: at(atS),
    doneAtMs: at(atS),
    refusal: undefined,
    movesCurrent: true,
    ...changes,
  };
}

/** A fetch that brings `token@atS` and `refresh@atS`. */
function call(process: string, atS: number, changes: Partial<TokenCall> = {}): TokenCall {
  return {
    process,
    token: 'pivot',
    presented: undefined,
    sentAtMs: at(atS),
    answeredAtMs: at(atS + 0.1),
    issued: { accessToken: `token@${atS}`, refreshToken: `refresh@${atS}` },
    isDelivered: true,
    ...changes,
  };
}

function observe(changes: Partial<Observation>): Observation {
  return {
    writes: [],
    reads: [],
    calls: [],
    terms: [],
    history: new ProcessHistory(),
    disturbances: [],
    mirrorFaults: [],
    reports: [],
    ...changes,
  };
}

function history(...deeds: readonly Parameters<ProcessHistory['note']>[]): ProcessHistory {
  const all = new ProcessHistory();
  for (const deed of deeds) all.note(...deed);
  return all;
}

function broken({ findings }: Verdict): number {
  return findings.length;
}

function excuses({ excused }: Verdict): readonly string[] {
  return excused.map(({ excuse }) => excuse);
}

const API_FAULT: Disturbance = { source: 'API server', fromMs: at(0), toMs: at(5) };

describe('writes of two leaders', () => {
  const terms = [
    { process: 'a.1', number: 1, sinceMs: at(0) },
    { process: 'b.1', number: 2, sinceMs: at(10) },
  ];

  it('are in order when one follows on the other', () => {
    const writes = [write('a.1', 1), write('a.1', 5), write('b.1', 11), write('b.1', 15)];
    const order = checkWriteOrder(observe({ terms, writes }));
    assert.deepEqual(order.interleaved, []);
    assert.deepEqual([broken(order.late), excuses(order.late)], [0, []]);
  });

  it('interleave when the old one moves AWSCURRENT after the new one', () => {
    const writes = [write('a.1', 1), write('b.1', 11), write('a.1', 12)];
    assert.equal(checkWriteOrder(observe({ terms, writes })).interleaved.length, 1);
  });

  it('interleave when a write without any lead becomes current', () => {
    const writes = [write('a.1', 1), write('rogue', 2)];
    assert.equal(checkWriteOrder(observe({ terms, writes })).interleaved.length, 1);
  });

  it('are late without excuse when the old one was running all the time', () => {
    const refused = { movesCurrent: false, refusal: 'InvalidParameterException' };
    const writes = [write('a.1', 1), write('b.1', 11), write('a.1', 14, refused)];
    const order = checkWriteOrder(observe({ terms, writes }));
    assert.equal(broken(order.late), 1);
    assert.equal(order.lateRefusals, 1);
  });

  it('are late with excuse when it had stood still', () => {
    const refused = { movesCurrent: false, refusal: 'InvalidParameterException' };
    const writes = [write('a.1', 1), write('b.1', 11), write('a.1', 14, refused)];
    const stood = history(['a.1', 'stopped', at(6)], ['a.1', 'continued', at(14)]);
    const order = checkWriteOrder(observe({ terms, writes, history: stood }));
    assert.deepEqual([broken(order.late), excuses(order.late)], [0, ['had stood still']]);
  });
});

describe('fetches', () => {
  const published = [write('a.1', 0.2, { text: documentText('token@0', 0) })];

  it('are fine when the published token was due', () => {
    const calls = [call('a.1', 0), call('a.1', 16.5)];
    const verdict = checkFetchReasons(observe({ writes: published, calls }));
    assert.deepEqual([broken(verdict), excuses(verdict)], [0, []]);
  });

  it('are double while a fresh token is published', () => {
    const calls = [call('a.1', 0), call('b.1', 8)];
    assert.equal(broken(checkFetchReasons(observe({ writes: published, calls }))), 1);
  });

  const again = [call('a.1', 0), call('b.1', 4)];
  const CAUSES: readonly (readonly [string, Partial<Observation>])[] = [
    ['its answer was lost', { calls: [call('a.1', 0, { isDelivered: false }), call('a.1', 1)] }],
    ['its process was killed', { calls: again, history: history(['a.1', 'killed', at(0.05)]) }],
    ['its process stood still', { calls: again, history: history(['a.1', 'stopped', at(0.05)]) }],
    ['leadership moved', { calls: again, disturbances: [API_FAULT] }],
    [
      'its process ended while the store failed',
      {
        calls: again,
        history: history(['a.1', 'asked-to-end', at(0.05)]),
        disturbances: [{ source: 'store', fromMs: at(0), toMs: at(2) }],
      },
    ],
  ];
  for (const what of ['lost-term', 'gave-up'] as const) {
    const late = history(['a.1', what, at(2)]);
    it(`are excused when the first came to nothing by ${what} on a machine that had stood still, and not on an idle one`, () => {
      const disturbances = [{ source: 'machine', fromMs: at(-9), toMs: at(-8) }] as const;
      const verdict = checkFetchReasons(observe({ calls: again, history: late, disturbances }));
      assert.deepEqual([broken(verdict), excuses(verdict)], [0, ['its process was late on a busy machine']]);
      assert.equal(broken(checkFetchReasons(observe({ calls: again, history: late }))), 1);
    });
  }
  for (const [cause, changes] of CAUSES) {
    it(`are excused when the first came to nothing because ${cause}`, () => {
      const verdict = checkFetchReasons(observe(changes));
      assert.deepEqual([broken(verdict), excuses(verdict)], [0, [cause]]);
    });
  }

  it('are excused when the machine stood still, or its process lost its term, before the first was read here', () => {
    const machine = (fromS: number, toS: number): Disturbance => ({
      source: 'machine',
      fromMs: at(fromS),
      toMs: at(toS),
    });
    const stall = checkFetchReasons(observe({ calls: again, disturbances: [machine(-0.7, -0.002)] }));
    assert.deepEqual([broken(stall), excuses(stall)], [0, ['the machine stood still']]);
    const late = { history: history(['a.1', 'lost-term', at(-0.002)]), disturbances: [machine(-9, -8)] };
    const lost = checkFetchReasons(observe({ calls: again, ...late }));
    assert.deepEqual([broken(lost), excuses(lost)], [0, ['its process was late on a busy machine']]);
  });

  it('are excused when an earlier leader had published since the new one looked, which looks when its term begins', () => {
    const terms = [
      { process: 'a.1', number: 1, sinceMs: at(-9) },
      { process: 'b.1', number: 2, sinceMs: at(4) },
    ];
    const late = [write('a.1', 6, { text: documentText('token@0', 0) })];
    const of = (process: string, lookedAtS: number): Verdict => {
      const reads = [{ process, secrets: ['sandbox/pivot'], sentAtMs: at(lookedAtS) }];
      return checkFetchReasons(
        observe({ calls: [call('a.1', 0), call(process, 8)], writes: late, reads, terms }),
      );
    };
    assert.deepEqual(excuses(of('b.1', 5)), ['it had been published by an earlier leader, late']);
    assert.equal(broken(of('b.1', 3)), 1, 'it has not looked in its term');
    assert.equal(broken(of('b.1', 7)), 1, 'it has seen it');
    assert.equal(broken(of('a.1', 5)), 1, 'its own');
  });

  it('are double when the first came to nothing for no reason', () => {
    assert.equal(broken(checkFetchReasons(observe({ calls: again }))), 1);
  });
});

describe('reports of refused tokens', () => {
  const published = [write('a.1', 0.2, { text: documentText('token@0', 0) })];
  const first = call('a.1', 0);

  function report(atS: number, changes: Partial<TokenReport> = {}): TokenReport {
    const answered = { answeredAtMs: at(atS + 0.1), status: 202 };
    return { token: 'pivot', accessToken: 'token@0', sentAtMs: at(atS), ...answered, ...changes };
  }

  it('excuse the fetch of the token that is published, and of no other', () => {
    const calls = [first, call('a.1', 8)];
    const of = (reports: readonly TokenReport[]): Verdict =>
      checkFetchReasons(observe({ writes: published, calls, reports }));
    assert.deepEqual(excuses(of([report(7)])), ['readers had reported that it is refused']);
    assert.equal(broken(of([report(7, { accessToken: 'made-up' })])), 1);
    assert.equal(broken(of([report(9)])), 1, 'reported afterwards');
  });

  it('must not lead to a fetch right after another', () => {
    const long = [write('a.1', 0.2, { text: documentText('token@0', 0, 300) })];
    const fetchesAfter = (
      seconds: number,
      process: string,
      disturbances: readonly Disturbance[] = [],
    ): Verdict => {
      const calls = [first, call(process, seconds)];
      return checkReportFetches(
        observe({ writes: long, calls, reports: [report(seconds - 1)], disturbances }),
      );
    };
    assert.deepEqual([broken(fetchesAfter(20, 'a.1')), broken(fetchesAfter(31, 'a.1'))], [1, 0]);
    assert.equal(broken(fetchesAfter(20, 'b.1')), 1, 'another replica knows how old the document is');
    const stall: Disturbance = { source: 'machine', fromMs: at(-2), toMs: at(-0.002) };
    assert.deepEqual(
      excuses(fetchesAfter(28, 'a.1', [stall])),
      ['the machine stood still'],
      'read late here',
    );
    assert.equal(broken(fetchesAfter(2, 'a.1', [stall])), 1, 'too soon for that');
  });

  it('must not lead to more than four fetches of one process', () => {
    const times = [0, 40, 80, 120, 160, 200];
    const writes = times.map((s) => write('a.1', s + 0.2, { text: documentText(`token@${s}`, s, 300) }));
    const calls = times.map((s) => call('a.1', s));
    const reports = times.map((s) => report(s + 39, { accessToken: `token@${s}` }));
    assert.equal(broken(checkReportFetches(observe({ writes, calls, reports }))), 1);
  });

  it('are followed by another token within seconds', () => {
    const of = (writes: readonly StoreWrite[], disturbances: readonly Disturbance[] = []): Verdict =>
      checkRefusedTokens({ writes, reports: [report(7)], disturbances }, at(60));
    const replaced = write('a.1', 9, { text: documentText('token@9', 9) });
    assert.equal(broken(of([...published, replaced])), 0);
    assert.equal(broken(of(published)), 1);
    assert.deepEqual(excuses(of(published, [API_FAULT])), ['in a disturbance, or right after']);
  });
});

describe('copies in the mirror', () => {
  const seen = (generation: number, issuedAtS: number): ReadonlyMap<string, SeenDocument> =>
    new Map([
      [
        'pivot',
        {
          token: 'pivot',
          provider: 'pivot',
          generation,
          issuedAtMs: at(issuedAtS),
          refreshAtMs: at(issuedAtS + 16),
          expiresAtMs: at(issuedAtS + 30),
          readAtMs: at(200),
        },
      ],
    ]);

  it('are what the authority holds at the end, unless something was broken just before', () => {
    const behind = (copies: ReadonlyMap<string, SeenDocument>, brokenUntilS: number): Verdict =>
      checkCopies(seen(4, 180), copies, [{ fromMs: at(0), toMs: at(brokenUntilS) }], at(200));
    assert.equal(broken(behind(seen(4, 180), 10)), 0);
    assert.equal(broken(behind(seen(3, 160), 10)), 1);
    assert.equal(broken(behind(new Map(), 10)), 1, 'there is none');
    assert.deepEqual(excuses(behind(seen(3, 160), 150)), ['something was broken in the last minute']);
  });

  it('may be on their way', () => {
    assert.equal(broken(checkCopies(seen(4, 198), seen(3, 160), [], at(200))), 0);
  });
});

describe('refresh tokens', () => {
  const spent = [
    call('a.1', 10, { presented: 'refresh@0' }),
    call('b.1', 14, { presented: 'refresh@0', issued: undefined }),
  ];

  it('may be presented one after the other', () => {
    const calls = [call('a.1', 0), call('a.1', 10, { presented: 'refresh@0' })];
    const next = call('a.1', 20, { presented: 'refresh@10' });
    assert.equal(broken(checkSpentTokens(observe({ calls: [...calls, next] }))), 0);
  });

  it('must not be presented again', () => {
    assert.equal(broken(checkSpentTokens(observe({ calls: spent }))), 1);
  });

  it('may be presented again when the process that got the answer was killed before it saved the next one', () => {
    // Also when it was killed while the request was on its way.
    for (const killedAtS of [10.2, 9.999]) {
      const killed = history(['a.1', 'killed', at(killedAtS)]);
      const verdict = checkSpentTokens(observe({ calls: spent, history: killed }));
      assert.deepEqual([broken(verdict), excuses(verdict)], [0, ['its process was killed']]);
    }
  });

  it('must not be presented again once the store has the next one, killed or not', () => {
    const killed = history(['a.1', 'killed', at(10.5)]);
    const state = { secret: 'token-refresher/state/sandbox/pivot', text: '{"refresh_token":"refresh@10"}' };
    const of = (savedAtS: number, lookedAtS: number): Verdict => {
      const reads = [{ process: 'b.1', secrets: [state.secret], sentAtMs: at(lookedAtS) }];
      const writes = [write('a.1', savedAtS, state)];
      return checkSpentTokens(observe({ calls: spent, history: killed, writes, reads }));
    };
    assert.equal(broken(of(10.3, 13)), 1);
    assert.deepEqual(excuses(of(13.9, 13.8)), ['its process was killed'], 'it arrived after the last look');
    assert.equal(broken(of(10.3, 8)), 1, 'it has to look right before the call');
  });
});

describe('reads', () => {
  function seen(atS: number, changes: Partial<SeenDocument> = {}): SeenDocument {
    return {
      token: 'pivot',
      provider: 'pivot',
      generation: 1,
      issuedAtMs: at(0),
      refreshAtMs: at(16.5),
      expiresAtMs: at(30),
      readAtMs: at(atS),
      ...changes,
    };
  }

  it('are expired when nothing kept the token from being refreshed', () => {
    assert.equal(broken(checkExpiredReads([seen(31)], [])), 1);
  });

  const DISTURBED: readonly (readonly [string, number, Disturbance[]])[] = [
    [
      'an outage from before it was due until its end',
      0,
      [{ source: 'store', fromMs: at(10), toMs: at(31) }],
    ],
    ['an outage that leaves time for a retry', 1, [{ source: 'store', fromMs: at(10), toMs: at(24) }]],
    [
      'an outage that begins when it should have been refreshed',
      1,
      [{ source: 'store', fromMs: at(21), toMs: at(31) }],
    ],
    ["another provider's outage", 1, [{ source: 'providers', provider: 'pik', fromMs: at(0), toMs: at(40) }]],
    [
      'two outages with no time to refresh in between',
      0,
      [
        { source: 'store', fromMs: at(16), toMs: at(22) },
        { source: 'API server', fromMs: at(23), toMs: at(26), echoMs: 5000 },
      ],
    ],
  ];
  for (const [what, expected, disturbances] of DISTURBED) {
    it(`are ${expected === 0 ? 'excused' : 'not excused'} by ${what}`, () => {
      assert.equal(broken(checkExpiredReads([seen(31)], disturbances)), expected);
    });
  }

  it('are excused for a minute after a long outage, and no longer', () => {
    const outage: Disturbance = { source: 'store', fromMs: at(10), toMs: at(31) };
    assert.equal(broken(checkExpiredReads([seen(90)], [outage])), 0);
    assert.equal(broken(checkExpiredReads([seen(95)], [outage])), 1);
  });

  it('that go back are found, by generation and by expiry', () => {
    const ledger = new ReadLedger();
    ledger.note(seen(1, { generation: 2 }));
    ledger.note(seen(2, { generation: 3, expiresAtMs: at(29) }));
    ledger.note(seen(3, { generation: 2, expiresAtMs: at(40) }));
    assert.equal(broken(ledger.backwards), 2);
    assert.equal(ledger.reads, 3);
  });
});

describe('take-overs', () => {
  it('are measured to the next acquisition, and found when they take too long', () => {
    const losses = [{ kind: 'kill', process: 'a.1', atMs: at(0) }] as const;
    const [quick] = findTakeOvers(losses, [{ process: 'b.1', atMs: at(3) }], [], at(30));
    assert.equal(quick?.tookMs, 3000);
    const slow = findTakeOvers(losses, [{ process: 'b.1', atMs: at(20) }], [], at(30));
    assert.equal(broken(checkTakeOvers(slow)), 1);
    assert.equal(broken(checkTakeOvers(findTakeOvers(losses, [], [], at(30)))), 1, 'nobody took over');
    const fault: Disturbance = { source: 'API server', fromMs: at(1), toMs: at(12), echoMs: 3000 };
    const hampered = findTakeOvers(losses, [{ process: 'b.1', atMs: at(20) }], [fault], at(30));
    assert.deepEqual(excuses(checkTakeOvers(hampered)), ['the API server failed meanwhile']);
  });
});

describe('ends', () => {
  it('are in time and with 0, or with 1 where the machine kept the process from running', () => {
    const stall: Disturbance = { source: 'machine', fromMs: at(3), toMs: at(5) };
    const of = (code: number, tookS: number, disturbances: readonly Disturbance[]): Verdict => {
      const ending = { process: 'a.1', atMs: at(0), tookMs: tookS * 1000, exit: { code, signal: null } };
      return checkEndings([ending], 0, disturbances);
    };
    assert.equal(broken(of(0, 2, [])), 0);
    assert.equal(broken(of(1, 8.6, [])), 1);
    assert.deepEqual(excuses(of(1, 8.6, [stall])), ['the machine stood still']);
    assert.equal(broken(of(1, 2, [stall])), 1, 'before');
    assert.equal(broken(of(0, 11, [stall])), 1, 'too late');
    assert.equal(broken(of(2, 8.6, [stall])), 1, 'another code');
  });
});

describe('a plan', () => {
  it('is the same for the same seed, another one for another, and has long outages only when there is time', () => {
    const plan = planChaos({ seed: 7, durationMs: 60_000 });
    assert.deepEqual(planChaos({ seed: 7, durationMs: 60_000 }), plan);
    assert.notDeepEqual(planChaos({ seed: 8, durationMs: 60_000 }), plan);
    assert.ok(plan.every(({ kind }) => !kind.startsWith('long-')));
    const long = planChaos({ seed: 7, durationMs: 600_000 }).filter(({ kind }) => kind.startsWith('long-'));
    assert.deepEqual(long.map(({ kind }) => kind).toSorted(), ['long-provider-outage', 'long-store-outage']);
  });
});

describe('a replica that the machine keeps from running', () => {
  const FROM_MS = 50_000;

  it('is told with the time in which it waited for a CPU, which excuses what it could not do', () => {
    const starvation = new Starvation();
    const stalls = [0, 30, 60, 700, 1300, 1350].map((waitedMs, index) =>
      starvation.look({ atMs: FROM_MS + index * 1000, waitedMs }),
    );
    assert.deepEqual(
      stalls.map((stall) => stall && (stall.fromMs - FROM_MS) / 1000),
      [undefined, undefined, undefined, 2, 3, undefined],
    );
  });

  it('is not told of a blip, nor of one that another process of its name leaves behind', () => {
    const starvation = new Starvation();
    const stalls = [
      { atMs: FROM_MS, waitedMs: 5000 },
      { atMs: FROM_MS + 500, waitedMs: 5400 },
      { atMs: FROM_MS + 1000, waitedMs: 5450 },
      { atMs: FROM_MS + 2000, waitedMs: 10 },
      { atMs: FROM_MS + 3000, waitedMs: 20 },
    ].map((sample) => starvation.look(sample));
    assert.deepEqual(stalls, [undefined, undefined, undefined, undefined, undefined]);
  });

  it('can be seen on Linux', { skip: process.platform === 'linux' ? false : 'needs /proc' }, () => {
    assert.ok((readCpuWait(process.pid) ?? -1) >= 0);
    assert.equal(readCpuWait(-1), undefined);
  });
});
