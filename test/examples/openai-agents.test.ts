import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { node, ROOT } from "../package/installed.js";

test("the OpenAI Agents example asks, and makes the call once in another process", async () => {
  const folder = mkdtempSync(join(tmpdir(), "groundstate-openai-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const main = join(ROOT, "dist/examples/openai-agents/main.js");
  const run = (...args: string[]) => node([main, "bank.db", ...args], folder);
  expect(await run()).toEqual({ code: 0, out: 'may I transfer {"amount":250}?\n' });
  expect(await run("--decide", "approve")).toEqual({
    code: 0,
    out: "transferring 250\nDone as you decided.\n",
  });
  expect(await run("--decide", "approve")).toEqual({ code: 0, out: "" });
});
