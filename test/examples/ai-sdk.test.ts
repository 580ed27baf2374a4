import { execFile } from "node:child_process";
import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { HAS_NEWER_NODES, installNewerNodes, NEWER_NODES, newerNode, packageFolder } from "../newer-nodes.js";
import { ROOT } from "../package/installed.js";

const run = promisify(execFile);

describe.runIf(HAS_NEWER_NODES)("the AI SDK example, on Node 22", () => {
  test("resumes an answer after a reload, and asks over a restart", { timeout: 180_000 }, async () => {
    await installNewerNodes();
    const folder = await packageFolder(NEWER_NODES, ["ai", "zod"]);
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    await cp(join(ROOT, "dist/examples/ai-sdk"), join(folder, "ai-sdk"), { recursive: true });
    const { stdout } = await run(newerNode(22), ["ai-sdk/main.js", "chats.db"], { cwd: folder });
    expect(stdout.split("\n")).toEqual([
      expect.stringMatching(/^reloaded after: The invoices 17( and)?$/),
      "resumed: The invoices 17 and 18 are still open.",
      'may I transfer {"amount":250}?',
      "transferring 250",
      "Done as you decided.",
      "",
    ]);
  });
});
