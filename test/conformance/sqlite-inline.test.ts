import { conformanceTests } from "groundstate/conformance";
import { afterAll, describe, test } from "vitest";
import { isSoak } from "../soak.js";
import { CASE_MS } from "./case-limit.js";
import { SOME_CASES_INLINE } from "./some-cases.js";
import { removeFolder } from "./sqlite-harness.mjs";
import harness from "./sqlite-inline-harness.mjs";

const modulePath = new URL("./sqlite-inline-harness.mjs", import.meta.url).href;

afterAll(removeFolder);

// Without another's data sqlite.test.ts runs over the same files.
for (const beside of isSoak ? [false, true] : [true])
  conformanceTests({ describe, test, afterAll }, harness, {
    modulePath,
    beside,
    timeoutMs: CASE_MS,
    ...SOME_CASES_INLINE,
  });
