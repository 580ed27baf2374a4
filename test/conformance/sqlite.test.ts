import { conformanceTests, typedCases } from "groundstate/conformance";
import { afterAll, describe, test } from "vitest";
import { isSoak } from "../soak.js";
import { CASE_MS } from "./case-limit.js";
import harness, { removeFolder } from "./sqlite-harness.mjs";

const modulePath = new URL("./sqlite-harness.mjs", import.meta.url).href;

afterAll(removeFolder);

// The wrappers make the same calls on every store: all of these run in memory, and in a short run a fourth of them on Postgres.
conformanceTests({ describe, test, afterAll }, harness, {
  typed: true,
  timeoutMs: CASE_MS,
  only: typedCases.map(({ id }) => id).filter((_, index) => isSoak || index % 2 === 1),
});

// Beside another's data sqlite-inline.test.ts runs over the same files.
for (const beside of isSoak ? [false, true] : [false])
  conformanceTests({ describe, test, afterAll }, harness, { modulePath, beside, timeoutMs: CASE_MS });
