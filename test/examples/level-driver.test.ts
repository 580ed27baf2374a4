import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Report } from "groundstate/conformance";
import { cases, conformanceTests } from "groundstate/conformance";
import { afterAll, describe, expect, test } from "vitest";
import harness from "../../examples/level-driver/harness.js";
import { groundstate } from "../conformance/built.js";
import { CASE_MS } from "../conformance/case-limit.js";
import { node, ROOT } from "../package/installed.js";
import { isSoak } from "../soak.js";
import { freshFolder } from "./level-rig.js";

type Case = (name: string, body: () => Promise<void>, timeoutMs?: number) => unknown;

const BESIDE = ["--beside", "--json", "--timeout", String(CASE_MS)];
/** What another's data could disturb, without the cases that bring neighbours of their own: all cases run in the soak. */
const SOME = ["erase"];
const isOfSome = (id: string) => SOME.some((text) => id.includes(text));
const BUILT = join(ROOT, "dist/examples/level-driver");
/** What its harness has nothing for. */
const BEYOND: readonly (string | undefined)[] = ["sharing", "damage"];
/** In a short run every fifth case, and all that needs processes. */
const chosen = cases.filter(({ needs }, index) => isSoak || index % 12 === 0 || needs !== undefined);
/** An id stands for all that hold it. */
const meant = cases.filter(({ id }) => chosen.some((each) => id.includes(each.id)));
const alone = meant.filter(({ needs }) => !BEYOND.includes(needs)).map(({ id }) => id);
const together = meant.filter(({ needs }) => BEYOND.includes(needs)).map(({ id }) => id);

const run: string[] = [];
const skipped: string[] = [];
const noted =
  (names: string[], begin: Case): Case =>
  (name, ...rest) => {
    names.push(name);
    return begin(name, ...rest);
  };

conformanceTests(
  {
    describe,
    afterAll,
    test: Object.assign(noted(run, test), {
      concurrent: noted(run, test.concurrent),
      skip: noted(skipped, test.skip),
    }),
  },
  harness,
  { modulePath: join(BUILT, "harness.js"), timeoutMs: CASE_MS, only: chosen.map(({ id }) => id) },
);

test("of the suite, what shares a space between processes or damages records is skipped, and nothing else", () => {
  expect(run).toEqual(alone);
  expect(skipped.map((name) => name.split(" ")[0])).toEqual(together);
});

test.runIf(isSoak)(
  "it passes on the command line too, once it is built, beside another's data",
  async () => {
    const only = isSoak ? [] : SOME.flatMap((text) => ["--only", text]);
    const { code, out } = await groundstate(BUILT, "conformance", "./harness.js", ...BESIDE, ...only);
    const { harness: name, failed, results } = JSON.parse(out) as Report;
    expect({ code, name, failed }).toEqual({ code: 0, name: "level", failed: 0 });
    const left = results.filter(({ outcome }) => outcome === "skipped");
    expect(left.map(({ id }) => id)).toEqual(isSoak ? together : together.filter(isOfSome));
  },
  120_000,
);

test("it has fewer than 260 lines, its harness included", () => {
  const files = ["driver.ts", "keys.ts", "harness.ts"];
  const text = files.map((name) => readFileSync(join(ROOT, "examples/level-driver", name), "utf8")).join("");
  expect(text.trimEnd().split("\n").length).toBeLessThan(260);
});

test("the program opens it by its URL, again and again", async () => {
  const folder = freshFolder();
  for (const time of ["first", "second"]) {
    expect({ time, ...(await node([join(BUILT, "main.js")], folder)) }).toEqual({
      time,
      code: 0,
      out: "hello\n",
    });
  }
});
