import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkLinearizable } from "../../conformance/histories/linearizable.js";
import { seeded } from "../../conformance/inputs/seeded.js";
import { history, REGISTERS, type Registers, type Use } from "./registers.js";

function isLinearizable(...lines: readonly string[]): boolean {
  const { is } = checkLinearizable(history(...lines), REGISTERS);
  expect(is).not.toBe("undecided");
  return is === "linearizable";
}

describe("an order is found", () => {
  test.each<readonly [string, ...string[]]>([
    ["nothing at all"],
    ["one after another", "x=1 |-|", "x?1     |-|", "x=2         |-|", "x?2             |-|"],
    ["a read beside a write sees the old", "x=1 |----|", "x?0   |-|"],
    ["a read beside a write sees the new", "x=1 |----|", "x?1   |-|"],
    ["two reads beside a write, the old one first", "x=1 |---------|", "x?0   |-|", "x?1       |-|"],
    ["writes beside each other, in either order", "x=1 |----|", "x=2  |----|", "x?1        |-|"],
    ["a read that was long under way sees the old", "x=1   |-|", "x?0 |-------|", "x?1       |-|"],
    ["what ends when another begins is beside it", "x=1 |--|", "x?0    |--|"],
    ["of two that swap the same value, one", "x:0=1 |----|", "x:0!2  |----|", "x?1         |--|"],
    ["a swap that fails before it could succeed", "x:1!2 |------|", "x=1    |-|", "x?1        |--|"],
    ["both registers of one write", "x=1,y=1 |----|", "x?1,y?1  |-|", "x?1,y?1     |---|"],
    ["a write without an answer that happened", "x=1 |", "x?0   |-|", "x?1      |-|"],
    ["a write without an answer that never did", "x=1 |", "x?0   |-|", "x?0      |-|"],
    [
      "a write without an answer, later than later ones",
      "x=1 |",
      "x=2   |-|",
      "x?2      |-|",
      "x?1         |-|",
    ],
    ["a swap without an answer that did nothing", "x:5=1 |", "x?0   |-|"],
  ])("%s", (_, ...lines) => {
    expect(isLinearizable(...lines)).toBe(true);
  });
});

describe("there is no order", () => {
  test.each<readonly [string, ...string[]]>([
    ["a value that nobody wrote", "x?1 |-|"],
    ["a stale read", "x=1 |-|", "x?0     |-|"],
    ["a read of what is written later", "x?1 |-|", "x=1     |-|"],
    ["a lost write", "x=1 |-|", "x=2     |-|", "x?1         |-|"],
    ["the new value, then the old", "x=1 |---------|", "x?1   |-|", "x?0       |-|"],
    [
      "writes whose order two readers see differently",
      "x=1 |---|",
      "x=2 |---|",
      "x?1       |-|",
      "x?2           |-|",
    ],
    ["two that swap the same value, both", "x:0=1 |----|", "x:0=2  |----|"],
    ["a swap that fails although it must succeed", "x:0!1 |----|"],
    ["a swap that succeeds past a write", "x=5 |-|", "x:0=2    |-|"],
    ["half of a write to two", "x=1,y=1 |-|", "x?1,y?0        |-|"],
    ["one half, then the other not yet", "x=1,y=1 |---------|", "x?1   |-|", "y?0       |-|"],
    ["both registers never so at once", "x=1 |-|", "y=1     |-|", "x?0,y?1      |-|"],
    ["a write without an answer, seen and gone again", "x=1 |", "x?1   |-|", "x?0      |-|"],
    [
      "a write without an answer, twice",
      "x=1 |",
      "x?1  |-|",
      "x=2     |-|",
      "x?2        |-|",
      "x?1           |-|",
    ],
    ["a write without an answer, seen before it was made", "x?1 |-|", "x=1      |"],
  ])("%s", (_, ...lines) => {
    expect(isLinearizable(...lines)).toBe(false);
  });
});

test("writes of either register alone are linearizable, and together they are not", () => {
  // Write skew: both looked, both found the other's register empty, both wrote.
  const skew = [
    { if: { x: 0 }, writes: { y: 1 }, did: true, began: 1, ended: 9 },
    { if: { y: 0 }, writes: { x: 1 }, did: true, began: 2, ended: 8 },
  ];
  expect(checkLinearizable(skew, REGISTERS).is).toBe("not linearizable");
  for (const alone of skew) expect(checkLinearizable([alone], REGISTERS).is).toBe("linearizable");
});

