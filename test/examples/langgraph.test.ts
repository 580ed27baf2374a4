import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { node, ROOT } from "../package/installed.js";

test("the LangGraph example asks, and goes on in another process", async () => {
  const folder = mkdtempSync(join(tmpdir(), "groundstate-langgraph-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const run = (...args: string[]) =>
    node([join(ROOT, "dist/examples/langgraph/main.js"), "trip.db", ...args], folder);
  const asked = { code: 0, out: "Shall I book? Two nights: a weekend in Lisbon\n" };
  expect(await run("a weekend in Lisbon")).toEqual(asked);
  expect(await run("--answer", "yes, by train")).toEqual({ code: 0, out: "booked by train\n" });
});
