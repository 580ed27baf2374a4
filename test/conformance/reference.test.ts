import { afterAll, describe, test } from "vitest";
import { conformanceTests, referenceHarness } from "../../conformance/index.js";
import { isSoak } from "../soak.js";
import { CASE_MS } from "./case-limit.js";

// Beside another's data it passes in beside.test.ts, which counts what lies there.
for (const beside of isSoak ? [false, true] : [false])
  conformanceTests({ describe, test, afterAll }, referenceHarness, { beside, timeoutMs: CASE_MS });
