import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { node, ROOT } from "../package/installed.js";

test("the MCP example is cut off, and gets the rest of the call", async () => {
  const folder = mkdtempSync(join(tmpdir(), "groundstate-mcp-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  expect(await node([join(ROOT, "dist/examples/mcp/main.js"), "events.db"], folder)).toEqual({
    code: 0,
    out: "1\n2\n3\n4\n5\n6\n[ { type: 'text', text: 'counted' } ]\n",
  });
});
