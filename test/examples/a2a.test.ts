import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { node, ROOT } from "../package/installed.js";

test("the A2A example asks, and goes on with the task in another process", async () => {
  const folder = mkdtempSync(join(tmpdir(), "groundstate-a2a-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const run = (...args: string[]) =>
    node([join(ROOT, "dist/examples/a2a/main.js"), "tasks.db", ...args], folder);
  const asked = await run("Pay invoice 17.");
  expect(asked).toEqual({
    code: 0,
    out: expect.stringMatching(/^TASK_STATE_INPUT_REQUIRED 1 --task \S+ --context \S+\n$/),
  });
  const ended = await run("250 euros", ...asked.out.trim().split(" ").slice(2));
  expect(ended).toEqual({ code: 0, out: expect.stringMatching(/^TASK_STATE_COMPLETED 2 /) });
});
