import { execFile } from "node:child_process";
import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  HAS_NEWER_NODES,
  installNewerNodes,
  NEWER_NODES,
  newerNode,
  packageFolder,
} from "../../newer-nodes.js";
import { ROOT } from "../../package/installed.js";
import { isSoak } from "../../soak.js";
import { onSharedStores } from "../../typed/stores.js";

const run = promisify(execFile);
const SENTENCE = "The invoices 17 and 18 are still open.";

interface Outcome {
  readonly answers: readonly { readonly shown: string; readonly stored: readonly string[] }[];
  /** What a page shows that does not resume. */
  readonly control: string;
  readonly interrupted: { readonly status: string; readonly error?: string };
  readonly again: number;
  readonly afterwards: string;
}

describe.runIf(HAS_NEWER_NODES)("the SDK's own chat and transport, on Node 22", () => {
  onSharedStores((opened) => {
    test("pages that are reloaded in the middle of an answer, on any server, show it whole and once", {
      timeout: 180_000,
    }, async () => {
      await installNewerNodes();
      const folder = await packageFolder(NEWER_NODES, ["ai", "zod"]);
      onTestFinished(() => rm(folder, { recursive: true, force: true }));
      await cp(join(ROOT, "dist/examples/ai-sdk"), join(folder, "ai-sdk"), { recursive: true });
      for (const program of ["serve.mjs", "reloads.mjs"])
        await cp(join(ROOT, "test/adapters/ai-sdk", program), join(folder, program));
      const args = ["reloads.mjs", opened.url, isSoak ? "60" : "8"];
      const { stdout } = await run(newerNode(22), args, { cwd: folder });
      const { answers, control, ...rest } = JSON.parse(stdout.trim().split("\n").at(-1) as string) as Outcome;
      expect(answers.length).toBeGreaterThan(0);
      for (const answer of answers)
        expect(answer).toEqual({
          shown: SENTENCE,
          stored: ["user: Which invoices are open?", `assistant: ${SENTENCE}`],
        });
      expect(control).not.toBe(SENTENCE);
      expect(rest).toEqual({
        interrupted: { status: "error", error: "The answer was interrupted." },
        again: 204,
        afterwards: SENTENCE,
      });
    });
  });
});
