import type { Random } from '../../src/core/ports.ts';

/**
 * Chance that repeats itself: the same seed yields the same numbers and UUIDs on every machine, for tests, simulations
 * and the sandbox. The generator is mulberry32 (Tommy Ettinger, 2017; public domain): 32 bits of state, every seed is
 * good, its period of 2^32 is far more than a run draws.
 *
 * Non-guarantee: nothing here is unpredictable. Never use it for anything that must not be guessed.
 *
 * @param seed any integer; taken modulo 2^32
 */
export function createSeededRandom(seed: number): Random {
  let state = seed >>> 0;

  const nextUint32 = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };

  return {
    next: () => nextUint32() / 2 ** 32,
    uuid: () => {
      const hex = Array.from({ length: 4 }, () => nextUint32().toString(16).padStart(8, '0')).join('');
      // RFC 9562, section 5.4: the version digit is 4, the variant digit one of 8, 9, a, b.
      const variant = (8 + (Number.parseInt(hex.charAt(16), 16) & 3)).toString(16);
      return [
        hex.slice(0, 8),
        hex.slice(8, 12),
        `4${hex.slice(13, 16)}`,
        `${variant}${hex.slice(17, 20)}`,
        hex.slice(20),
      ].join('-');
    },
  };
}
