import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { fakedUses } from "./timers.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The one place and what it is made of, and where the time of day is meant. */
const ALLOWED: Readonly<Record<string, RegExp>> = {
  "src/timing/real-timers.ts": /^node:timers$/,
  "src/timing/fake-timers.ts": /Timeout$|Immediate$/,
  "src/timing/clock.ts": /^Date$/,
  "src/process/event-id.ts": /^Date$/,
  "drivers/health.ts": /^Date$/,
  "drivers/sqlite/file-identity.ts": /^Date$/,
};

describe("nothing that runs in a store can be held up by fake timers", () => {
  test("in this repository", async () => {
    const found: string[] = [];
    let files = 0;
    for (const folder of ["src", "drivers"]) {
      for (const name of await readdir(join(ROOT, folder), { recursive: true })) {
        if (!name.endsWith(".ts")) continue;
        files++;
        const path = join(folder, name).replaceAll("\\", "/");
        found.push(...fakedUses(path, await readFile(join(ROOT, path), "utf8")));
      }
    }
    expect(files).toBeGreaterThan(100);
    const isAllowed = (use: string) => {
      const [, file = "", what = ""] = /^(.*):\d+ (.*)$/.exec(use) ?? [];
      return ALLOWED[file]?.test(what) === true;
    };
    expect(found.filter((use) => !isAllowed(use))).toEqual([]);
  });

  test.each([
    ["setTimeout(act, 5);", "setTimeout"],
    ["const later = globalThis.setImmediate;", "setImmediate"],
    ['import { setTimeout as sleep } from "node:timers/promises";', "node:timers/promises"],
    ['import { performance } from "perf_hooks";', "perf_hooks"],
    ["const at = performance.now();", "performance"],
    ["const at = Date.now();", "Date"],
    ["const at = new Date();", "Date"],
    ["process.nextTick(act);", "process.nextTick"],
    ["process.hrtime.bigint();", "process.hrtime"],
    ["const signal = AbortSignal.timeout(5);", "AbortSignal.timeout"],
    ["queueMicrotask(act);", "queueMicrotask"],
  ])("what can be faked is found: %s", (text, what) => {
    expect(fakedUses("src/a.ts", text)).toEqual([`src/a.ts:1 ${what}`]);
  });

  test.each([
    'import { setTimeout } from "./real-timers.js"; setTimeout(act, 5);',
    "socket.setTimeout(5); const at = new Date(5); if (at instanceof Date) throw at;",
    "interface A { setTimeout: number } let at: Date; const day = Date.UTC(2026, 0);",
  ])("what cannot is not: %s", (text) => {
    expect(fakedUses("src/a.ts", text)).toEqual([]);
  });
});