test("the order that is found explains every answer, and keeps to the times", () => {
  const verdict = checkLinearizable(history("x=1 |----|", "x=2  |----|", "x?1        |-|"), REGISTERS);
  expect(verdict).toMatchObject({ order: [{ writes: { x: 2 } }, { writes: { x: 1 } }, { reads: { x: 1 } }] });
});

test("a failure shows how far the longest order comes, and what cannot follow", () => {
  const verdict = checkLinearizable(
    history("x=1 |-|", "x=2     |-|", "x?1         |-|", "x?2         |--|"),
    REGISTERS,
  );
  expect(verdict).toMatchObject({
    order: [{ writes: { x: 1 } }, { writes: { x: 2 } }, { reads: { x: 2 } }],
    state: { x: 2 },
    stuck: [{ reads: { x: 1 } }],
  });
});

test("it gives up where it was told to", () => {
  const wide = Array.from({ length: 12 }, (_, value) => `x=${value + 1} |------------------|`);
  const verdict = checkLinearizable(history(...wide, "x?99 |-----------------------|"), REGISTERS, 1000);
  expect(verdict).toEqual({ is: "undecided" });
});

const use: fc.Arbitrary<Use> = fc
  .record({
    x: fc.constantFrom("=1", "=2", "?0", "?1", "?2", ":0=1", ":1=2", ":0!1", ""),
    y: fc.constantFrom("=1", "?0", "?1", "", "", ""),
    began: fc.nat(8),
    lasts: fc.option(fc.integer({ min: 1, max: 6 }), { freq: 4, nil: undefined }),
  })
  .map(({ x, y, began, lasts }) => {
    const what = [x && `x${x}`, y && `y${y}`].filter(Boolean).join(",") || "x?0";
    const bars = `${" ".repeat(began)}|${lasts === undefined ? "" : `${"-".repeat(lasts - 1)}|`}`;
    return history(`${what} ${bars}`)[0] as Use;
  });

test("it says what trying all orders says", () => {
  const said = { linearizable: 0, not: 0 };
  fc.assert(
    fc.property(fc.array(use, { maxLength: 6 }), (uses) => {
      const isSo = someOrderExplains(REGISTERS.initial, uses);
      said[isSo ? "linearizable" : "not"]++;
      expect(checkLinearizable(uses, REGISTERS).is).toBe(isSo ? "linearizable" : "not linearizable");
    }),
    { numRuns: 1500 },
  );
  expect(Math.min(...Object.values(said))).toBeGreaterThan(150);
});

/** In the plainest way. */
function someOrderExplains(state: Registers, uses: readonly Use[]): boolean {
  if (uses.every(({ ended }) => ended === undefined)) return true;
  return uses.some((use) => {
    const others = uses.filter((other) => other !== use);
    if (others.some(({ ended }) => ended !== undefined && ended < use.began)) return false;
    const next = REGISTERS.step(state, use);
    return next !== undefined && someOrderExplains(next, others);
  });
}

test("long histories of several clients are decided, also with outcomes that nobody knows", () => {
  for (let seed = 0; seed < 3; seed++) {
    const uses = simulated(5, 120, seed);
    expect(checkLinearizable(uses, REGISTERS).is).toBe("linearizable");
    const stale = uses.findLastIndex(({ reads, ended }) => reads?.x !== undefined && ended !== undefined);
    const broken = uses.with(stale, { ...(uses[stale] as Use), reads: { x: -1 } });
    expect(checkLinearizable(broken, REGISTERS).is).toBe("not linearizable");
  }
});

/** What clients would have seen of registers that are in order, each operation at a moment within its time. */
function simulated(clients: number, each: number, seed: number): Use[] {
  const draw = seeded(seed);
  const random = () => draw(2 ** 32) / 2 ** 32;
  const calls = Array.from({ length: clients }, () => {
    let time = random();
    return Array.from({ length: each }, () => {
      const began = time;
      const ended = began + 0.2 + random();
      time = ended + random() * 0.2;
      return {
        began,
        ended,
        moment: began + random() * (ended - began),
        isWrite: random() < 0.5,
        isLost: random() < 0.004,
      };
    });
  });
  let state: Registers = {};
  return calls
    .flat()
    .sort((a, b) => a.moment - b.moment)
    .map(({ began, ended, isWrite, isLost }, index) => {
      const what = isWrite ? { writes: { x: index } } : { reads: { x: state.x ?? 0 } };
      if (isWrite) state = { x: index };
      return isLost ? { ...what, began } : { ...what, began, ended };
    });
}
