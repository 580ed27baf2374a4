import { afterAll, describe, test } from "vitest";
import { cases, conformanceTests, referenceHarness } from "../../conformance/index.js";
import { isSoak, sampleOf } from "../soak.js";
import { CASE_MS } from "./case-limit.js";

/** Beside another's data it passes all of them in beside.test.ts, which counts what lies there. */
const only = sampleOf(
  cases.map(({ id }) => id),
  3,
);

for (const beside of isSoak ? [false, true] : [false])
  conformanceTests({ describe, test, afterAll }, referenceHarness, { only, beside, timeoutMs: CASE_MS });
