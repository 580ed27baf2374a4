import { readFileSync } from "node:fs";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { type History, read, written } from "../../conformance/histories/history.js";
import { judge } from "../../conformance/histories/judge.js";
import { BROKEN } from "./broken-drivers.js";
import { explain } from "./explain.js";
import { racesInMemory } from "./races.js";
import { mustBeLinearizable } from "./run.js";

afterEach(() => {
  vi.unstubAllEnvs();
});

const FILE = process.env.GROUNDSTATE_HISTORY;

test.skipIf(!FILE)(
  `the history in ${FILE ?? "a file, which GROUNDSTATE_HISTORY does not name,"} is linearizable`,
  () => {
    const history = read(readFileSync(FILE as string, "utf8"));
    if (judge(history).is !== "linearizable") throw new Error(explain(history));
  },
);

test("a history that was written is read as it was", async () => {
  const histories: History[] = [];
  const races: ReturnType<typeof racesInMemory> = (look) =>
    racesInMemory()((history) => {
      histories.push(history);
      look(history);
    });
  await mustBeLinearizable(races, 20);
  for (const history of histories) expect(read(written(history))).toEqual(history);
});

describe("what is said of a driver that is broken", () => {
  const broken = racesInMemory(BROKEN["reads what it read before"]);
  const failure = async () => {
    const error: unknown = await mustBeLinearizable(broken, 100, true).catch((error: unknown) => error);
    return (error as Error).message;
  };
  let said: string;

  beforeAll(async () => {
    said = await failure();
  }, 240_000);

  test("shows the calls that do not fit, and ends with what repeats it", () => {
    expect(said).toMatch(/^No order explains these \d+ of \d+ calls/);
    expect(said).toMatch(/\nThe longest order has \d+ of them:\n/);
    expect(said).toMatch(/\. None of these can come next:\n[a-d] {2}/);
    expect(said).toMatch(/GROUNDSTATE_REPLAY=\S+$/);
  });

  test("holds the whole history, which is judged again as it was", () => {
    const line = said.split("\n").find((line) => line.startsWith("{")) as string;
    expect(judge(read(line)).is).toBe("not linearizable");
  });

  test("is the same again when the case alone is repeated", async () => {
    vi.stubEnv("GROUNDSTATE_REPLAY", said.split("GROUNDSTATE_REPLAY=")[1] as string);
    const again = await failure();
    expect(callsOf(said).length).toBeGreaterThan(1);
    expect(callsOf(again)).toEqual(callsOf(said));
  });
});

/** Those in the table, without their times. */
function callsOf(said: string): readonly unknown[] {
  return [...said.matchAll(/^ *\S+ \.\. *\S+ {2}(.*)$/gm)].map(([, call]) => call);
}
