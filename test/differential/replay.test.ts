import fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
import { assertProperty } from "./replay.js";

afterEach(() => {
  vi.unstubAllEnvs();
});

test("a failing case is named in the error, and runs alone when the environment names it", async () => {
  const seen: number[] = [];
  const property = fc.asyncProperty(fc.nat(1000), async (number) => {
    seen.push(number);
    if (number >= 100) throw new Error("too large");
  });
  const failure = async () => String(await assertProperty(property, 100).catch((error: unknown) => error));

  const [, replay = ""] = /GROUNDSTATE_REPLAY=(\S+)/.exec(await failure()) ?? [];
  expect(seen.length).toBeGreaterThan(1);
  seen.length = 0;
  vi.stubEnv("GROUNDSTATE_REPLAY", replay);
  expect(await failure()).toContain("too large");
  expect(seen).toEqual([100]);
});
