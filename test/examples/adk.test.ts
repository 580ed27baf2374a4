import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { node, ROOT } from "../package/installed.js";

test("the ADK example knows in another process what was said and what its user likes", async () => {
  const folder = mkdtempSync(join(tmpdir(), "groundstate-adk-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const run = (text: string) => node([join(ROOT, "dist/examples/adk/main.js"), "trips.db", text], folder);
  expect(await run("I like trains")).toEqual({ code: 0, out: "By trains. Asked 1 times. (3 messages)\n" });
  expect(await run("How do I get to Lisbon?")).toEqual({
    code: 0,
    out: "By trains. Asked 2 times. (7 messages)\n",
  });
});
